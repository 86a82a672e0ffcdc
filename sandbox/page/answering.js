// Where employees answer if the desk is the CRM: the way there, and the record of who is on the phone.

import { post } from "/page/api.js";
import { h } from "/page/dom.js";
import * as record from "/page/record.js";
import { chatKey } from "/page/state.js";
import { word } from "/page/words.js";

const LOOKS_MS = [300, 1500, 5000]; // the archive is a moment behind the phone, and "read" comes seconds later
const FOLLOWED = ["webhook", "town"]; // a citizen wrote, or an answer came
const WORDS = {
  "#desk-title": "answering.title",
  "[data-go=desk]": "answering.skip",
  ".views [data-view=desk] span": "answering.view",
};

const known = new Map(); // chat -> its conversation; a page has a dozen citizens
let shown = ""; // chat whose record is open
let looks = [];

const by = (id) => document.getElementById(id);

export function start(page) {
  document.body.dataset.answers = "desk";
  by("answering").hidden = false;
  by("answering-open").href = `${page.state.town.desk}/inbox`;
  for (const [selector, key] of Object.entries(WORDS)) document.querySelector(selector).dataset.word = key;
}

export function relabel(page) {
  const people = page.state.town.employees.map(({ id, name }) =>
    h("li", {}, h("strong", {}, name), " ", h("span", {}, word(`works.${id}`))));
  by("answering-people").replaceChildren(...people);
}

export function draw(page) {
  const chat = chatKey(page.number, page.citizen.phone);
  if (chat === shown || !page.ready) return;
  shown = chat;
  page.conversation = known.get(chat) ?? "";
  look(page);
}

export function happened(page, kind) {
  if (!FOLLOWED.includes(kind)) return;
  looks.forEach(clearTimeout);
  looks = LOOKS_MS.map((wait) => setTimeout(() => look(page), wait));
}

// Find the newest conversation of the phone in hand, and fetch its record again.
async function look(page) {
  const { number, citizen, state } = page;
  const chat = chatKey(number, citizen.phone);
  const last = (state.chats.get(chat) ?? []).findLast((one) => one.mine);
  if (!last) return;
  const { ok, body } = await post("/desk/conversation", { number, bsuid: last.bsuid });
  if (!ok || !body.conversationId) return;
  known.set(chat, body.conversationId);
  if (chat !== shown) return;
  if (page.conversation === body.conversationId) record.load(page);
  page.conversation = body.conversationId;
  page.redraw();
}
