// Labels of a message or a conversation: the facts that an employee must see at a glance.

import { h, icon } from "/page/dom.js";
import { dated, languageName, word } from "/page/words.js";

const WEIGHTY = ["officieel"]; // labels with legal consequences
const PRIORITIES = { urgent: "alert", high: "up", low: "down" };

// [class, icon, words] of each label, the most serious first.
function found(one) {
  const { priority, care, tags = [], due, sensitive = [], language, assignee } = one;
  return [
    priority in PRIORITIES && [priority, PRIORITIES[priority], word(`priority.${priority}`)],
    care && ["care", "heart", `${word("mark.care")}: ${careName(care)}`],
    one.confidential && ["plain", "lock", word("mark.confidential")],
    one.provisional && ["open", "question", word("mark.provisional")],
    ...tags.map((tag) => [WEIGHTY.includes(tag) ? "weighty" : "tag", "tag", tag]),
    due && ["due", "clock", word("mark.due", { date: dated(due) })],
    ...sensitive.map((what) => ["sensitive", "eye", word("mark.sensitive", { what: what.toUpperCase() })]),
    one.task === true && ["plain", "tray", word("mark.task")],
    one.task === false && !one.provisional && ["plain", "tick", word("mark.no.task")],
    one.reopened && ["plain", "letter", word("mark.reopened")],
    language && ["plain", null, languageName(language)],
    assignee && ["plain", "pen", word("mark.assignee", { assignee })],
  ].filter(Boolean);
}

export function careName(care) {
  return word(`care.${["emergency", "suicide", "violence", "threat"].includes(care) ? care : "other"}`);
}

// The labels as one line; null if there are none.
export function marks(one) {
  const all = found(one);
  if (all.length === 0) return null;
  return h("p", { class: "marks" },
    all.map(([kind, drawing, words]) =>
      h("span", { class: `label-of is-${kind}` }, drawing && icon(drawing), h("span", {}, words))));
}

// Labels that must be visible before the conversation is opened.
export function urgent({ priority, care, tags = [] }) {
  const weighty = tags.filter((tag) => WEIGHTY.includes(tag));
  return marks({ priority: priority === "low" ? "normal" : priority, care, tags: weighty });
}

export function signOf(one) {
  const { priority, care, tags = [], due, provisional, task, assignee } = one;
  return [priority, care, tags.join(), due, provisional, task, assignee].join(" ");
}
