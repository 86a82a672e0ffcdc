// The language of the page: the choice, its texts, and its formats for times.

import { en } from "/page/words-en.js";
import { nl } from "/page/words-nl.js";

const TABLES = { nl, en };
const KEY = "postkamer.language";

let language = remembered();

function remembered() {
  try {
    const kept = localStorage.getItem(KEY);
    return kept in TABLES ? kept : "nl";
  } catch {
    return "nl"; // a browser that forbids storage still gets the page
  }
}

export function currentLanguage() {
  return language;
}

// The text for `key`, with {names} filled in.
export function word(key, values = {}) {
  const text = TABLES[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function hasWord(key) {
  return key in TABLES[language];
}

// "1 wacht", "2 wachten": one key for one, another for more.
export function counted(key, n) {
  return word(n === 1 ? key : `${key}.many`, { n });
}

export function setLanguage(chosen) {
  language = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // the choice is not stored, but takes effect
  }
  fill();
}

// Fill in the texts of every element that names a key.
export function fill() {
  document.documentElement.lang = language;
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = word(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", word(element.dataset.label));
  }
  for (const element of document.querySelectorAll("[data-hint]")) {
    element.setAttribute("placeholder", word(element.dataset.hint));
  }
}

function locale() {
  return language === "nl" ? "nl-NL" : "en-GB";
}

// "7 januari 2027".
export function dated(date) {
  return new Date(date).toLocaleDateString(locale(), {
    day: "numeric", month: "long", year: "numeric", timeZone: "UTC",
  });
}

// "do 26 nov 14:00".
export function moment(at) {
  const style = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return new Date(at).toLocaleString(locale(), style);
}

// "Duits" for de; the code itself if the browser does not know it.
export function languageName(code) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(code);
  } catch {
    return code;
  }
}

export function clock(moment, { seconds = false } = {}) {
  const style = { hour: "2-digit", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) };
  return new Date(moment).toLocaleTimeString(locale(), style);
}

export function day(moment) {
  const style = { weekday: "long", day: "numeric", month: "long" };
  return new Date(moment).toLocaleDateString(locale(), style);
}

// "+0,3 s": how long after `start` something happened.
export function after(start, moment) {
  const seconds = (new Date(moment) - new Date(start)) / 1000;
  if (Math.abs(seconds) < 60) {
    return `+${Math.max(seconds, 0).toLocaleString(locale(), { maximumFractionDigits: 1 })} s`;
  }
  return `+${Math.round(seconds / 60).toLocaleString(locale())} min`;
}
