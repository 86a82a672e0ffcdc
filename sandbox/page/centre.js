// The contact centre: a number's notice to citizens, and its automatic replies.

import { ask, inWords } from "/page/api.js";
import { failed } from "/page/orders.js";
import { moment, word } from "/page/words.js";

const NOTICE_HOURS = 4; // hours until the proposed end of a notice
const MINUTE_MS = 60_000;

const by = (id) => document.getElementById(id);
let number = ""; // number that is shown
let standing = null; // its notice and state from the gateway; null if the gateway has none

export function start(page) {
  by("centre").addEventListener("toggle", () => by("centre").open && load(page));
  by("state").addEventListener("change", fit);
  by("state-form").addEventListener("submit", (event) => {
    event.preventDefault();
    say(page, "state", "PUT", stated());
  });
  by("notice-form").addEventListener("submit", (event) => {
    event.preventDefault();
    say(page, "notice", "PUT", { text: by("notice-text").value.trim(), until: until("notice-until") });
  });
  by("notice-clear").addEventListener("click", () => say(page, "notice", "DELETE", {}));
  propose();
  fit();
}

export function draw(page) {
  if (page.number !== number) {
    number = page.number;
    standing = null;
    load(page);
  }
  const { state, until: end, notice } = standing ?? {};
  by("centre-state").textContent = standing ? word(`state.${state}`) : word("centre.unknown");
  by("centre-state").dataset.state = state ?? "";
  const ends = end ? word("centre.until", { moment: moment(end) }) : "";
  const told = notice ? word("centre.notice.on") : "";
  by("centre-more").textContent = [ends, told].filter(Boolean).join(" · ");
  const words = notice ? `“${notice.text}” ${word("centre.until", { moment: moment(notice.until) })}` : "";
  by("notice-now").textContent = words;
  by("notice-now").hidden = !notice;
  by("notice-clear").hidden = !notice;
}

async function load(page) {
  const wanted = number;
  const { ok, body } = await ask("/desk/numbers");
  if (wanted !== number) return;
  standing = (ok && body.numbers?.find((one) => one.id === number)) || null;
  if (standing && !by("centre").contains(document.activeElement)) {
    by("state").value = standing.state;
    fit();
  }
  page.redraw();
}

// Only a closed number has a text for citizens; an open number has no end.
function fit() {
  const state = by("state").value;
  by("state-told").hidden = state !== "closed";
  by("state-text").required = state === "closed";
  by("state-ends").hidden = state === "open";
}

function stated() {
  const state = by("state").value;
  const end = state === "open" ? "" : until("state-until");
  const text = state === "closed" ? { text: by("state-text").value.trim() } : {};
  return { state, ...text, ...(end ? { until: end } : {}) };
}

// A local time with its offset; "" if none was entered.
function until(id) {
  const { value } = by(id);
  return value ? new Date(value).toISOString() : "";
}

function propose() {
  const end = new Date(Date.now() + NOTICE_HOURS * 60 * MINUTE_MS);
  const local = new Date(end.getTime() - end.getTimezoneOffset() * MINUTE_MS);
  by("notice-until").value = local.toISOString().slice(0, 16);
}

async function say(page, what, method, body) {
  complain("");
  const given = await ask(`/desk/numbers/${encodeURIComponent(number)}/${what}`, { method, body });
  const refusal = given.ok ? await failed(given.body.id) : inWords(given);
  if (refusal) return complain(`${word("error.order")} ${refusal}`);
  if (what === "notice") by("notice-text").value = "";
  page.say(word("centre.done"));
  return load(page);
}

function complain(text) {
  by("centre-complaint").textContent = text;
}
