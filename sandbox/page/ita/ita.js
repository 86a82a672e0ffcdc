// Tasks as ITA shows them: list those of a department, open one, and act on it.

import { ask, post } from "/page/api.js";
import { h } from "/page/dom.js";

const at = (id) => document.getElementById(id);
const STATUSES = { te_verwerken: "Te verwerken", verwerkt: "Verwerkt" };
const LOG = {
  toegewezen: "Toegewezen",
  doorsturen: "Doorgestuurd",
  klantcontact: "Contact geregistreerd",
  verwerkt: "Afgerond",
  heropend: "Heropend",
};
let open = ""; // number of the contact whose task is shown

function user() {
  const query = new URLSearchParams({ unit: at("unit").value, status: at("status").value });
  if (at("manager").checked) query.set("manager", "true");
  return query;
}

function complain(answer) {
  at("complaint").textContent = answer.ok ? "" : answer.body.title ?? "De proefopstelling antwoordt niet.";
  return answer.ok;
}

function say(text) {
  at("announcer").textContent = text;
}

const moment = new Intl.DateTimeFormat("nl-NL", { dateStyle: "short", timeStyle: "short" });

function row(task) {
  const number = task.nummer
    ? h("button", { type: "button", class: "quiet", onclick: () => show(task.nummer, { focus: true }) }, task.nummer)
    : "-"; // ITA links to a contact by its number
  const cells = [number, task.vraag, moment.format(new Date(task.datum)), task.behandelaar];
  return h("tr", { "data-open": task.nummer !== "" && task.nummer === open }, ...cells.map((cell) => h("td", {}, cell)));
}

async function list() {
  const answer = await ask(`/ita/tasks?${user()}`);
  if (!complain(answer)) return;
  at("tasks").replaceChildren(...answer.body.map(row));
  at("table").hidden = answer.body.length === 0;
  at("nothing").hidden = answer.body.length > 0;
  at("list-title").textContent = `Van ${at("unit").value}`;
}

function fields(task) {
  return [
    ["Vraag", task.vraag],
    ["Informatie voor burger / bedrijf", task.informatie],
    ["Gekoppelde zaak", task.zaak],
    ["Interne toelichting KCC", task.toelichting],
    ["Klantnaam", task.klantnaam],
    ["Organisatie", task.organisatie],
    ["E-mailadres", task.email],
    ...task.telefoonnummers,
    ["Datum aangemaakt", moment.format(new Date(task.datum))],
    ["Aangemaakt door", task.aangemaaktDoor],
    ["Behandelaar", task.behandelaar],
    [task.eenheidSoort, task.eenheid],
    ["Status", STATUSES[task.status]],
    ["Kanaal", task.kanaal],
  ].filter(([, value]) => value);
}

function logLine({ type, shown, note }) {
  return h("li", {}, [LOG[type], shown, note].filter(Boolean).join("\n"));
}

async function show(number, { focus = false } = {}) {
  const answer = await ask(`/ita/tasks/${number}?${user()}`);
  if (!complain(answer)) return;
  const { task, log } = answer.body;
  open = number;
  at("task-title").textContent = `Contactverzoek ${number}`;
  at("fields").replaceChildren(...fields(task).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  at("log").replaceChildren(...(log.length ? log.map(logLine) : [h("li", {}, "Nog niets.")]));
  at("open-actions").hidden = task.status !== "te_verwerken";
  at("reopen").hidden = task.status !== "verwerkt";
  at("task").hidden = false;
  if (focus) at("task").focus();
  await list();
}

function hide() {
  open = "";
  at("task").hidden = true;
}

async function act(action, body, done) {
  const answer = await post(`/ita/tasks/${open}/${action}?${user()}`, body);
  if (!complain(answer)) return;
  for (const form of at("task").querySelectorAll("form")) form.reset();
  say(done);
  if (action === "forward") {
    hide();
    await list();
    at("list-title").focus();
  } else await show(open, { focus: true });
}

function onSubmit(id, handle) {
  at(id).addEventListener("submit", (event) => {
    event.preventDefault();
    handle(new FormData(event.target));
  });
}

function reload() {
  hide();
  return list();
}

onSubmit("user", () => (open ? show(open) : list()));
for (const id of ["unit", "status", "manager"]) at(id).addEventListener("change", reload);
at("take").addEventListener("click", () => act("take", {}, "Toegewezen aan jou"));
onSubmit("register", (form) => {
  const chosen = (name) => form.get(name) === "yes";
  const body = { succeeded: chosen("succeeded"), close: chosen("close"), channel: at("channel").value };
  act("register", { ...body, text: at("text").value, note: at("note").value }, "Opgeslagen");
});
onSubmit("forward", () => act("forward", { unit: at("target").value, note: at("forward-note").value }, "Doorgestuurd"));
onSubmit("reopen", () => act("reopen", { reason: at("reason").value }, "Heropend"));

const known = await ask("/ita/units");
if (complain(known)) {
  for (const id of ["unit", "target"]) at(id).replaceChildren(...known.body.units.map((name) => h("option", {}, name)));
  at("channel").replaceChildren(...known.body.channels.map((name) => h("option", {}, name)));
  await list();
}
