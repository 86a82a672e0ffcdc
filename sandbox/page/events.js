// Apply the events that a CRM gets: the departments' view of each conversation.

import { add, answered, arrive, open, wordsOf } from "/page/state.js";

const RANKS = ["sending", "accepted", "sent", "delivered", "read", "played"];

export const EVENTS = {
  "nl.postkamer.message-received.v1"(state, data, event) {
    const conversation = stands(open(state, data), data);
    const { from = {}, decision = {}, task = true, provisional = false } = data;
    if (data.type !== "reaction") {
      arrive(state, data);
      // After a task the page knows enough; a greeting or thanks may follow an earlier question.
      if (task || Number(event.sequence) === 1) conversation.partial = false;
    }
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

  // An event of a confidential department has only the state; the archive gives the content.
  "nl.postkamer.media-available.v1"(state, { conversationId, messageId, state: now, reason = "" }) {
    const conversation = state.conversations.get(conversationId);
    const entry = conversation?.entries.find((one) => one.id === messageId);
    if (!entry?.media) return null;
    entry.media = entry.media.map((file) => ({ ...file, state: now, reason }));
    return now === "available" ? null : { say: "say.file", conversation };
  },

  "nl.postkamer.message-status-changed.v1"(state, data, event) {
    const offer = state.offers.get(data.messageId);
    // A message that the page does not know is shown only where a person must act.
    const pressing = data.status === "unknown" && data.author?.kind === "employee";
    if (!offer && !pressing && !state.conversations.has(data.conversationId)) return null;
    if (offer?.type === "reaction") return null; // it is shown on the message it is about
    const conversation = open(state, data);
    let entry = conversation.entries.find((one) => one.id === data.messageId);
    if (!entry) {
      // Of a confidential department only this event tells that a system wrote it.
      const text = offer ? wordsOf(offer.type, offer.content) : "";
      entry = { ...answered(data.messageId, text, data.at), type: offer?.type ?? "text", late: !offer };
      add(conversation.entries, entry);
    }
    entry.author = data.author?.kind ?? entry.author;
    if (offer) entry.late = false;
    if (offer && entry.author === "employee") conversation.partial = false; // sent since the page listens
    if (offer && conversation.identities.length === 0) conversation.identities = recipient(offer);
    conversation.at ??= data.at;
    const higher = RANKS.indexOf(data.status) > RANKS.indexOf(entry.status);
    if (higher || !RANKS.includes(data.status)) entry.status = data.status;
    if (data.reason || higher) entry.why = data.reason; // a reason to wait no longer applies
    automatic(conversation, data, event);
    return entry.author === "automated" ? null : { say: "say.status", conversation, status: entry.status };
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
    Object.assign(conversation, { closed: true, partial: false });
    note(conversation, event, { note: "closed", reason: data.reason, outcome: data.outcome });
    automatic(conversation, data, event);
    return null;
  },

  "nl.postkamer.conversation-reopened.v1"(state, data, event) {
    const conversation = stands(open(state, data), data);
    conversation.closed = false;
    note(conversation, event, { note: "reopened", reason: data.reason, given: true });
    return { say: "say.reopened", conversation };
  },

  "nl.postkamer.conversation-linked.v1"(state, data) {
    open(state, data).zaak = data.zaak ?? "";
    return null;
  },

  // For a confidential department the event does not give the kind of danger.
  "nl.postkamer.care-alarm.v1"(state, { conversationId, care = "other", nth }, { time }) {
    const { since = time } = nth > 1 ? state.alarms.get(conversationId) ?? {} : {};
    state.alarms.set(conversationId, { id: conversationId, care, nth, since, at: time });
    return { say: "say.alarm", care };
  },

  // The page's own confirmation is told at once; this is one from elsewhere, or the same once more.
  "nl.postkamer.care-confirmed.v1"(state, { conversationId }, event) {
    state.alarms.delete(conversationId);
    const conversation = state.conversations.get(conversationId);
    if (!conversation || conversation.entries.at(-1)?.note === "confirmed") return null;
    note(conversation, event, { note: "confirmed" });
    return { say: "say.confirmed" };
  },

  "nl.postkamer.conversation-destroyed.v1"(state, data) {
    state.conversations.delete(data.conversationId);
    state.records.delete(data.conversationId);
    state.histories.delete(data.conversationId);
    return null;
  },
};

// State of a conversation; a field that the event leaves out is empty.
function situation({ tags = [], priority = "normal", language = "", due = "", care = "" }) {
  return { tags, priority, language, due, care };
}

// Citizen and state of the conversation, as of this event. Care stays, since an event only has the
// care of its own message.
function stands(conversation, data) {
  const { care, ...now } = situation(data);
  const { department, assignee = "", zaak = "" } = data;
  return Object.assign(conversation, now, { department, assignee, zaak, care: care || conversation.care });
}

// The department was undecided until now.
function settle(conversation, now) {
  for (const one of conversation.entries) if (one.provisional) Object.assign(one, now);
}

function note(conversation, { id }, about) {
  add(conversation.entries, { id, ...about, reason: about.reason ?? "" });
}

// An automatic text has an entry of its own; its status may have arrived earlier.
function automatic(conversation, { automatic: told }, { time }) {
  if (!told) return;
  const { messageId: id, name } = told;
  const text = told.text || name; // a template has only a name here
  const known = conversation.entries.find((one) => one.id === id);
  const written = { automatic: name, author: "automated" };
  if (known) Object.assign(known, { ...written, text });
  else add(conversation.entries, { ...answered(id, text, time), ...written });
}

function recipient({ phone, bsuid }) {
  const known = { phone, bsuid };
  return Object.keys(known).filter((kind) => known[kind]).map((kind) => ({ kind, value: known[kind] }));
}

