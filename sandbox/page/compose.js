// Actions of a desk in a conversation: kinds of answers with their fields, notes, transfer, closing.

import { ask } from "/page/api.js";
import { h } from "/page/dom.js";
import { word } from "/page/words.js";

const by = (id) => document.getElementById(id);
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

// fields: inputs beside the text; label: label of the text if it is no answer; bare: the text is
// optional; make: returns the message for the gateway; action: command on the conversation itself.
const KINDS = {
  text: { make: ({ text }) => ({ type: "text", text: { body: text } }) },
  buttons: {
    fields: ["options"],
    make: ({ text, options }) => tap(text, "buttons", { buttons: rows(options) }),
  },
  list: {
    fields: ["button", "options"],
    make: ({ text, options, button }) => tap(text, "list", { button, sections: [{ rows: rows(options) }] }),
  },
  url: { fields: ["button", "url"], make: ({ text, button, url }) => tap(text, "url", { button, url }) },
  location: { make: ({ text }) => tap(text, "location", {}) },
  contact: { make: ({ text }) => tap(text, "contact", {}) },
  media: { fields: ["file"], label: "desk.label.media", bare: true, make: media },
  template: { fields: ["template", "code"], label: "desk.label.template", bare: true, make: template },
  note: { label: "desk.label.note", submit: "desk.do.note", action: ({ text }) => ({ text }) },
  transfer: {
    fields: ["department", "employee"],
    label: "desk.label.transfer",
    submit: "desk.do.transfer",
    action: ({ text, department, employee }) => ({ ...given({ department, employee }), reason: text }),
  },
  close: {
    fields: ["outcome"],
    label: "desk.label.close",
    submit: "desk.do.close",
    bare: true,
    action: ({ text, outcome }) => given({ reason: text, outcome }),
  },
};
const QUOTING = ["text", "buttons", "list", "url", "location", "contact", "media"];
const OUTCOMES = ["forwarded", "redirected", "handled"];
const OFFICIAL = "officieel"; // a conversation with this label needs an outcome to be closed
const LARGEST_FILE = 16 * 1024 * 1024;

// Values of the fields.
function given(all) {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value));
}

function tap(text, kind, parts) {
  return { type: "interactive", interactive: { kind, body: text, ...parts } };
}

function rows(options) {
  return lines(options).map((title) => ({ id: title, title }));
}

function template({ text, template: name, code }) {
  const filled = lines(text).map((line) => ({ type: "text", text: line }));
  const components = filled.length ? { components: [{ type: "body", parameters: filled }] } : {};
  return { type: "template", template: { name, language: code, ...components } };
}

function media({ text, upload, file }) {
  const kind = ["image", "video", "audio"].find((one) => file.type.startsWith(`${one}/`)) ?? "document";
  const caption = text && kind !== "audio" ? { caption: text } : {};
  return { type: "media", media: { kind, id: upload, ...caption, ...(kind === "document" ? { filename: file.name } : {}) } };
}

const FIELDS = {
  options: () => h("textarea", { rows: 3, required: true, maxlength: 400 }),
  button: () => h("input", { required: true, maxlength: 20, value: word("field.button.value") }),
  url: () => h("input", { type: "url", required: true, value: "https://" }),
  template: () => h("input", { required: true, maxlength: 512, autocomplete: "off" }),
  code: () => h("input", { required: true, maxlength: 8, value: "nl" }),
  file: () => h("input", { type: "file", required: true }),
  department: (page, departments) =>
    h("select", {}, h("option", { value: "" }, word("field.department.front")),
      departments.map(({ id, name }) => h("option", { value: id }, name))),
  employee: () => h("input", { maxlength: 255, autocomplete: "off" }),
  outcome: () =>
    h("select", {}, h("option", { value: "" }, ""),
      OUTCOMES.map((one) => h("option", { value: one }, word(`field.outcome.${one}`)))),
};

export function start(page, departments) {
  by("answer-kind").addEventListener("change", () => choose(page, departments));
  by("quoting-off").addEventListener("click", () => {
    quote(page, null);
    by("answer-text").focus();
  });
}

export function relabel(page, departments) {
  const select = by("answer-kind");
  const chosen = select.value || "text";
  select.replaceChildren(...Object.keys(KINDS).map((kind) => h("option", { value: kind }, word(`kind.${kind}`))));
  select.value = chosen;
  choose(page, departments);
}

// Show the fields of the chosen kind.
function choose(page, departments) {
  const { fields = [], submit, bare } = current();
  by("answer-fields").replaceChildren(
    ...fields.map((name) => {
      const input = FIELDS[name](page, departments(page));
      input.id = `field-${name}`;
      return h("div", { class: "field" }, h("label", { for: input.id }, word(`field.${name}`)), input);
    }),
  );
  by("answer-fields").hidden = fields.length === 0;
  by("answer-text").required = !bare;
  by("answer-do").textContent = word(submit ?? "desk.send");
  fit(page.state?.conversations.get(page.conversation)); // the page is drawn later, and keys do not wait
  page.redraw();
}

function current() {
  return KINDS[by("answer-kind").value] ?? KINDS.text;
}

// Label of the text box.
export function label(name) {
  const key = current().label;
  return key ? word(key) : word("desk.answer", { name });
}

// Closing a conversation with a message of legal weight requires an outcome.
export function fit(conversation) {
  const outcome = by("field-outcome");
  if (!outcome) return;
  const needed = Boolean(conversation?.tags.includes(OFFICIAL));
  outcome.required = needed;
  outcome.options[0].textContent = word(needed ? "field.outcome.choose" : "field.outcome.none");
}

// True if the draft is for the citizen.
export function isAnswer() {
  return !current().action;
}

export function isText() {
  return by("answer-kind").value === "text";
}

export function reset(page, departments) {
  by("answer-kind").value = "text";
  quote(page, null);
  choose(page, departments);
}

// Quote a citizen's message in the next answer; null removes the quote.
export function quote(page, entry) {
  page.quoting = entry;
  by("quoting").hidden = !entry;
  by("quoting-text").textContent = entry ? word("desk.quoting", { text: entry.text || word("type.other") }) : "";
}

// Returns { path, body } to post the draft, or { refused } with the text of a service's refusal.
export async function made(page, text, uploads) {
  const { fields = [], make, action } = current();
  const values = Object.fromEntries(fields.map((name) => [name, by(`field-${name}`).value.trim()]));
  if (action) {
    const kind = by("answer-kind").value;
    return { path: "/desk/actions", body: { action: kind, body: action({ text, ...values }) } };
  }
  if (fields.includes("file")) {
    const [file] = by("field-file").files;
    const answer = await upload(file, uploads);
    if (!answer.ok) return { refused: answer };
    Object.assign(values, { file, upload: answer.body.id });
  }
  const message = make({ text, ...values });
  const quoted = page.quoting && QUOTING.includes(by("answer-kind").value);
  if (quoted) message.replyTo = page.quoting.id;
  const shown = text || values.template || values.file?.name || "";
  return { path: "/desk/answers", body: { text: shown, message } };
}

// A file is uploaded once for a draft, however often the message is retried.
async function upload(file, uploads) {
  if (!file || file.size > LARGEST_FILE) return { ok: false, body: { code: "large" } };
  const known = uploads.get(file);
  if (known) return known;
  const type = file.type || "application/octet-stream";
  const answer = await ask("/desk/media", { method: "POST", body: file, type });
  if (answer.ok) uploads.set(file, answer);
  return answer;
}
