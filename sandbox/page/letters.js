// One entry in a conversation at the desk, with why it came here or how far it is.

import { kind, place } from "/page/bubbles.js";
import { h, icon } from "/page/dom.js";
import { clock, word } from "/page/words.js";

const MARKS = {
  accepted: "clock",
  sent: "tick",
  delivered: "ticks",
  read: "ticks",
  failed: "cross",
  unknown: "question",
};

// A status as an icon and its words: one tick, two ticks, blue ticks, and never the colour alone.
export function mark(status) {
  const words = word(`status.${status in MARKS ? status : "unknown"}`);
  return { words, icon: icon(MARKS[status] ?? "question") };
}

// For `sync`; where(id) is a department's name.
export function entry(one, before, where) {
  const sign = [one.status, one.why, one.text, document.documentElement.lang].join(" ");
  const make = () => {
    if (one.note) return note(one, where);
    return one.mine ? answer(one) : letter(one, before);
  };
  return { key: one.id, sign, make };
}

function note(one, where) {
  const text = one.note === "moved" ? word("desk.moved", { from: where(one.from) }) : word("desk.closed");
  return h("li", { class: "note" }, icon("signpost"), one.reason ? `${text}: ${one.reason}` : text);
}

function letter(one, before) {
  const same = before && before.reason === one.reason && before.rule === one.rule;
  const why = one.reason && !same && one.type !== "reaction";
  return h(
    "li",
    { class: "letter" },
    why && h("p", { class: "why" }, icon("signpost"),
      h("span", {}, h("strong", {}, word("desk.why"), ": "), one.reason, " ",
        one.rule && h("span", { class: "rule" }, `${word("desk.rule")} ${one.rule}`))),
    h("div", { class: "sheet" }, contents(one),
      h("p", { class: "foot" }, h("time", { datetime: one.at }, clock(one.at)))),
  );
}

function contents(one) {
  const parts = [];
  const picture = one.media.find(({ mimeType = "" }) => mimeType.startsWith("image/"));
  if (picture) parts.push(photo(picture, one.text));
  else if (one.type === "location") parts.push(place({ name: one.text }));
  else if (one.type === "reaction") parts.push(h("p", { class: "kind" }, icon("thumb"), word("type.reaction")));
  else if (one.type !== "text") parts.push(h("p", { class: "kind" }, icon("paper"), word(kind(one.type))));
  if (one.text && one.type !== "location") parts.push(h("p", {}, one.text));
  return parts;
}

// The sandbox still has what its own phones sent; anything else is only named.
function photo({ id }, caption) {
  const name = h("p", { class: "kind" }, icon("camera"), word("type.image"));
  const image = h("img", {
    src: `/phone/media/${encodeURIComponent(id)}`,
    alt: caption || word("type.image"),
    width: 200,
    height: 150,
    onerror: () => image.replaceWith(name),
  });
  return image;
}

function answer(one) {
  const { words, icon: drawing } = mark(one.status);
  return h(
    "li",
    { class: "reply" },
    h("div", { class: "sheet" },
      h("span", { class: "unseen" }, word("desk.you"), ": "),
      one.type !== "text" && h("p", { class: "kind" }, icon("paper"), word(kind(one.type))),
      h("p", {}, one.text),
      h("p", { class: `foot is-${one.status}` },
        one.at && h("time", { datetime: one.at }, clock(one.at)),
        h("span", { class: "mark" }, drawing, words)),
      one.why && h("p", { class: "because" }, one.why)),
  );
}
