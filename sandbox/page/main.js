// Start the page: fetch the town, listen to the stream, and draw changes once a frame.

import * as answering from "/page/answering.js";
import * as alarms from "/page/alarms.js";
import { ask } from "/page/api.js";
import * as centre from "/page/centre.js";
import * as desk from "/page/desk.js";
import { h } from "/page/dom.js";
import { fold } from "/page/fold.js";
import { careName } from "/page/marks.js";
import * as phone from "/page/phone.js";
import * as record from "/page/record.js";
import * as rules from "/page/rules.js";
import { departmentName, empty, tenantOf } from "/page/state.js";
import { listen } from "/page/stream.js";
import { currentLanguage, fill, setLanguage, word } from "/page/words.js";

const page = {
  state: null,
  run: "",
  ready: false, // the remembered events have arrived; further ones are new
  number: "",
  citizen: null,
  department: "",
  conversation: "",
  quoting: null, // message that the desk's next answer quotes
  redraw,
  show,
  say,
};

let drawing = false;

function redraw() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    phone.draw(page);
    alarms.draw(page);
    rules.draw(page);
    if (page.state.town.desk) answering.draw(page);
    else desk.draw(page);
    if (!page.state.town.desk) centre.draw(page);
    record.draw(page);
  });
}

function say(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = announcer.textContent === text ? `${text}\u00a0` : text;
}

// On a narrow screen one part is shown at a time.
function show(view, { focus = false } = {}) {
  if (document.body.dataset.view !== view) document.querySelector("main").scrollTop = 0;
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll(".views button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
  if (focus) document.getElementById(view).focus();
  redraw();
}

function happened(kind, data) {
  const news = fold(page.state, kind, data);
  if (news && page.ready) tell(news);
  if (kind === "crm" && page.ready) desk.arrived(page, data.data);
  if (kind === "content" && page.ready) desk.arrived(page, data);
  if (["crm", "answer", "confirmed"].includes(kind)) record.refresh(page, data);
  if (kind === "town") phone.arrived(page);
  if (page.state.town.desk && page.ready) answering.happened(page, kind);
  redraw();
}

function tell({ say: key, values = {}, conversation, status, care }) {
  const { state } = page;
  if (conversation) {
    const { department } = conversation;
    const name = conversation.name || word("desk.anonymous");
    const where = departmentName(state, tenantOf(state, conversation), department);
    values = { name, department: where, ...values };
  }
  if (status) values.status = word(`status.${status}`).toLowerCase();
  if (care) values.care = careName(care);
  say(word(key, values));
}

function hello(run) {
  if (page.run && page.run !== run) location.reload(); // the sandbox was restarted
  page.run = run;
}

function ready() {
  if (page.ready) return;
  page.ready = true;
  if (!page.state.town.desk) desk.openFirst(page);
  phone.arrived(page);
  redraw();
}

function live(on) {
  document.getElementById("live").dataset.on = String(on);
  const text = document.getElementById("live-word");
  text.dataset.word = on ? "live.on" : "live.off";
  text.textContent = word(text.dataset.word);
}

function chooseLanguage(language) {
  setLanguage(language);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  phone.relabel(page);
  desk.relabel(page);
  answering.relabel(page);
  redraw();
}

function numbers(town) {
  const select = document.getElementById("number");
  for (const { id, tenant } of town.numbers) {
    const name = town.tenants.find((one) => one.id === tenant)?.name ?? tenant;
    select.append(h("option", { value: id }, name));
  }
  document.getElementById("number-pick").hidden = town.numbers.length < 2;
  select.addEventListener("change", () => {
    page.number = select.value;
    page.department = page.conversation = "";
    desk.openFirst(page);
    redraw();
  });
}

async function start() {
  const answer = await ask("/town");
  if (!answer.ok) {
    setTimeout(start, 2000); // the sandbox is still starting
    return;
  }
  page.state = empty(answer.body);
  page.number = answer.body.numbers[0].id;
  page.citizen = answer.body.citizens[0];
  numbers(answer.body);
  document.getElementById("ita").hidden = !answer.body.openklant;
  phone.start(page);
  if (answer.body.desk) answering.start(page);
  desk.start(page);
  centre.start(page);
  record.start(page);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => chooseLanguage(button.dataset.language));
  }
  for (const button of document.querySelectorAll(".views button")) {
    button.addEventListener("click", () => show(button.dataset.view));
  }
  for (const link of document.querySelectorAll("[data-go]")) {
    link.addEventListener("click", () => show(link.dataset.go, { focus: true }));
  }
  window.addEventListener("resize", redraw);
  chooseLanguage(currentLanguage());
  listen({ hello, ready, happened, live });
}

fill();
start();
