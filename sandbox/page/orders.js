// Orders: accepted is not done, so what the router made of one is asked until it is known.

import { ask } from "/page/api.js";
import { hasWord, word } from "/page/words.js";

const LOOKS = 20;
const PAUSE_MS = 250; // so that five seconds are waited at most: usually it takes a tenth of one

// Why an order was not done, in words; "" where it was, or where nobody knows yet.
export async function failed(id) {
  for (let look = 0; look < LOOKS; look += 1) {
    const { ok, body } = await ask(`/desk/orders/${encodeURIComponent(id)}`);
    if (!ok || body.status === "done") return "";
    if (body.status === "failed") return inReason(body.reason ?? "");
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return "";
}

// A reason begins with a code, which we may have better words for.
function inReason(reason) {
  const [, code, rest] = /^([a-z_]+): ?(.*)$/s.exec(reason) ?? [];
  if (code && hasWord(`error.${code}`)) return word(`error.${code}`);
  return word("error.said", { detail: rest || reason });
}
