// The record of the open conversation in the archive, as a timeline.

import { ask } from "/page/api.js";
import { kind } from "/page/contents.js";
import { following, h, icon, sync } from "/page/dom.js";
import { marks } from "/page/marks.js";
import { departmentName, tenantOf } from "/page/state.js";
import { explain, ruleName } from "/page/reasons.js";
import { after, clock, counted, word } from "/page/words.js";

const CATCH_UP_MS = [250, 1500]; // the archive is a moment behind the events of the page
const ID_SHOWN = 8;
const WORTH_TELLING_MS = 50; // less is "+0 s"

let shown = "";
let missing = false;

const by = (id) => document.getElementById(id);

export function start(page) {
  by("record-empty").prepend(icon("paper"));
  by("record-again").addEventListener("click", () => load(page));
}

export function draw(page) {
  if (page.conversation !== shown) {
    shown = page.conversation;
    missing = false;
    by("timeline").replaceChildren();
    if (shown) load(page);
  }
  const messages = page.state.records.get(shown)?.messages ?? [];
  const count = messages.length ? counted("record.messages", messages.length) : "";
  by("folder-tab").textContent = shown ? `${word("record.id")} …${shown.slice(-ID_SHOWN)}  ${count}` : "";
  by("folder-tab").hidden = !shown;
  empty(messages.length > 0);
  const alarms = messages.length ? alarmsIn(page.state.histories.get(shown) ?? []) : [];
  const all = [...messages.map((one) => [one.receivedAt, item(page, one)]), ...alarms];
  all.sort(([one], [other]) => new Date(one) - new Date(other));
  following(by("record-scroll"), () => sync(by("timeline"), all.map(([, drawn]) => drawn)));
}

const ALARMS = { alarmed: "alert", unconfirmed: "alert", confirmed: "heart" };

// The care alarms in a history, as items of the timeline with their times.
function alarmsIn(history) {
  return history.filter(({ event }) => event in ALARMS).map(({ event, at, asked, author }) => {
    const title = word(`record.${event}`, { asked: asked ?? "", who: author?.id || word("record.somebody") });
    const make = () =>
      h("li", { class: "item alarm" },
        h("h3", {}, icon(ALARMS[event]), title),
        h("p", { class: "ids" }, h("time", { datetime: at, title: at }, clock(at, { seconds: true }))));
    return [at, { key: `${event} ${at}`, sign: title, make }];
  });
}

// An event came for a conversation: if it is the open one, fetch its record again in a moment.
export function refresh(page, data) {
  const id = data.conversationId ?? data.data?.conversationId;
  if (page.ready && id === page.conversation) {
    for (const wait of CATCH_UP_MS) setTimeout(() => id === shown && load(page), wait);
  }
}

export async function load(page) {
  const wanted = shown;
  const answer = await ask(`/desk/record/${encodeURIComponent(wanted)}`);
  if (answer.ok) page.state.records.set(wanted, answer.body);
  if (dangerous(page.state, wanted)) {
    const told = await ask(`/desk/history/${encodeURIComponent(wanted)}`);
    if (told.ok) page.state.histories.set(wanted, told.body.history);
  }
  if (wanted === shown) missing = !answer.ok;
  page.redraw();
}

// Only then does a history have alarms; each look at it is a view on the record.
function dangerous({ conversations, alarms, histories }, id) {
  return Boolean(conversations.get(id)?.care) || alarms.has(id) || histories.has(id);
}

function empty(full) {
  by("record-empty").hidden = full;
  const key = !shown ? "record.empty" : missing ? "record.gone" : "record.loading";
  by("record-empty-title").textContent = word(key);
  const lead = key === "record.empty" && document.body.dataset.answers ? "answering.record" : `${key}.lead`;
  by("record-empty-lead").textContent = key === "record.loading" ? "" : word(lead);
  by("record-again").hidden = key !== "record.gone";
}

function item(page, message) {
  const name = (id) => departmentName(page.state, tenantOf(page.state, { id: shown }), id);
  const incoming = message.direction === "in";
  const statuses = message.statuses ?? [];
  const told = statuses.length + (message.deliveries ?? []).length;
  const files = (message.media ?? []).map(({ state }) => state);
  const sign = [message.status, told, message.department, ...files, document.documentElement.lang];
  const title = titled(message, incoming, name);
  const make = () =>
    h(
      "li",
      { class: incoming ? "item in" : "item out" },
      h("h3", {}, icon(drawn(message, incoming)), title),
      incoming && marks(message),
      h("p", { class: "quote" }, message.text || word(kind(message.type))),
      h("ol", { class: "steps" }, steps(message, incoming, name)),
      h("p", { class: "ids" }, word("record.id"), " ", h("code", { title: message.id }, `…${message.id.slice(-ID_SHOWN)}`)),
      message.raw && raw(message.raw),
    );
  return { key: message.id, sign: sign.join(" "), make };
}

