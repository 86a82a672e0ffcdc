// The citizen's phone: its holder, the chat, and the messages that can be sent.

import { ask, inWords, post } from "/page/api.js";
import { bubble, gist } from "/page/bubbles.js";
import { h, icon, sync } from "/page/dom.js";
import { soften } from "/page/hyphens.js";
import * as rows from "/page/rows.js";
import { chatKey } from "/page/state.js";
import { clock, day, word } from "/page/words.js";

const SUGGESTIONS = ["suggest.1", "suggest.2", "suggest.3"];
const SUGGESTIONS_OF_DESK = ["suggest.1", "suggest.2", "suggest.4"]; // of departments at which somebody can log in
const LARGEST_PHOTO = 5 * 1024 * 1024;
const NEAR = 12; // pixels that do not count as scrolling
const READ_AFTER_MS = 600; // long enough to see two ticks turn blue

let away = false;
let reading = null;
let hush = null; // time at which the typing indicator disappears
let shown = {}; // chat and window, last message, and position to which the chat was last scrolled

const by = (id) => document.getElementById(id);

export function start(page) {
  by("attach").append(icon("camera"));
  by("send").append(icon("plane"));
  by("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    const box = by("message");
    const text = box.value.trim();
    if (text) send(page, { kind: "text", text }).then((sent) => sent && empty(box, text));
  });
  by("message").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      by("compose").requestSubmit();
    }
  });
  by("attach").addEventListener("click", () => unfold(by("attachments").hidden));
  by("attachments").addEventListener("keydown", (event) => {
    if (event.key === "Escape") unfold(false);
  });
  rows.start();
  by("put-away").addEventListener("click", () => lay(page, true));
  by("take").addEventListener("click", () => lay(page, false));
  by("trouble").addEventListener("change", () => chooseTrouble(page));
  document.addEventListener("visibilitychange", () => arrived(page));
}

// Everything with texts that are made here and not in the HTML.
export function relabel(page) {
  by("citizens").replaceChildren();
  const select = by("trouble");
  const chosen = select.value;
  const options = page.state.town.troubled.map(({ phone, name }) =>
    h("option", { value: phone }, `${name}: ${word(`trouble.${phone}`)}`),
  );
  select.replaceChildren(h("option", { value: "" }, word("phone.trouble.none")), ...options);
  select.value = chosen;
  by("suggestions").replaceChildren(
    ...(page.state.town.desk ? SUGGESTIONS_OF_DESK : SUGGESTIONS).map((key) =>
      h(
        "button",
        { type: "button", onclick: () => suggest(page, word(key)) },
        word(key),
      ),
    ),
  );
  attachments(page);
}

export function draw(page) {
  const { state, number, citizen } = page;
  const tenant = state.town.numbers.find((one) => one.id === number).tenant;
  const name = state.town.tenants.find((one) => one.id === tenant)?.name ?? tenant;
  by("account").textContent = soften(name);
  by("seal").textContent = name.replace(/^gemeente\s+/i, "").slice(0, 1);
  typing(page);
  sync(by("citizens"), state.town.citizens.map((one) => card(page, one)));
  const messages = state.chats.get(chatKey(number, citizen.phone)) ?? [];
  by("chat-empty").hidden = messages.length > 0;
  lock(page, messages);
  follow(messages, chatKey(number, citizen.phone), () => sync(by("chat"), chat(page, messages)));
}

// Show what was last sent, from its beginning if it is long, with what the citizen sent above it if both
// fit. A citizen who scrolled back stays there until sending something.
function follow(messages, chat, change) {
  const scroller = by("chat-scroll");
  const last = messages.at(-1);
  const where = [chat, document.body.dataset.view, away, innerWidth, innerHeight].join();
  const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
  const follows = left < NEAR || Math.abs(scroller.scrollTop - shown.at) < NEAR;
  const sent = last?.mine && last.wamid !== shown.last;
  change();
  if (!last || !(follows || sent || where !== shown.where)) return;
  const own = [...by("chat").querySelectorAll(".mine")].at(-1);
  const newest = by("chat").lastElementChild;
  const both = own && newest.offsetTop - own.offsetTop < scroller.clientHeight / 2;
  scroller.scrollTop = (both ? own : newest).offsetTop - scroller.offsetTop - NEAR;
  shown = { where, last: last.wamid, at: scroller.scrollTop };
}

// A message arrived: it is read if the phone is in hand and the page is visible.
export function arrived(page) {
  if (!page.ready || away || document.visibilityState !== "visible" || reading) return;
  reading = setTimeout(() => {
    reading = null;
    if (!away) post("/phone/read", { number: page.number, phone: page.citizen.phone });
  }, READ_AFTER_MS);
}

function card(page, citizen) {
  const chosen = citizen.phone === page.citizen.phone;
  const unread = news(page, citizen);
  const make = () =>
    h(
      "button",
      { type: "button", "aria-pressed": String(chosen), onclick: () => choose(page, citizen) },
      h("span", { class: "face", "aria-hidden": "true" }, initials(citizen.name)),
      h("span", { class: "name" }, citizen.name.split(" ")[0]),
      citizen.hidden && h("span", { class: "unseen" }, word("phone.hidden")),
      unread > 0 && h("span", { class: "count", "aria-hidden": "true" }, unread),
      unread > 0 && h("span", { class: "unseen" }, `, ${fresh(unread)}`),
    );
  return { key: citizen.phone, sign: `${chosen} ${unread}`, make };
}

