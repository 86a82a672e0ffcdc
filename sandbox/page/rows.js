// The list of a message, opened over the chat as on a phone: one row is chosen, or none.

import { h } from "/page/dom.js";

const BESIDE = [".screen-head", ".chat", ".compose"]; // parts that are inert meanwhile

const by = (id) => document.getElementById(id);
let opener = null;

export function start() {
  by("rows-close").addEventListener("click", () => close(opener));
  by("rows").addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(opener);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    walk(step);
  });
}

export function isOpen() {
  return !by("rows").hidden;
}

// list: { title, sections: [{ title, rows: [{ id, title, description }] }] }; choose(row) gets the chosen row.
export function open(list, choose) {
  opener = document.activeElement;
  by("rows-title").textContent = list.title;
  by("rows-list").replaceChildren(...list.sections.flatMap(({ title, rows = [] }) => [
    title && h("p", { class: "small" }, title),
    h("ul", {}, rows.map((row) =>
      h("li", {}, h("button", { type: "button", onclick: () => chosen(row, choose) },
        h("span", { class: "row-title" }, row.title),
        row.description && h("span", { class: "small" }, row.description))))),
  ].filter(Boolean)));
  show(true);
  buttons()[0]?.focus();
}

// Close the list, for example when another phone is selected.
export function close(then = null) {
  if (!isOpen()) return;
  show(false);
  (then?.isConnected ? then : by("message")).focus();
}

function chosen(row, choose) {
  close();
  choose(row);
}

function show(on) {
  by("rows").hidden = !on;
  for (const part of BESIDE) document.querySelector(`.screen ${part}`).inert = on;
}

function buttons() {
  return [...by("rows-list").querySelectorAll("button")];
}

function walk(step) {
  const all = buttons();
  const next = all.indexOf(document.activeElement) + step;
  all[(next + all.length) % all.length]?.focus();
}
