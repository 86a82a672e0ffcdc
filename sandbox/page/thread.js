// The open conversation: its messages and events, and the answer box.

import { freshKey, inWords, post } from "/page/api.js";
import * as compose from "/page/compose.js";
import { sync } from "/page/dom.js";
import { entry, mark } from "/page/letters.js";
import { failed } from "/page/orders.js";
import { departmentName, isPartial, tenantOf } from "/page/state.js";
import { moment, word } from "/page/words.js";

let draft = { key: "", said: "" };
const uploads = new Map(); // files of the draft -> the gateway's response

const TYPING_AGAIN_MS = 20_000; // WhatsApp shows it for 25 seconds
let typed = { id: "", at: 0 }; // conversation in which the desk last sent a typing indicator
const silent = new Set(); // conversations for which the mailroom refuses typing indicators

const NEAR = 12; // pixels that do not count as scrolling
let placed = 0; // position to which the thread was last scrolled
let size = ""; // of the window in which it was

const by = (id) => document.getElementById(id);

// departments(page): departments to which a conversation can be transferred.
export function start(page, departments) {
  by("answer").addEventListener("submit", (event) => {
    event.preventDefault();
    answer(page, departments);
  });
  by("answer-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) by("answer").requestSubmit();
  });
  by("answer-text").addEventListener("input", () => typing(page));
  compose.start(page, departments);
}

export function draw(page, inside) {
  const conversation = inside.find((one) => one.id === page.conversation);
  by("thread").hidden = !conversation;
  by("thread-empty").hidden = Boolean(conversation) || inside.length === 0;
  by("hole").dataset.full = String(inside.length > 0);
  if (!conversation) return;
  const name = conversation.name || word("desk.anonymous");
  by("thread-title").textContent = word("desk.thread", { name });
  by("thread-who").textContent = reachable(conversation);
  stand(conversation);
  by("answer-label").textContent = compose.label(name);
  compose.fit(conversation);
  const where = (id) => departmentName(page.state, tenantOf(page.state, conversation), id);
  const fresh = by("thread").dataset.of !== conversation.id;
  const resized = size !== (size = `${innerWidth} ${innerHeight}`);
  reading(by("thread-scroll"), fresh || resized, () => {
    if (fresh) {
      by("entries").replaceChildren();
      by("thread").dataset.of = conversation.id;
      complain("");
      compose.quote(page, null);
    }
    let before = null;
    const lost = isPartial(conversation) ? [{ id: "partial", note: "partial" }] : [];
    const rows = [...lost, ...conversation.entries].map((one) => {
      const row = entry(one, before, {
        where,
        quote: () => {
          compose.quote(page, one);
          by("answer-text").focus();
        },
        react: () => react(page, conversation, one),
        settle: (seen) => settle(page, conversation, one, seen),
      });
      if (!one.note && !one.mine) before = one;
      else if (one.note && one.reason) before = { told: one.reason };
      return row;
    });
    sync(by("entries"), rows);
  });
}

// Keep the unread part in view, unless the user scrolled away: the citizen's last message and the
// reason for its department, even if automatic texts followed; once it is answered, the end.
function reading(scroller, fresh, change) {
  const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  const follows = fresh || left < NEAR || Math.abs(scroller.scrollTop - placed) < NEAR;
  change();
  if (!follows) return;
  const spoken = [...scroller.querySelectorAll(".letter, .reply:not(.automatic)")].at(-1);
  const top = spoken?.matches(".letter") ? spoken.offsetTop - scroller.offsetTop - NEAR : Infinity;
  scroller.scrollTop = Math.min(top, scroller.scrollHeight);
  placed = scroller.scrollTop;
}

// The phone number, or a text that the citizen hides it; "" if the citizen is unknown.
function reachable({ identities }) {
  if (identities.length === 0) return "";
  const phone = identities.find((one) => one.kind === "phone");
  return phone ? `+${phone.value.replace(/^(31)(6)/, "$1 $2 ")}` : word("phone.hidden");
}

function isOver(until) {
  return new Date(until) < new Date();
}

// Department, and the end of the customer service window, beside the labels.
function stand(conversation) {
  const { assignee, zaak, windowUntil } = conversation;
  const parts = [
    assignee && word("mark.assignee", { assignee }),
    zaak && `${word("desk.zaak")} ${zaak}`,
    windowUntil && word(isOver(windowUntil) ? "desk.window_over" : "desk.window", { moment: moment(windowUntil) }),
  ].filter(Boolean);
  by("thread-stand").textContent = parts.join(" · ");
  by("thread-stand").hidden = parts.length === 0;
}

async function answer(page, departments) {
  const box = by("answer-text");
  const text = box.value.trim();
  const conversation = page.conversation;
  if ((!text && box.required) || !conversation) return;
  complain("");
  const { path, body, refused } = await compose.made(page, text, uploads);
  if (refused) return complain(`${word("error.answer")} ${inWords(refused)}`);
  // A draft keeps its key, so that a second try does not send a second message.
  const said = JSON.stringify([conversation, body]);
  if (draft.said !== said) draft = { key: freshKey(), said };
  const given = await post(path, { conversationId: conversation, key: draft.key, ...body });
  if (!given.ok) return complain(`${word(body.action ? "error.order" : "error.answer")} ${inWords(given)}`);
  draft = { key: "", said: "" };
  if (body.action) {
    const refusal = await failed(given.body.id);
    if (refusal) return complain(`${word("error.order")} ${refusal}`);
  }
  typed = { id: "", at: 0 };
  uploads.clear();
  if (box.value.trim() === text) box.value = "";
  if (!compose.isText() || page.quoting) compose.reset(page, departments);
  page.say(mark("accepted").words);
}

// Send a typing indicator while an employee writes, if the municipality allows it.
async function typing(page) {
  const { state } = page;
  const conversation = state.conversations.get(page.conversation);
  if (!conversation || !compose.isAnswer() || !shows(state, conversation)) return;
  const { id } = conversation;
  if (typed.id === id && Date.now() - typed.at < TYPING_AGAIN_MS) return;
  typed = { id, at: Date.now() };
  const order = { conversationId: id, action: "read", body: { typing: true }, key: freshKey() };
  const given = await post("/desk/actions", order);
  if (given.status === 409) silent.add(id);
}

function shows(state, { id, department }) {
  const number = state.town.numbers.find((one) => id.startsWith(one.id));
  const there = state.town.departments.find(
    (one) => one.id === department && one.tenant === number?.tenant);
  return number?.marks && !there?.confidential && !silent.has(id);
}

// Put a thumb on the citizen's message; a second click removes it.
async function react(page, conversation, { id, reaction }) {
  const emoji = reaction ? "" : "👍";
  const message = { type: "reaction", reaction: { messageId: id, emoji } };
  complain("");
  const given = await post("/desk/answers", { conversationId: conversation.id, text: emoji, message });
  if (!given.ok) complain(`${word("error.answer")} ${inWords(given)}`);
}

// The status that follows changes the bubble on every page.
async function settle(page, { id: conversationId }, { id: message }, seen) {
  complain("");
  const body = { message, seen, reason: word("settle.reason") };
  const given = await post("/desk/actions", { conversationId, action: "settle", body });
  const refusal = given.ok ? await failed(given.body.id) : inWords(given);
  if (refusal) complain(`${word("error.order")} ${refusal}`);
}

function complain(text) {
  by("desk-complaint").textContent = text;
}