function titled({ author, department }, incoming, name) {
  if (incoming) return word("record.in");
  if (author?.kind === "automated") return word("record.automatic");
  if (author?.kind === "system") return word("record.system");
  return department ? word("record.out", { department: name(department) }) : word("record.out.none");
}

function steps(message, incoming, name) {
  const found = incoming ? received(message, name) : sent(message);
  const start = message.receivedAt; // Meta's own timestamp has whole seconds only
  return found.map(({ icon: drawing, text, detail, at, bad }) =>
    h(
      "li",
      { class: bad ? "bad" : null },
      icon(drawing),
      h("div", {}, h("span", { class: "what" }, text), detail && h("span", { class: "detail" }, detail)),
      h("span", { class: "when" },
        at && h("time", { datetime: at, title: at }, clock(at, { seconds: true })),
        at && new Date(at) - new Date(start) >= WORTH_TELLING_MS && h("span", { class: "later" }, after(start, at))),
    ),
  );
}

function received(message, name) {
  const found = [
    { icon: "letter", text: word("record.sent"), at: message.sentAt },
    { icon: "tray", text: word("record.received"), at: message.receivedAt },
  ];
  if (message.department) {
    const text = word("record.decided", { department: name(message.department) });
    found.push({ icon: "signpost", text, detail: because(message.decision) });
  }
  if (message.automatic) {
    found.push({ icon: "gear", text: word("desk.automatic"), detail: message.automatic });
  }
  const files = message.media ?? [];
  const handed = (message.deliveries ?? []).filter(({ state }, nth) => state === "parked" || nth === 0);
  for (const { state, attempts, at } of handed) { // the arrival of a file has its own entry
    const [drawing, key] = HANDED[state] ?? HANDED.settled;
    const detail = attempts > 1 && word("record.attempts", { n: attempts });
    found.push({ icon: drawing, text: word(key), detail, at, bad: state === "parked" });
  }
  return [...found, ...files.map(file)];
}

// The desk shows the reason already; here it unfolds, with the version of the rules.
function because({ rule, reason, version } = {}) {
  if (!reason) return null;
  return h("details", {}, h("summary", { "data-focus": "why" }, ruleName(rule) || word("record.why")),
    h("p", {}, explain(reason)), version && h("p", {}, `${word("desk.version")} `, h("code", {}, version)));
}

// The result for the file of a message.
function file({ state, reason, filename, scanned }) {
  const shown = state === "available" ? (scanned ? "scanned" : "available") : state;
  const drawing = { waiting: "clock", available: "tick", scanned: "tick" }[shown] ?? "alert";
  const bad = state === "quarantined" || state === "lost";
  return { icon: drawing, text: word(`record.file.${shown}`), detail: filename || explain(reason), bad };
}

function drawn({ author }, incoming) {
  if (incoming) return "letter";
  return ["automated", "system"].includes(author?.kind) ? "gear" : "pen";
}

const HANDED = {
  settled: ["tick", "record.delivered"],
  parked: ["cross", "record.parked"],
};

const SENT = {
  sent: ["tick", "record.out.sent"],
  delivered: ["ticks", "record.out.delivered"],
  read: ["eye", "record.out.read"],
  failed: ["cross", "record.out.failed"],
  unknown: ["question", "record.out.unknown"],
};

function sent(message) {
  const own = message.author?.kind === "automated" ? "record.decided.text" : "record.taken";
  const found = [{ icon: "pen", text: word(own), at: message.receivedAt }];
  for (const { status, at, reason } of message.statuses ?? []) {
    if (status === "accepted" && reason) {
      found.push({ icon: "clock", text: word("record.out.waits"), detail: explain(reason), at });
    }
    if (!(status in SENT)) continue;
    const [drawing, key] = SENT[status];
    found.push({ icon: drawing, text: word(key), detail: explain(reason), at, bad: status === "failed" });
  }
  return found;
}

function raw(content) {
  return h(
    "details",
    {},
    h("summary", { "data-focus": "raw" }, word("record.raw")),
    h("pre", { tabindex: "0", "data-focus": "raw-text" }, JSON.stringify(content, null, 2)),
  );
}
