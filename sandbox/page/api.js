// Asking the sandbox for something, and turning a refusal into words.

import { hasWord, word } from "/page/words.js";

// { ok, status, body }; never throws, for a page without a sandbox behind it must still speak.
export async function ask(path, { method = "GET", body, type = "application/json" } = {}) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["Content-Type"] = type;
    options.body = type === "application/json" ? JSON.stringify(body) : body;
  }
  try {
    const answer = await fetch(path, options);
    const text = await answer.text();
    return { ok: answer.ok, status: answer.status, body: text ? JSON.parse(text) : {} };
  } catch {
    return { ok: false, status: 0, body: { code: "unreachable" } };
  }
}

export function post(path, body) {
  return ask(path, { method: "POST", body });
}

// The sentence for a problem: ours where we know its code, else what the service said.
export function inWords({ body }) {
  const known = `error.${body.code}`;
  if (hasWord(known)) return word(known);
  const faults = (body.errors ?? []).map((fault) => fault.detail ?? fault.reason ?? "");
  const detail = [body.detail ?? body.title ?? "", ...faults].filter(Boolean).join(" ");
  return word("error.said", { detail });
}

// A random key that marks one draft; crypto.randomUUID is missing on plain http from elsewhere.
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
