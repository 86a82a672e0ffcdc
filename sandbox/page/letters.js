// One entry in a conversation at the desk, with the reason for its department or its status.

import { kind, place } from "/page/contents.js";
import { h, icon } from "/page/dom.js";
import { marks, signOf } from "/page/marks.js";
import { explain, ruleName } from "/page/reasons.js";
import { clock, moment, word } from "/page/words.js";

const SHOWN = 90; // characters shown of an automatic text before it is unfolded
const MARKS = {
  accepted: "clock",
  sent: "tick",
  delivered: "ticks",
  read: "ticks",
  played: "ticks",
  failed: "cross",
  unknown: "question",
};

// A status as an icon with text: one tick, two ticks, blue ticks, and never the colour alone.
export function mark(status) {
  const words = word(`status.${status in MARKS ? status : "unknown"}`);
  return { words, icon: icon(MARKS[status] ?? "question") };
}

// An item for `sync`; where(id) is a department's name; quote(), react() and settle(seen) are the desk's actions.
export function entry(one, before, { where, quote, react, settle }) {
  const seen = [one.status, one.why, one.text, one.quoted, one.reaction, one.automatic, one.author, one.sealed, signOf(one),
    ...(one.media ?? []).map(({ state }) => state)];
  const sign = [...seen, document.documentElement.lang].join(" ");
  const make = () => {
    if (one.note) return note(one, where);
    if (["automated", "system"].includes(one.author)) return byItself(one);
    return one.mine ? answer(one, settle) : letter(one, before, { quote, react });
  };
  return { key: one.id, sign, make };
}

// Entries between the messages: [icon, words] of each kind.
const NOTES = {
  said: (one) => ["pen", h("strong", {}, word("desk.note"), ": "), one.text],
  moved: (one, where) => ["signpost", word("desk.moved", { from: where(one.from) }), ...because(one),
    one.assignee && ` ${word("desk.queue", { assignee: one.assignee })}`],
  decided: (one, where) => ["signpost", word("desk.decided", { to: where(one.to) }), ...because(one)],
  partial: () => ["question", word("desk.partial.lead")],
  window: (one) => ["clock", h("strong", {}, word("desk.window", { moment: moment(one.until) })), ...because(one)],
  waiting: (one) => ["clock", h("strong", {}, word("desk.waited")), ...because(one)],
  closed: (one) => ["tick", word("desk.closed"), one.outcome && `, ${word(`outcome.${one.outcome}`)}`, ...because(one)],
  reopened: (one) => ["question", word("desk.reopened"), ...because(one)],
  confirmed: () => ["heart", word("desk.confirmed")],
};

function because({ reason }) {
  return reason ? [": ", explain(reason)] : [];
}

function note(one, where) {
  const [drawing, ...words] = NOTES[one.note](one, where);
  return h("li", { class: `note is-${one.note}` }, icon(drawing), h("span", {}, words.filter(Boolean)));
}

function letter(one, before, { quote, react }) {
  const same = before && (before.told ? one.reason.endsWith(before.told)
    : ["reason", "rule", "version"].every((name) => before[name] === one[name]));
  const why = one.reason && !same && one.type !== "reaction";
  return h(
    "li",
    { class: "letter" },
    why && reason(one),
    marks(one),
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

// Rule and version are for whoever looks further, so they unfold.
function reason({ reason: words, rule, version }) {
  return h("div", { class: "why" }, icon("signpost"),
    h("div", {}, h("p", {}, h("strong", {}, word("desk.why"), ": "), explain(words)),
      (ruleName(rule) || version) && h("details", {},
        h("summary", { "data-focus": "rule" }, ruleName(rule) || word("record.why")),
        version && h("p", {}, `${word("desk.version")} `, h("code", {}, version)))));
}

function contents(one) {
  if (one.sealed) return [h("p", { class: "kind" }, icon("lock"), word("desk.sealed"))];
  const parts = [];
  const [file] = one.media;
  if (file) parts.push(attached(file, one));
  else if (one.type === "location") parts.push(place({ name: one.text }));
  else if (one.type === "reaction") parts.push(h("p", { class: "kind" }, icon("thumb"), word("type.reaction")));
  else if (one.type !== "text") parts.push(h("p", { class: "kind" }, icon("paper"), word(kind(one.type))));
  if (one.text && one.type !== "location") parts.push(h("p", {}, one.text));
  return parts;
}

// A file, or its state while it is on its way; a picture is shown, another file can be opened.
function attached({ id, state = "waiting", reason = "", filename = "" }, { type, text }) {
  const name = filename || word(kind(type));
  if (state !== "available") {
    const why = state === "waiting" ? word("media.waiting") : `${word(`media.${state}`)}: ${explain(reason)}`;
    return h("p", { class: `kind is-${state}` }, icon(state === "waiting" ? "clock" : "alert"), `${name} ${why}`);
  }
  const src = `/desk/media/${encodeURIComponent(id)}`;
  if (type === "image" || type === "sticker") return h("img", { src, alt: text || name, width: 200, height: 150 });
  return h("p", { class: "kind" }, icon("paper"), h("a", { href: src, download: filename }, name));
}

function answer(one, settle) {
  return h(
    "li",
    { class: "reply" },
    h("div", { class: "sheet" },
      h("span", { class: "unseen" }, word("desk.you"), ": "),
      one.quoted && h("p", { class: "quoted" }, one.quoted),
      one.type !== "text" && h("p", { class: "kind" }, icon("paper"), word(kind(one.type))),
      h("p", {}, one.text),
      foot(one),
      one.status === "unknown" && settling(settle)),
  );
}

// A person who looked at Meta, or asked the citizen, says whether a message in doubt went.
function settling(settle) {
  const choice = (seen) =>
    h("button", { type: "button", class: "quiet", "data-focus": seen, onclick: () => settle(seen) }, word(`settle.${seen}`));
  return h("p", { class: "settling" }, choice("sent"), choice("not_sent"));
}

// Time, status and error of an entry.
function foot({ status, at, why }) {
  const { words, icon: drawing } = mark(status);
  return [
    h("p", { class: `foot is-${status}` },
      at && h("time", { datetime: at }, clock(at)),
      h("span", { class: "mark" }, drawing, words)),
    why && h("p", { class: "because" }, explain(why)),
  ];
}

const MACHINES = { system: "record.system" };

// An automatic text, or one of a CRM's machine: set apart, with the name of the text, and folded if it is long.
function byItself(one) {
  const long = one.text.length > SHOWN;
  return h(
    "li",
    { class: "reply automatic" },
    h("div", { class: "sheet" },
      h("p", { class: "kind" }, icon("gear"), h("span", {}, word(MACHINES[one.author] ?? (one.automatic ? "desk.automatic" : "record.automatic")), " ",
        one.automatic && h("code", { class: "rule", title: one.id }, one.automatic))),
      long
        ? h("details", {}, h("summary", { "data-focus": "all" }, `${one.text.slice(0, SHOWN).trim()} …`), h("p", {}, one.text))
        : h("p", {}, one.text),
      foot(one)),
  );
}
