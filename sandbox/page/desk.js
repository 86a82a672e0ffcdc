// The departments: a wall of pigeonholes, and the conversations in the open one.

import { post } from "/page/api.js";
import * as compose from "/page/compose.js";
import { kind } from "/page/contents.js";
import { h, icon, sync } from "/page/dom.js";
import { soften } from "/page/hyphens.js";
import { signOf, urgent } from "/page/marks.js";
import {
  countUndelivered, isHandled, isInDoubt, isPartial, presses, said, tenantOf, undecided, waits,
} from "/page/state.js";
import * as thread from "/page/thread.js";
import { clock, counted, word } from "/page/words.js";

const LETTERS_SHOWN = 3; // envelopes that stick out of a pigeonhole
const CONVERSATIONS_SHOWN = 50;
const LONG_WORD = 15; // letters that fit in the narrowest label

const by = (id) => document.getElementById(id);

export function start(page) {
  by("letters-empty").prepend(icon("tray"));
  by("thread-empty").prepend(icon("letter"));
  by("wall").addEventListener("keydown", (event) => walk(page, event));
  thread.start(page, departments);
  by("outage").addEventListener("click", () =>
    post("/crm/mode", { mode: page.state.mode === "ok" ? "refuse" : "ok" }),
  );
}

// How many messages wait while the CRM is down, and then until the last one is delivered.
function showOutage(state) {
  const down = state.mode !== "ok";
  const n = countUndelivered(state);
  const [told, waiting] = down ? ["desk.outage.on", "desk.outage.held"] : ["desk.outage.off", "desk.outage.left"];
  by("outage").setAttribute("aria-pressed", String(down));
  by("outage-note").hidden = !state.drains;
  by("outage-note").dataset.down = String(down);
  by("outage-note").textContent = `${word(told)} ${n ? counted(waiting, n) : word("desk.outage.none")}`;
}

// Scroll the row of pigeonholes to the chosen one, when another is chosen or the row gets another width.
function reveal(page) {
  const wall = by("wall");
  const chosen = by(`tab-${page.department}`);
  const shown = [page.department, document.body.dataset.view, innerWidth].join();
  if (!chosen || wall.dataset.shown === shown) return;
  wall.dataset.shown = shown;
  wall.scrollLeft = chosen.offsetLeft - (wall.clientWidth - chosen.offsetWidth) / 2;
}

export function relabel(page) {
  compose.relabel(page, departments);
}

export function draw(page) {
  const { state } = page;
  showOutage(state);
  by("gaps-note").hidden = !state.gaps;
  const all = mine(page);
  const waiting = all.filter(waits).length;
  by("waiting-count").textContent = waiting ? counted("desk.waiting", waiting) : "";
  const wall = departments(page);
  const across = columns(wall.map(({ name }) => name));
  by("wall").style.setProperty("--columns", across);
  const row = all.length > 0;
  by("wall").dataset.row = String(row);
  by("wall").dataset.high = String(!row && wall.length > 2 * across);
  sync(by("wall"), wall.map((one) => hole(page, one, all)));
  reveal(page);
  by("hole").setAttribute("aria-labelledby", `tab-${page.department}`);
  const inside = all.filter((one) => one.department === page.department);
  sync(by("letters"), inside.slice(0, CONVERSATIONS_SHOWN).map((one) => letter(page, one)));
  by("letters-empty").hidden = inside.length > 0 || all.length === 0;
  by("desk-first").hidden = all.length > 0;
  thread.draw(page, inside);
}

// At the start, open the pigeonhole in which a citizen waits, else the first one.
export function openFirst(page) {
  const waiting = mine(page).find(waits) ?? mine(page)[0];
  page.department = waiting?.department ?? departments(page)[0]?.id ?? "";
  page.conversation = waiting?.id ?? "";
}

