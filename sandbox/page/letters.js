// One entry in a conversation at the desk, with why it came here or how far it is.

import { kind, place } from "/page/contents.js";
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

// For `sync`; where(id) is a department's name, quote() and react() are what the desk can do with it.
export function entry(one, before, { where, quote, react }) {
  const seen = [one.status, one.why, one.text, one.quoted, one.reaction];
  const sign = [...seen, document.documentElement.lang].join(" ");
  const make = () => {
    if (one.note) return note(one, where);
    return one.mine ? answer(one) : letter(one, before, { quote, react });
  };
  return { key: one.id, sign, make };
}

function note(one, where) {
  if (one.note === "said") return said(one);
  const text = one.note === "moved" ? word("desk.moved", { from: where(one.from) }) : word("desk.closed");
  return h("li", { class: "note" }, icon("signpost"), one.reason ? `${text}: ${one.reason}` : text);
}

function said(one) {
  return h("li", { class: "note" }, icon("pen"), h("span", {}, h("strong", {}, word("desk.note"), ": "), one.text));
}

function letter(one, before, { quote, react }) {
  const same = before && before.reason === one.reason && before.rule === one.rule;
  const why = one.reason && !same && one.type !== "reaction";
  return h(
    "li",
    { class: "letter" },
    why && h("p", { class: "why" }, icon("signpost"),
      h("span", {}, h("strong", {}, word("desk.why"), ": "), one.reason, " ",
        one.rule && h("span", { class: "rule" }, `${word("desk.rule")} ${one.rule}`))),
    h("div", { class: "sheet" }, contents(one),
      h("p", { class: "foot" },
        one.type !== "reaction" && h("span", { class: "does" },
          h("button", { type: "button", class: "quiet", "data-focus": "quote", onclick: quote }, word("desk.quote")),
          h("button", {
            type: "button", class: "quiet", "data-focus": "react", "aria-label": word("desk.react"),
            "aria-pressed": String(Boolean(one.reaction)), onclick: react,
          }, icon("thumb"))),
        h("time", { datetime: one.at }, clock(one.at)))),
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
      one.quoted && h("p", { class: "quoted" }, one.quoted),
      one.type !== "text" && h("p", { class: "kind" }, icon("paper"), word(kind(one.type))),
      h("p", {}, one.text),
      h("p", { class: `foot is-${one.status}` },
        one.at && h("time", { datetime: one.at }, clock(one.at)),
        h("span", { class: "mark" }, drawing, words)),
      one.why && h("p", { class: "because" }, one.why)),
  );
}
