// Commands: the gateway accepts one before the router decides, so the page polls for the outcome.

import { ask } from "/page/api.js";
import { hasWord, word } from "/page/words.js";

const LOOKS = 20;
const PAUSE_MS = 250; // five seconds in all; the outcome usually comes within 0.1 s

// The reason why a command was refused; "" if it succeeded or is still undecided.
export async function failed(id) {
  for (let look = 0; look < LOOKS; look += 1) {
    const { ok, body } = await ask(`/desk/orders/${encodeURIComponent(id)}`);
    if (!ok || body.status === "done") return "";
    if (body.status === "failed") return inReason(body.reason ?? "");
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return "";
}

// A reason begins with a code, for which the page may have a text of its own.
function inReason(reason) {
  const [, code, rest] = /^([a-z_]+): ?(.*)$/s.exec(reason) ?? [];
  if (code && hasWord(`error.${code}`)) return word(`error.${code}`);
  return word("error.said", { detail: rest || reason });
}
