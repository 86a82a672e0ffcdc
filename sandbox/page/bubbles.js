// One message as a bubble on the phone.

import { cards, file, kind, place, sending } from "/page/contents.js";
import { h, icon } from "/page/dom.js";
import { wordsOf } from "/page/state.js";
import { clock, word } from "/page/words.js";

const QUOTED = 80; // most characters shown of a quoted message

// [icon, words] for the status of a citizen's own message.
function progress({ state, refusal }) {
  switch (state) {
    case "sending":
      return ["clock", word("tick.sending")];
    case "waiting":
      return ["clock", refusal ? word("tick.waiting", { status: refusal }) : word("tick.waiting.none")];
    case "seen":
      return ["ticks", word("tick.seen")];
    default:
      return ["ticks", word("tick.accepted")];
  }
}

// An item for `sync`: like() puts a thumb on the message, answer(part) answers its request; `about`
// is the beginning of the quoted message.
export function bubble(message, { like, answer, about }) {
  const sign = [message.state, message.refusal, message.reaction, about, document.documentElement.lang];
  const make = () =>
    h(
      "li",
      { class: `bubble ${message.mine ? "mine" : "theirs"}` },
      h("span", { class: "unseen" }, word(message.mine ? "phone.you" : "phone.account"), ": "),
      about && quoted(about),
      message.mine ? own(message) : sending(message, answer),
      foot(message),
      message.reaction && h("span", { class: "reaction" }, icon("thumb"), h("span", { class: "unseen" }, word("phone.liked"))),
      !message.mine && thumb(message, like),
    );
  return { key: message.wamid, sign: sign.join(" "), make };
}

function foot(message) {
  const time = h("time", { datetime: message.at }, clock(message.at));
  if (!message.mine) return h("p", { class: "foot" }, time);
  const [name, words] = progress(message);
  const long = message.state === "waiting";
  return h(
    "p",
    { class: `foot is-${message.state}` },
    long && h("span", { class: "wait" }, words),
    time,
    h("span", { class: "tick", title: words }, icon(name), !long && h("span", { class: "unseen" }, words)),
  );
}

function thumb(message, like) {
  const label = word("phone.like");
  return h(
    "button",
    {
      type: "button",
      class: "react",
      "aria-label": label,
      "aria-pressed": String(Boolean(message.reaction)),
      "data-focus": "react",
      onclick: like,
    },
    icon("thumb"),
  );
}

function own({ content, sample }) {
  const part = content[content.type];
  switch (content.type) {
    case "text":
      return h("p", {}, part.body);
    case "location":
      return place(part);
    case "interactive":
      return h("p", {}, part[part.type].title ?? word("phone.filled"));
    case "button":
      return h("p", {}, part.text);
    case "contacts":
      return cards(part);
    default:
      return file(content.type, part, part.caption || (sample && word(`sample.${sample}`)));
  }
}

// Beginning of the message that this one quotes or answers.
function quoted(text) {
  return h("p", { class: "quoted" }, h("span", { class: "unseen" }, word("phone.about"), ": "), text);
}

// The text of a message on the phone, to be quoted.
export function gist({ mine, type, content }) {
  const kinds = mine ? content.type : type;
  const words = wordsOf(kinds, mine ? content[content.type] : content);
  return (words || word(kind(kinds))).slice(0, QUOTED);
}
