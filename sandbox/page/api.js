// Requests to the sandbox, and texts for refusals.

import { hasWord, word } from "/page/words.js";

// Returns { ok, status, body }. Never throws: the page must show an error when the sandbox is gone.
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

// The text for a problem: our own if we know its code, else the service's.
export function inWords({ body }) {
  const known = `error.${body.code}`;
  if (hasWord(known)) return word(known);
  const faults = (body.errors ?? []).map((fault) => fault.detail ?? fault.reason ?? "");
  const detail = [body.detail ?? body.title ?? "", ...faults].filter(Boolean).join(" ");
  return word("error.said", { detail });
}

// A random key for one draft; crypto.randomUUID does not exist over plain HTTP from another host.
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
