// What the pages do beyond links and forms: keys, drafts, and where the reader was. Without this script everything but
// drafts works.
"use strict";

const DRAFT_PAUSE = 800; // milliseconds without a key after which a draft is stored
const COPY_PAUSE = 2000; // milliseconds before another look at a file that goes out: most are copied within two seconds
const LONGEST_COPY_PAUSE = 60000; // milliseconds, to which the pause doubles while the scanner or the store is away
const SAY_PAUSE = 100; // milliseconds between emptying a status and filling it: the same words twice are else read once

function token() {
  return document.body.dataset.formToken;
}

function typing(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

function links() {
  return [...document.querySelectorAll(".desk-item-link")];
}

function move(step) {
  const all = links();
  const at = all.indexOf(document.activeElement);
  const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
  if (next) next.focus();
}

function focusOn(selector) {
  const found = document.querySelector(selector);
  if (found) found.focus();
}

function writeOn() {
  const box = document.getElementById("text");
  box?.focus();
  box?.setSelectionRange(box.value.length, box.value.length);
}

const keysUsed = document.getElementById("keys-used");

// In a browser that stores nothing the box holds for its page.
function usesKeys() {
  try {
    return localStorage.getItem("keys") !== "off";
  } catch {
    return keysUsed.checked;
  }
}

function useKeys(isWanted) {
  try {
    localStorage.setItem("keys", isWanted ? "on" : "off");
  } catch {
    // Nothing to store it in.
  }
}

// A key that changes something is not for a control that happens to have the focus.
function onNoControl(target) {
  return target.matches("html, body, #main, .desk-item-link");
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  i: () => location.assign("/inbox"),
  a: writeOn,
  r: () => [...document.querySelectorAll("button[name=quote][form=answer]")].pop()?.click(),
  t: () => document.querySelector("form[data-key=t] button")?.click(),
  "?": () => document.getElementById("keys")?.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.id === "text") {
    event.target.form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  const act = KEYS[event.key];
  if (!act || document.querySelector("dialog[open]")) return;
  if (event.key !== "?" && keysUsed && !usesKeys()) return;
  if (event.key === "t" && !onNoControl(event.target)) return;
  event.preventDefault();
  act();
});

if (keysUsed) {
  keysUsed.checked = usesKeys();
  keysUsed.addEventListener("change", () => useKeys(keysUsed.checked));
  addEventListener("storage", () => { keysUsed.checked = usesKeys(); });
}

for (const button of document.querySelectorAll("[data-opens]")) {
  button.hidden = false;
  button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
}

// A menu closes when its reader goes on elsewhere, or on Escape; without this script its own button closes it.
for (const menu of document.querySelectorAll(".desk-menu")) {
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.firstElementChild.focus();
  });
  addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
}

const answer = document.querySelector("form[data-draft]");
if (answer) {
  let timer = 0;
  let typed = 0; // changes of the text, and the last of them that is stored
  let stored = 0;
  const store = async () => {
    timer = 0;
    const now = typed;
    const body = new URLSearchParams(new FormData(answer));
    const kept = await fetch(answer.dataset.draft, { method: "POST", body, keepalive: true });
    if (kept.ok) stored = now;
  };
  // Once the session has ended the messages lead to the login. Whoever typed since stays: their form shows the text again.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    const caption = document.getElementById("caption")?.value;
    if (event.detail.xhr.status === 401 && (typed !== stored || caption)) event.preventDefault();
  });
  answer.addEventListener("input", () => {
    typed += 1;
    clearTimeout(timer);
    timer = setTimeout(store, DRAFT_PAUSE);
  });
  // Whoever goes on by a link or another form leaves the last letters too; those of this form go with it.
  addEventListener("click", (event) => {
    const pressed = event.target.closest("a, button");
    if (timer && pressed && pressed.form !== answer) store();
  }, true);
  addEventListener("pagehide", () => {
    if (timer) store();
  });
  // A second press while the first is on its way changes nothing: the key of the answer is the same.
  answer.addEventListener("submit", (event) => {
    clearTimeout(timer);
    timer = 0;
    if (event.submitter?.hasAttribute("formaction")) return;
    answer.querySelector("[data-sends]").disabled = true;
  });
}

