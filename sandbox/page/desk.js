// The departments: a wall of pigeonholes, the conversations in the open one, and the answer box.

import { freshKey, inWords, post } from "/page/api.js";
import * as compose from "/page/compose.js";
import { kind } from "/page/contents.js";
import { following, h, icon, sync } from "/page/dom.js";
import { entry, mark } from "/page/letters.js";
import { departmentName, said, tenantOf, waits } from "/page/state.js";
import { clock, counted, word } from "/page/words.js";

const LETTERS_SHOWN = 3; // envelopes that stick out of a pigeonhole
const CONVERSATIONS_SHOWN = 50;
const LONG_WORD = 15; // letters that fit in the narrowest label

let draft = { key: "", said: "" };
const uploads = new Map(); // files of the draft -> what the gateway answered

const by = (id) => document.getElementById(id);

export function start(page) {
  by("letters-empty").prepend(icon("tray"));
  by("thread-empty").prepend(icon("letter"));
  by("wall").addEventListener("keydown", (event) => walk(page, event));
  by("answer").addEventListener("submit", (event) => {
    event.preventDefault();
    answer(page);
  });
  by("answer-text").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) by("answer").requestSubmit();
  });
  compose.start(page, departments);
  by("outage").addEventListener("click", () =>
    post("/crm/mode", { mode: page.state.mode === "ok" ? "refuse" : "ok" }),
  );
}

export function relabel(page) {
  compose.relabel(page, departments);
}

export function draw(page) {
  const { state } = page;
  const down = state.mode !== "ok";
  by("outage").setAttribute("aria-pressed", String(down));
  by("outage-note").hidden = !down;
  const all = mine(page);
  const waiting = all.filter(waits).length;
  by("waiting-count").textContent = waiting ? counted("desk.waiting", waiting) : "";
  const wall = departments(page);
  by("wall").style.setProperty("--columns", columns(wall.map(({ name }) => name)));
  sync(by("wall"), wall.map((one) => hole(page, one, all)));
  by("hole").setAttribute("aria-labelledby", `tab-${page.department}`);
  const inside = all.filter((one) => one.department === page.department);
  sync(by("letters"), inside.slice(0, CONVERSATIONS_SHOWN).map((one) => letter(page, one)));
  by("letters-empty").hidden = inside.length > 0 || all.length === 0;
  by("desk-first").hidden = all.length > 0;
  thread(page, inside);
}

// The first thing to see: the pigeonhole where somebody waits, else the first one.
export function openFirst(page) {
  const waiting = mine(page).find(waits) ?? mine(page)[0];
  page.department = waiting?.department ?? departments(page)[0]?.id ?? "";
  page.conversation = waiting?.id ?? "";
}

// A message came in: show it, unless somebody is busy at the desk with something else.
export function arrived(page, event) {
  const conversation = page.state.conversations.get(event.data?.conversationId);
  if (!conversation) return;
  const busy = by("answer-text").value.trim() || by("desk").contains(document.activeElement);
  const moved = page.conversation === conversation.id;
  const { people } = page.state;
  const fromPhone = conversation.identities.some(
    ({ value }) => (people.get(value) ?? value) === page.citizen.phone);
  if (moved || (fromPhone && !busy && tenantOf(page.state, conversation) === tenant(page))) {
    page.department = conversation.department;
    page.conversation = conversation.id;
  }
}

// As many in a row as leaves the last row fullest; a long word needs a wide label.
function columns(names) {
  const n = names.length;
  const long = names.some((name) => name.split(/[\s-]/).some((part) => part.length > LONG_WORD));
  const fitting = long ? [3, 2] : n < 4 ? [Math.max(n, 2)] : [4, 3, 5];
  return fitting.sort((a, b) => ((a - (n % a)) % a) - ((b - (n % b)) % b))[0];
}

function tenant(page) {
  return page.state.town.numbers.find((one) => one.id === page.number).tenant;
}

function departments(page) {
  const here = tenant(page);
  return page.state.town.departments.filter((one) => one.tenant === here);
}

// The conversations of this municipality, the latest first.
function mine(page) {
  const here = tenant(page);
  const all = [...page.state.conversations.values()];
  return all
    .filter((one) => tenantOf(page.state, one) === here)
    .sort((a, b) => new Date(b.at ?? 0) - new Date(a.at ?? 0));
}