// Line under the name of the municipality: its description, or the typing indicator.
function typing({ state, number, citizen, redraw }) {
  const key = chatKey(number, citizen.phone);
  const left = (state.typing.get(key) ?? 0) - Date.now();
  clearTimeout(hush);
  if (left > 0) hush = setTimeout(redraw, left);
  else state.typing.delete(key);
  const line = by("account-line");
  line.dataset.word = left > 0 ? "phone.typing" : "phone.account";
  line.textContent = word(line.dataset.word);
}

function fresh(n) {
  return word("phone.unread", { n });
}

// Messages of the municipality that came while this citizen's chat was not on screen.
function news(page, citizen) {
  const messages = page.state.chats.get(chatKey(page.number, citizen.phone)) ?? [];
  const shown = citizen.phone === page.citizen.phone && !away;
  if (shown) for (const message of messages) message.looked = true;
  return messages.filter((message) => !message.mine && !message.looked).length;
}

function initials(name) {
  const words = name.split(" ");
  return words[0][0] + (words.length > 1 ? words.at(-1)[0] : "");
}

function chat(page, messages) {
  let today = "";
  const found = [];
  for (const message of messages) {
    const date = day(message.at);
    if (date !== today) {
      found.push({ key: `day ${date}`, sign: date, make: () => h("li", { class: "day" }, date) });
      today = date;
    }
    const about = messages.find((one) => one.wamid === quotes(message));
    found.push(bubble(message, {
      like: () => like(page, message),
      answer: (part) => reply(page, message, part),
      about: about && gist(about),
    }));
  }
  return found;
}

function quotes(message) {
  return message.mine ? message.content.context?.id : message.context;
}

function lock(page, messages) {
  by("lock").hidden = !away;
  if (rows.isOpen()) return; // the list covers the phone
  for (const part of [".screen-head", ".chat", ".compose"]) {
    document.querySelector(`.screen ${part}`).inert = away;
  }
  if (!away) return;
  by("lock-clock").textContent = clock(Date.now());
  const unread = messages.filter((message) => !message.mine && !message.looked).length;
  by("lock-news").textContent = unread ? fresh(unread) : word("phone.nothing");
}

function lay(page, down) {
  away = down;
  draw(page);
  by(down ? "take" : "put-away").focus();
  arrived(page);
  page.redraw();
}

function choose(page, citizen) {
  const chosen = document.activeElement;
  rows.close(chosen);
  page.citizen = citizen;
  if (!page.state.town.troubled.includes(citizen)) by("trouble").value = "";
  complain("");
  arrived(page);
  page.redraw();
}

function chooseTrouble(page) {
  const phone = by("trouble").value;
  const { citizens, troubled } = page.state.town;
  choose(page, troubled.find((one) => one.phone === phone) ?? citizens[0]);
}

function suggest(page, text) {
  send(page, { kind: "text", text }).then(() => by("message").focus());
}

function like(page, message) {
  send(page, { kind: "reaction", about: message.wamid, emoji: message.reaction ? "" : "👍" });
}

// Answer the request of a message: a choice, a place, a phone number, a form. A list opens first.
function reply(page, message, part) {
  if (part.list) {
    return rows.open(part.list, ({ id, title }) =>
      reply(page, message, { kind: "choice", row: id, text: title }));
  }
  const filled = part.kind === "form" ? { text: by("message").value.trim() || word("phone.filled") } : {};
  return send(page, { about: message.wamid, ...part, ...filled });
}

function unfold(open) {
  by("attachments").hidden = !open;
  by("attach").setAttribute("aria-expanded", String(open));
  if (open) by("attachments").querySelector("button").focus();
  else by("attach").focus();
}

function attachments(page) {
  const photos = page.state.town.samples.map((sample) =>
    h(
      "button",
      {
        type: "button",
        class: "sample",
        onclick: () => attach(page, { kind: "image", sample, text: by("message").value.trim() }),
      },
      h("img", { src: `/page/photos/${sample}.png`, alt: "", width: 84, height: 63 }),
      h("span", { class: "unseen" }, word("phone.sample", { what: word(`sample.${sample}`) })),
    ),
  );
  const file = h("input", {
    type: "file",
    accept: "image/jpeg,image/png",
    onchange: () => upload(page, file),
  });
  by("attachments").replaceChildren(
    h("div", { class: "samples" }, photos),
    h("button", { type: "button", class: "quiet", onclick: () => attach(page, { kind: "location" }) },
      icon("pin"), word("phone.location")),
    h("label", { class: "quiet file" }, file, icon("camera"), word("phone.file")),
  );
}

function attach(page, message) {
  unfold(false);
  send(page, message).then((sent) => sent && message.text && empty(by("message"), message.text));
}

async function upload(page, input) {
  const [file] = input.files;
  input.value = "";
  if (!file || file.size > LARGEST_PHOTO) return complain(word("error.file"));
  const answer = await ask("/phone/media", { method: "POST", body: file, type: file.type });
  if (!answer.ok) return complain(word("error.file"));
  return attach(page, { kind: "image", media: answer.body.id, text: by("message").value.trim() });
}

async function send(page, message) {
  const { phone, name, hidden } = page.citizen;
  complain("");
  const whole = { from: phone, name, hidden, number: page.number, ...message };
  const answer = await post("/phone/messages", whole);
  if (!answer.ok) complain(`${word("error.send")} ${inWords(answer)}`);
  return answer.ok;
}

function empty(box, sent) {
  if (box.value.trim() === sent) box.value = "";
}

function complain(text) {
  by("phone-complaint").textContent = text;
}
