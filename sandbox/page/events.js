// Takes in the events that a CRM is told: what the departments see of each conversation.

import { add, answered, open, wordsOf } from "/page/state.js";

const RANKS = ["sending", "accepted", "sent", "delivered", "read"];

export const EVENTS = {
  "nl.postkamer.message-received.v1"(state, data, event) {
    const conversation = stands(open(state, data), data);
    const { from = {}, decision = {}, task = true, provisional = false } = data;
    conversation.name = from.name || conversation.name;
    conversation.identities = from.identities ?? conversation.identities;
    conversation.closed = false;
    conversation.windowUntil = data.windowUntil;
    if (!provisional) settle(conversation, { provisional: false });
    add(conversation.entries, {
      id: data.messageId,
      mine: false,
      confidential: Boolean(event.dataref),
      sealed: Boolean(event.dataref),
      type: data.type ?? "other",
      text: data.text ?? "",
      media: data.media ?? [],
      rule: decision.rule ?? "",
      reason: decision.reason ?? "",
      version: decision.version ?? "",
      at: data.receivedAt,
      sentAt: data.sentAt,
      task,
      provisional,
      reopened: data.reopened ?? false,
      sensitive: data.sensitive ?? [],
      ...situation(data),
    });
    automatic(conversation, data, event);
    conversation.at = data.receivedAt;
    return { say: "say.arrived", conversation };
  },

  // Of a confidential department only the state is told; the rest is asked of the archive.
  "nl.postkamer.media-available.v1"(state, { conversationId, messageId, state: now, reason = "" }) {
    const conversation = state.conversations.get(conversationId);
    const entry = conversation?.entries.find((one) => one.id === messageId);
    if (!entry?.media) return null;
    entry.media = entry.media.map((file) => ({ ...file, state: now, reason }));
    return now === "available" ? null : { say: "say.file", conversation };
  },

  "nl.postkamer.message-status-changed.v1"(state, data, event) {
    const offer = state.offers.get(data.messageId);
    // Of a message that nobody here knows there is nothing to show.
    if (!offer && !state.conversations.has(data.conversationId)) return null;
    if (offer?.type === "reaction") return null; // it stands on what it is about
    const conversation = open(state, data);
    let entry = conversation.entries.find((one) => one.id === data.messageId);
    if (!entry) {
      const text = offer ? wordsOf(offer.type, offer.content) : "";
      entry = { ...answered(data.messageId, text, data.at), type: offer?.type ?? "text" };
      add(conversation.entries, entry);
    }
    if (offer && conversation.identities.length === 0) conversation.identities = recipient(offer);
    conversation.at ??= data.at;
    const higher = RANKS.indexOf(data.status) > RANKS.indexOf(entry.status);
    if (higher || !RANKS.includes(data.status)) entry.status = data.status;
    if (data.reason || higher) entry.why = data.reason; // what waited waits no more
    automatic(conversation, data, event);
    return entry.automatic ? null : { say: "say.status", conversation, status: entry.status };
  },

  "nl.postkamer.conversation-transferred.v1"(state, data, event) {
    const from = data.from ?? open(state, data).department;
    const conversation = open(state, data);
    conversation.department = data.department;
    if (data.by) settle(stands(conversation, data), { provisional: false, task: true });
    note(conversation, event, { note: "moved", from, reason: data.reason, assignee: data.assignee, given: Boolean(data.by) });
    automatic(conversation, data, event);
    return { say: "say.moved", conversation };
  },

  "nl.postkamer.conversation-decided.v1"(state, data, event) {
    const conversation = stands(open(state, data), data);
    settle(conversation, { provisional: false, task: true });
    note(conversation, event, { note: "decided", to: data.department, reason: data.reason });
    automatic(conversation, data, event);
    return { say: "say.decided", conversation };
  },

  "nl.postkamer.conversation-waiting.v1"(state, data, event) {
    const conversation = stands(open(state, data), data);
    note(conversation, event, { note: "waiting", to: data.department, reason: data.reason });
    automatic(conversation, data, event);
    return { say: "say.waiting", conversation };
  },

  "nl.postkamer.window-closing.v1"(state, data, event) {
    const conversation = stands(open(state, data), data);
    conversation.windowUntil = data.windowUntil ?? conversation.windowUntil;
    note(conversation, event, { note: "window", until: conversation.windowUntil, reason: data.reason });
    return { say: "say.window", conversation };
  },

  "nl.postkamer.conversation-closed.v1"(state, data, event) {
    const conversation = stands(open(state, data), data);
    conversation.closed = true;
    note(conversation, event, { note: "closed", reason: data.reason, outcome: data.outcome });
    automatic(conversation, data, event);
    return null;
  },

  // Of a confidential department it is not said what kind of danger it is.
  "nl.postkamer.care-alarm.v1"(state, { conversationId, care = "other", nth }, { time }) {
    const { since = time } = nth > 1 ? state.alarms.get(conversationId) ?? {} : {};
    state.alarms.set(conversationId, { id: conversationId, care, nth, since, at: time });
    return { say: "say.alarm", care };
  },

  "nl.postkamer.conversation-destroyed.v1"(state, data) {
    state.conversations.delete(data.conversationId);
    state.records.delete(data.conversationId);
    return null;
  },
};

// How a conversation stands; what an event does not name, there is not.
function situation({ tags = [], priority = "normal", language = "", due = "", care = "" }) {
  return { tags, priority, language, due, care };
}

// Whom it is with and how it stands, as of this event. Care stays: an event has that of its message.
function stands(conversation, data) {
  const { care, ...now } = situation(data);
  const { department, assignee = "", zaak = "" } = data;
  return Object.assign(conversation, now, { department, assignee, zaak, care: care || conversation.care });
}

// What was not decided yet now is.
function settle(conversation, now) {
  for (const one of conversation.entries) if (one.provisional) Object.assign(one, now);
}

function note(conversation, { id }, about) {
  add(conversation.entries, { id, ...about, reason: about.reason ?? "" });
}

// What the citizen was told by itself stands on its own; how far it came may have been told before.
function automatic(conversation, { automatic: told }, { time }) {
  if (!told) return;
  const { messageId: id, name } = told;
  const text = told.text || name; // of a template only the name is known
  const known = conversation.entries.find((one) => one.id === id);
  if (known) Object.assign(known, { automatic: name, text });
  else add(conversation.entries, { ...answered(id, text, time), automatic: name });
}

function recipient({ phone, bsuid }) {
  const known = { phone, bsuid };
  return Object.keys(known).filter((kind) => known[kind]).map((kind) => ({ kind, value: known[kind] }));
}