function hole(page, department, all) {
  const inside = all.filter((one) => one.department === department.id);
  const waiting = inside.filter(waits).length;
  const chosen = department.id === page.department;
  const told = waiting
    ? counted("desk.waiting", waiting)
    : inside.length
      ? word("desk.done", { n: inside.length })
      : word("desk.none");
  const letters = Math.min(inside.length, LETTERS_SHOWN);
  const make = () =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${department.id}`,
        class: `hole${waiting ? " has-news" : ""}`,
        "aria-selected": String(chosen),
        "aria-controls": "hole",
        tabindex: chosen ? "0" : "-1",
        onclick: () => openHole(page, department.id),
      },
      h("span", { class: "label", lang: "nl" }, department.name),
      h("span", { class: "inside", "aria-hidden": "true" },
        Array.from({ length: letters }, () => h("span", { class: "envelope" }))),
      h("span", { class: "told" }, told),
    );
  return { key: department.id, sign: `${chosen} ${told} ${letters}`, make };
}

function openHole(page, id) {
  page.department = id;
  const inside = mine(page).filter((one) => one.department === id);
  page.conversation = (inside.find(waits) ?? inside[0])?.id ?? "";
  page.redraw();
}

// Arrow keys, Home and End go along the wall, as in any row of tabs.
function walk(page, event) {
  const all = departments(page);
  const now = all.findIndex((one) => one.id === page.department);
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  let next = now + (steps[event.key] ?? 0);
  if (event.key === "Home") next = 0;
  else if (event.key === "End") next = all.length - 1;
  else if (!(event.key in steps)) return;
  event.preventDefault();
  openHole(page, all[(next + all.length) % all.length].id);
  draw(page);
  by(`tab-${page.department}`).focus();
}

function letter(page, conversation) {
  const words = said(conversation);
  const last = words.at(-1);
  const waiting = waits(conversation);
  const chosen = conversation.id === page.conversation;
  const name = conversation.name || word("desk.anonymous");
  const make = () =>
    h(
      "li",
      {},
      h(
        "button",
        {
          type: "button",
          "aria-current": chosen ? "true" : null,
          "data-focus": "letter",
          onclick: () => {
            page.conversation = conversation.id;
            page.redraw();
          },
        },
        h("span", { class: "from" }, name),
        h("span", { class: "first-line" }, last?.text || word(kind(last?.type))),
        h("span", { class: waiting ? "stamp waiting" : "stamp" },
          icon(waiting ? "letter" : "tick"), word(waiting ? "desk.unanswered" : "desk.answered"),
          conversation.at && h("time", { datetime: conversation.at }, clock(conversation.at))),
      ),
    );
  const sign = [chosen, waiting, name, words.length, document.documentElement.lang].join(" ");
  return { key: conversation.id, sign, make };
}

function thread(page, inside) {
  const conversation = inside.find((one) => one.id === page.conversation);
  by("thread").hidden = !conversation;
  by("thread-empty").hidden = Boolean(conversation) || inside.length === 0;
  by("hole").dataset.full = String(inside.length > 0);
  if (!conversation) return;
  const name = conversation.name || word("desk.anonymous");
  by("thread-title").textContent = word("desk.thread", { name });
  by("thread-who").textContent = reachable(conversation);
  by("answer-label").textContent = compose.label(name);
  const where = (id) => departmentName(page.state, tenantOf(page.state, conversation), id);
  following(by("thread-scroll"), () => {
    if (by("thread").dataset.of !== conversation.id) {
      by("entries").replaceChildren();
      by("thread").dataset.of = conversation.id;
      complain("");
      compose.quote(page, null);
    }
    let before = null;
    const rows = conversation.entries.map((one) => {
      const row = entry(one, before, {
        where,
        quote: () => {
          compose.quote(page, one);
          by("answer-text").focus();
        },
        react: () => react(page, conversation, one),
      });
      if (!one.note && !one.mine) before = one;
      return row;
    });
    sync(by("entries"), rows);
  });
}

// The telephone number, where the citizen shows one; nothing where nothing is known of them.
function reachable({ identities }) {
  if (identities.length === 0) return "";
  const phone = identities.find((one) => one.kind === "phone");
  return phone ? `+${phone.value.replace(/^(31)(6)/, "$1 $2 ")}` : word("phone.hidden");
}

async function answer(page) {
  const box = by("answer-text");
  const text = box.value.trim();
  const conversation = page.conversation;
  if ((!text && box.required) || !conversation) return;
  complain("");
  const { path, body, refused } = await compose.made(page, text, uploads);
  if (refused) return complain(`${word("error.answer")} ${inWords(refused)}`);
  // The same draft keeps its key, so that a second try is never a second message.
  const said = JSON.stringify([conversation, body]);
  if (draft.said !== said) draft = { key: freshKey(), said };
  const given = await post(path, { conversationId: conversation, key: draft.key, ...body });
  if (!given.ok) return complain(`${word("error.answer")} ${inWords(given)}`);
  draft = { key: "", said: "" };
  uploads.clear();
  if (box.value.trim() === text) box.value = "";
  if (!compose.isText() || page.quoting) compose.reset(page, departments);
  page.say(mark("accepted").words);
}

// A thumb on what the citizen wrote; once more takes it away.
async function react(page, conversation, { id, reaction }) {
  const emoji = reaction ? "" : "👍";
  const message = { type: "reaction", reaction: { messageId: id, emoji } };
  complain("");
  const given = await post("/desk/answers", { conversationId: conversation.id, text: emoji, message });
  if (!given.ok) complain(`${word("error.answer")} ${inWords(given)}`);
}

function complain(text) {
  by("desk-complaint").textContent = text;
}