// Finding a choice by typing: what does not fit is hidden.
for (const box of document.querySelectorAll("[data-finds]")) {
  for (const each of document.querySelectorAll("[data-shown]")) each.hidden = false;
  const choices = [...document.getElementById(box.dataset.finds).children];
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const each of choices) {
      const text = each.textContent.toLowerCase();
      each.hidden = !words.every((word) => text.includes(word));
    }
  });
}

// A standard answer is in the text now: loading the page again is not to add it once more. And who loads the page again
// opens it again.
const query = new URLSearchParams(location.search);
if (location.hash === "#text") writeOn();
if (query.has("standard") || query.has("opening")) {
  query.delete("standard");
  query.delete("opening");
  history.replaceState(null, "", query.toString() ? `?${query}` : location.pathname);
}

// The newest message is what one came for.
const rows = document.querySelector(".desk-rows");
if (rows) rows.lastElementChild?.scrollIntoView({ block: "center" });

// The messages are drawn again when something changes. An element that did not change stays the one that it was: what
// plays in it, is selected in it or has the focus goes on, and a screen reader keeps its place.

// An element as it is compared. What its reader may be using (data-kept) counts as it was.
function print(element) {
  if ("kept" in element.dataset) return element.id;
  const copy = element.cloneNode(true);
  for (const kept of copy.querySelectorAll("[data-kept]")) kept.replaceWith(kept.id);
  return copy.outerHTML;
}

// The place of an element among the old ones from `at`: of one that is the same, else of the one with its id; else -1.
function placeOf(element, olds, prints, at) {
  const same = prints.indexOf(print(element), at);
  return same >= 0 || !element.id ? same : olds.findIndex((old, n) => n >= at && old.id === element.id);
}

// Make the children of `now` those of `fresh`, in their order. An element with data-parts is changed by its own children.
function merge(now, fresh) {
  const olds = [...now.children];
  const prints = olds.map(print);
  let at = 0; // the first of the old ones that has no place yet
  for (const element of [...fresh.children]) {
    const place = placeOf(element, olds, prints, at);
    if (place < 0) {
      now.insertBefore(element, olds[at] ?? null);
      continue;
    }
    for (const gone of olds.slice(at, place)) gone.remove();
    at = place + 1;
    if (prints[place] !== print(element)) change(olds[place], element);
  }
  for (const gone of olds.slice(at)) gone.remove();
}

function change(old, fresh) {
  if (!("parts" in fresh.dataset)) return old.replaceWith(fresh);
  for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
  merge(old, fresh);
}

// The focus stays at the same control; where that is gone, the next Tab goes on in the page and not at its top.
function keepFocus(focused) {
  if (document.activeElement === focused) return;
  const again = focused.isConnected ? focused : document.getElementById(focused.id);
  (again ?? document.getElementById("main")).focus({ preventScroll: true });
}

function say(words) {
  const status = document.getElementById("news");
  status.textContent = "";
  setTimeout(() => { status.textContent = words; }, SAY_PAUSE);
}

function shownMessages() {
  return [...document.querySelectorAll("#messages .desk-bubble")].map((message) => message.id);
}

function redraw(messages, text) {
  const focused = messages.contains(document.activeElement) ? document.activeElement : null;
  const before = new Set(shownMessages());
  merge(messages, new DOMParser().parseFromString(text, "text/html").body);
  if (focused) keepFocus(focused);
  if (shownMessages().some((id) => !before.has(id))) say(document.getElementById("news").dataset.added);
}

function isBegun(form) {
  return [...form.querySelectorAll("textarea, input:not([type=hidden])")].some((field) => field.value);
}

// An answer that nobody began is one to what is on the page now: a text, a file, or a template.
function followMessages() {
  const fresh = document.querySelector("#messages [data-last-answer]");
  if (!fresh) return;
  const { lastAnswer, covers } = fresh.dataset;
  for (const field of document.querySelectorAll("input[name=last_answer]")) {
    if (isBegun(field.form)) continue;
    field.value = lastAnswer;
    field.form.elements.covers.value = covers;
  }
  for (const link of document.querySelectorAll("[data-follows]")) {
    link.search = new URLSearchParams({ last_answer: lastAnswer, covers });
  }
}

