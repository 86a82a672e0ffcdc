// One message as a bubble on the phone, and how its contents look anywhere on the page.

import { h, icon } from "/page/dom.js";
import { clock, word } from "/page/words.js";

// [icon, words] for how far a citizen's own message is.
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

// For `sync`: like() puts a thumb on a message, choose(row) answers a menu.
export function bubble(message, { like, choose }) {
  const sign = [message.state, message.refusal, message.reaction, document.documentElement.lang];
  const make = () =>
    h(
      "li",
      { class: `bubble ${message.mine ? "mine" : "theirs"}` },
      h("span", { class: "unseen" }, word(message.mine ? "phone.you" : "phone.account"), ": "),
      message.mine ? own(message) : theirs(message, choose),
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
      return h("p", {}, part[part.type].title);
    default:
      return photo(part, sample);
  }
}

function photo({ id, caption, mime_type: type }, sample) {
  const what = caption || (sample ? word(`sample.${sample}`) : word("type.image"));
  if (!type.startsWith("image/")) return h("p", {}, what);
  const image = h("img", { src: `/phone/media/${id}`, alt: what, width: 240, height: 180 });
  return h("div", { class: "photo" }, image, caption && h("p", {}, caption));
}

export function place({ name, address, latitude, longitude }) {
  return h(
    "div",
    { class: "place" },
    icon("pin"),
    h("p", {}, h("strong", {}, name || word("type.location")), h("br"), address || `${latitude}, ${longitude}`),
  );
}

// What a municipality can send; a menu has its rows as buttons.
function theirs({ type, content }, choose) {
  if (type === "text") return h("p", {}, content.body);
  if (type === "template") return h("p", {}, `${word("type.template")}: ${content.name}`);
  if (type !== "interactive") return h("p", {}, content.caption ?? word(kind(type)));
  const { buttons = [], sections = [] } = content.action;
  const rows = [
    ...buttons.map(({ reply }) => ({ ...reply, button: true })),
    ...sections.flatMap((section) => section.rows),
  ];
  return h(
    "div",
    {},
    h("p", {}, content.body.text),
    h("div", { class: "menu", role: "group", "aria-label": word("phone.choose") },
      rows.map((row) =>
        h("button", { type: "button", "data-focus": row.id, onclick: () => choose(row) }, row.title))),
  );
}

export function kind(type) {
  const known = ["text", "image", "video", "audio", "document", "sticker", "location", "contacts"];
  const others = ["reaction", "interactive", "button", "template"];
  return `type.${[...known, ...others].includes(type) ? type : "other"}`;
}