// A message came in: show it, unless the desk is busy with another conversation. The focus stays
// where it is.
export function arrived(page, { conversationId } = {}) {
  const conversation = page.state.conversations.get(conversationId);
  if (!conversation) return;
  const busy = by("answer-text").value.trim() || by("desk").contains(document.activeElement);
  const moved = page.conversation === conversation.id;
  const { people } = page.state;
  const fromPhone = conversation.identities.some(
    ({ value }) => (people.get(value) ?? value) === page.citizen.phone);
  const here = tenantOf(page.state, conversation) === tenant(page);
  const idle = !page.state.conversations.has(page.conversation); // an empty pigeonhole is open
  const fills = idle && conversation.department === page.department;
  if (moved || (here && (fills || (fromPhone && !busy)))) {
    page.department = conversation.department;
    page.conversation = conversation.id;
  }
}

// Choose the columns that give the fewest rows, with the last one fullest; a long word needs a wide
// label.
function columns(names) {
  const n = names.length;
  const long = names.some((name) => name.split(/[\s-]/).some((part) => part.length > LONG_WORD));
  const fitting = long ? [3, 2] : n < 4 ? [Math.max(n, 2)] : [4, 3, 5];
  const cost = (a) => Math.ceil(n / a) * 10 + ((a - (n % a)) % a);
  return fitting.sort((a, b) => cost(a) - cost(b))[0];
}

function tenant(page) {
  return page.state.town.numbers.find((one) => one.id === page.number).tenant;
}

function departments(page) {
  const here = tenant(page);
  return page.state.town.departments.filter((one) => one.tenant === here);
}

// The conversations of this municipality: those about care that wait for a person, then the latest.
function mine(page) {
  const here = tenant(page);
  const all = [...page.state.conversations.values()];
  return all
    .filter((one) => tenantOf(page.state, one) === here)
    .sort((a, b) => presses(page.state, b) - presses(page.state, a) || new Date(b.at ?? 0) - new Date(a.at ?? 0));
}

function hole(page, department, all) {
  const inside = all.filter((one) => one.department === department.id);
  const waiting = inside.filter(waits).length;
  const chosen = department.id === page.department;
  const told = contained(inside, waiting);
  const pressing = inside.some((one) => waits(one) && one.priority === "urgent");
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
      h("span", { class: "label", lang: "nl" }, soften(department.name)),
      h("span", { class: "inside", "aria-hidden": "true" },
        Array.from({ length: letters }, () => h("span", { class: "envelope" }))),
      h("span", { class: "told" }, pressing && icon("alert"),
        pressing && h("span", { class: "pressing" }, `${word("priority.urgent")}: `), told),
    );
  return { key: department.id, sign: `${chosen} ${told} ${letters} ${pressing}`, make };
}

function contained(inside, waiting) {
  if (waiting) return counted("desk.waiting", waiting);
  const open = inside.filter(undecided).length;
  if (open) return word("desk.undecided", { n: open });
  const handled = inside.filter(isHandled).length;
  if (handled) return word("desk.done", { n: handled });
  return word(inside.length ? "mark.no.task" : "desk.none");
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

// State of a conversation: [icon, key of its text].
function standing(conversation) {
  if (conversation.closed) return ["tick", "desk.ended"];
  if (isInDoubt(conversation)) return ["question", "desk.doubt"];
  if (isPartial(conversation)) return ["question", "desk.partial"];
  if (waits(conversation)) return ["letter", "desk.unanswered"];
  if (undecided(conversation)) return ["question", "mark.provisional"];
  return ["tick", isHandled(conversation) ? "desk.answered" : "mark.no.task"];
}

function letter(page, conversation) {
  const words = said(conversation);
  const last = words.at(-1);
  const [drawing, key] = standing(conversation);
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
        urgent(conversation),
        h("span", { class: "from" }, name),
        h("span", { class: "first-line" }, last ? last.text || word(kind(last.type)) : word("desk.lost")),
        h("span", { class: waits(conversation) ? "stamp waiting" : "stamp" }, icon(drawing), h("span", {}, word(key)),
          conversation.at && h("time", { datetime: conversation.at }, clock(conversation.at))),
      ),
    );
  const sign = [chosen, key, name, words.length, last?.sealed, signOf(conversation), document.documentElement.lang];
  return { key: conversation.id, sign: sign.join(" "), make };
}

// Open a conversation in whichever pigeonhole it is.
export function openConversation(page, { id, department }) {
  page.department = department;
  page.conversation = id;
  page.show("desk");
  by("thread-scroll").focus();
}