// A file that goes out is in the record seconds after its message, of which no event tells: the messages are asked for again.
let copyTimer = 0;
let copyPause = COPY_PAUSE;
function lookForCopies() {
  clearTimeout(copyTimer);
  if (!document.querySelector("#messages [data-copying]")) {
    copyPause = COPY_PAUSE;
    return;
  }
  copyTimer = setTimeout(() => htmx.trigger("#messages", "sse:conversation"), copyPause);
  copyPause = Math.min(copyPause * 2, LONGEST_COPY_PAUSE);
}
lookForCopies();

// The list is drawn again when something changes: whoever was on a conversation in it stays there.
let focused = null;
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, shouldSwap, serverResponse } = event.detail;
  if (shouldSwap && target.id === "messages") {
    event.detail.shouldSwap = false;
    redraw(target, serverResponse);
    followMessages();
    lookForCopies();
  }
  const item = document.activeElement?.closest?.(".desk-item");
  focused = item ? item.dataset.conversation : null;
});
document.addEventListener("htmx:afterSwap", () => {
  if (focused) focusOn(`.desk-item[data-conversation="${CSS.escape(focused)}"] .desk-item-link`);
});

// A part of a text that is left out, by selecting it. Places are counted in characters, as the record counts them.
const selectedForm = document.getElementById("selected");
if (selectedForm) {
  const before = (text, node, offset) => {
    const range = document.createRange();
    range.setStart(text, 0);
    range.setEnd(node, offset);
    return [...range.toString()].length;
  };
  document.addEventListener("selectionchange", () => {
    const selection = getSelection();
    if (selection.rangeCount === 0 || selection.isCollapsed) return;
    const range = selection.getRangeAt(0);
    const place = range.commonAncestorContainer;
    const text = (place.nodeType === Node.TEXT_NODE ? place.parentElement : place).closest("[data-redacts]");
    if (!text) return;
    const fields = selectedForm.elements;
    fields.message.value = text.dataset.redacts;
    fields.start.value = before(text, range.startContainer, range.startOffset);
    fields.end.value = before(text, range.endContainer, range.endOffset);
    fields.quote.value = range.toString();
    selectedForm.querySelector("[data-quote]").textContent = range.toString();
    selectedForm.hidden = false;
  });
}

// A box on a picture, by dragging; or by numbers, which it follows.
for (const drawing of document.querySelectorAll("svg[data-draws]")) {
  const fields = document.getElementById(drawing.dataset.draws).elements;
  const drawn = drawing.querySelector("[data-drawn]");
  const whole = drawing.viewBox.baseVal.width;
  const show = () => {
    for (const side of ["x", "y", "width", "height"]) drawn.setAttribute(side, fields[side].value || 0);
  };
  const place = (event) => {
    const { left, top, width, height } = drawing.getBoundingClientRect();
    const within = (part) => Math.round(Math.min(Math.max(part, 0), 1) * whole);
    return [within((event.clientX - left) / width), within((event.clientY - top) / height)];
  };
  let from = null;
  drawing.addEventListener("pointerdown", (event) => {
    from = place(event);
    drawing.setPointerCapture(event.pointerId);
    fields.x.closest("details").open = true;
    event.preventDefault();
  });
  drawing.addEventListener("pointermove", (event) => {
    if (!from) return;
    const to = place(event);
    const [x, y] = [0, 1].map((side) => Math.min(from[side], to[side]));
    const [width, height] = [0, 1].map((side) => Math.abs(from[side] - to[side]));
    Object.entries({ x, y, width, height }).forEach(([side, value]) => { fields[side].value = value; });
    show();
  });
  drawing.addEventListener("pointerup", () => { from = null; });
  fields.x.form.addEventListener("input", show);
  fields.x.closest("details").addEventListener("toggle", show);
}
