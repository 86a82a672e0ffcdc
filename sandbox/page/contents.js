// Contents of a message in Meta's form: its text, and how each type looks on the phone.

import { h, icon } from "/page/dom.js";
import { wordsOf } from "/page/state.js";
import { word } from "/page/words.js";

const TOUCHABLE = /((?:https?:\/\/|www\.)[^\s]*[^\s.,:;!?)]|\*[^*\s][^*\n]{0,200}\*)/;

export function kind(type) {
  const known = ["text", "image", "video", "audio", "document", "sticker", "location", "contacts"];
  const others = ["reaction", "interactive", "button", "template"];
  return `type.${[...known, ...others].includes(type) ? type : "other"}`;
}

export function place({ name, address, latitude, longitude }) {
  const where = address || (latitude != null ? `${latitude}, ${longitude}` : "");
  return h(
    "div",
    { class: "place" },
    icon("pin"),
    h("p", {}, h("strong", {}, name || word("type.location")), h("br"), where),
  );
}

// A file of the sandbox is shown or linked; of a file elsewhere only the address is shown.
export function file(type, { id, link, caption, filename }, alt) {
  const name = alt || filename || caption || word(kind(type));
  const at = id ? `/phone/media/${encodeURIComponent(id)}` : link;
  if (id && (type === "image" || type === "sticker")) {
    return h(
      "div",
      { class: "photo" },
      h("img", { src: at, alt: name, width: 240, height: 180 }),
      caption && h("p", {}, caption),
    );
  }
  return h(
    "div",
    {},
    h("p", { class: "kind" }, icon("paper"), h("span", {}, word(kind(type)))),
    h("p", {}, outside(at, filename || link || word("phone.open"))),
    caption && h("p", {}, caption),
  );
}

// A link to open in another tab; only addresses that a browser can open safely become links.
function outside(address, text) {
  const safe = /^(https?:\/\/|\/phone\/media\/)/.test(address ?? "");
  if (!safe) return text;
  return h("a", { href: address, target: "_blank", rel: "noopener noreferrer", "data-focus": "open" }, text);
}

// Text as the app shows it: addresses are links, text between asterisks is bold.
export function linked(text) {
  return (text ?? "").split(TOUCHABLE).filter(Boolean).map((part) => {
    if (part.startsWith("*")) return h("strong", {}, part.slice(1, -1));
    return /^(https?:|www\.)/.test(part) ? outside(part.startsWith("www.") ? "https:".concat("//", part) : part, part) : part;
  });
}

export function cards(list) {
  return h(
    "ul",
    { class: "cards" },
    list.map(({ name = {}, phones = [], emails = [] }) =>
      h("li", {}, h("strong", {}, name.formatted_name ?? ""), ...lines([
        ...phones.map(({ phone }) => phone),
        ...emails.map(({ email }) => email),
      ]))),
  );
}

function lines(texts) {
  return texts.filter(Boolean).flatMap((text) => [h("br"), text]);
}

// Types of message that a municipality can send. answer({ kind, … }) sends the citizen's answer.
export function sending({ type, content }, answer) {
  return (SENDINGS[type] ?? other)(content, answer, type);
}

const SENDINGS = {
  text: (content) => h("p", {}, linked(content.body)),
  image: (content) => file("image", content),
  sticker: (content) => file("sticker", content),
  video: (content) => file("video", content),
  audio: (content) => file("audio", content),
  document: (content) => file("document", content),
  location: (content) => place(content),
  contacts: (content) => cards(content),
  template,
  interactive,
};

function other(content, _, type) {
  return h("p", {}, wordsOf(type, content) || word(kind(type)));
}

// Meta has the approved text; this shows its name, its parameters and its buttons.
function template({ name, components = [] }, answer) {
  const filled = components.filter((one) => one.type !== "button").flatMap((one) => one.parameters ?? []);
  const taps = components.filter((one) => one.type === "button" && one.sub_type === "quick_reply");
  return h(
    "div",
    {},
    h("p", {}, `${word("type.template")}: ${name}`),
    filled.map((one) => (one[one.type]?.id ? file(one.type, one[one.type]) : h("p", {}, parameter(one)))),
    menu(taps.map(({ parameters: [{ payload = "" } = {}] = [] }) =>
      ({ id: payload, title: payload, part: { kind: "button", row: payload, text: payload } })), answer),
  );
}

function parameter(one) {
  const value = one[one.type] ?? "";
  if (typeof value === "string") return value;
  return value.fallback_value ?? value.link ?? value.name ?? "";
}

function interactive(content, answer) {
  const { header, body, footer, action = {} } = content;
  return h(
    "div",
    {},
    header && heading(header),
    h("p", {}, linked(body?.text)),
    footer && h("p", { class: "small" }, footer.text),
    (ACTIONS[content.type] ?? (() => null))(action, answer),
  );
}

function heading(header) {
  if (header.type === "text") return h("p", {}, h("strong", {}, header.text));
  return file(header.type, header[header.type] ?? {});
}

const ACTIONS = {
  button: ({ buttons = [] }, answer) =>
    menu(buttons.map(({ reply: { id, title } }) =>
      ({ id, title, part: { kind: "choice", row: id, text: title, button: true } })), answer),
  list: ({ button, sections = [] }, answer) =>
    h("div", { class: "menu" },
      h("button", {
        type: "button", class: "opens", "aria-haspopup": "dialog", "data-focus": "list",
        onclick: () => answer({ list: { title: button, sections } }),
      }, icon("rows"), button)),
  cta_url: ({ parameters: { display_text: text, url } = {} }) => h("p", {}, outside(url, text), h("br"), url),
  location_request_message: (_, answer) => one(word("phone.location"), { kind: "location" }, answer),
  request_contact_info: (_, answer) => one(word("phone.share"), { kind: "contact" }, answer),
  flow: ({ parameters: { flow_cta: text, flow_token: token = "" } = {} }, answer) =>
    one(text ?? word("type.interactive"), { kind: "form", row: token }, answer),
};

function one(title, part, answer) {
  return menu([{ id: "only", title, part }], answer);
}

function menu(rows, answer) {
  if (rows.length === 0) return null;
  return h("div", { class: "menu", role: "group", "aria-label": word("phone.choose") },
    rows.map(({ id, title, description, part }) =>
      h("button", { type: "button", "data-focus": id, onclick: () => answer(part) },
        part.button && icon("reply"), title, description && h("span", { class: "small" }, description))));
}
