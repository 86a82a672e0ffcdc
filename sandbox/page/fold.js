// Apply the events of the stream: each kind changes the state of the page.

import { EVENTS } from "/page/events.js";
import { add, answered, chat, chatKey, find, countUndelivered, lose } from "/page/state.js";

const IDS_MOST = 5000;
const PEOPLE_MOST = 1000; // citizens by user id; a citizen has several after a number's move
const OFFERS_MOST = 2000; // as many as the stream remembers
const TYPING_MS = 25_000; // as long as WhatsApp shows it

// Apply one event; returns { say, ... } for a text to announce, or null.
export function fold(state, kind, data) {
  return FOLDS[kind]?.(state, data) ?? null;
}

const FOLDS = {
  citizen(state, data) {
    state.people.set(data.bsuid, data.phone);
    if (state.people.size > PEOPLE_MOST) state.people.delete(state.people.keys().next().value);
    if (data.content.type === "reaction") return react(state, data);
    add(chat(state, data), { ...data, mine: true, state: "sending" });
    return null;
  },

  webhook(state, { wamid, status }) {
    const message = find(state, wamid);
    if (!message) return null;
    if (status === 200) {
      const waited = message.state === "waiting";
      if (message.state !== "seen") message.state = "accepted";
      return waited ? { say: "say.kept" } : null;
    }
    if (message.state === "accepted" || message.state === "seen") return null;
    const first = message.state !== "waiting";
    Object.assign(message, { state: "waiting", refusal: status });
    return first ? { say: "say.waits" } : null;
  },

  seen(state, { wamid, typing, at }) {
    for (const [key, messages] of state.chats) {
      const last = messages.findIndex((message) => message.wamid === wamid);
      for (const message of messages.slice(0, last + 1)) {
        if (message.mine && message.state === "accepted") message.state = "seen";
      }
      if (last >= 0 && typing) return types(state, key, Date.parse(at));
    }
    return null;
  },

  town(state, data) {
    if (data.type === "reaction") {
      const target = find(state, data.content.message_id);
      if (target) target.reaction = data.content.emoji;
      return null;
    }
    add(chat(state, data), { ...data, mine: false });
    state.typing.delete(chatKey(data.number, data.phone));
    return { say: "say.answered", chat: chatKey(data.number, data.phone) };
  },

  offered(state, data) {
    state.offers.set(data.messageId, data);
    if (state.offers.size > OFFERS_MOST) state.offers.delete(state.offers.keys().next().value);
    return null;
  },

  crm(state, event) {
    if (state.ids.has(event.id)) return null;
    state.ids.add(event.id);
    if (state.ids.size > IDS_MOST) state.ids.delete(state.ids.values().next().value);
    return EVENTS[event.type]?.(state, event.data, event) ?? null;
  },

  // Content that a confidential event left out, from the archive.
  content(state, { conversationId, id, from, type, text, media, decision, ...told }) {
    const conversation = state.conversations.get(conversationId);
    const entry = conversation?.entries.find((one) => one.id === id && one.confidential);
    if (!entry) return null;
    const { tags, priority, due, care, sensitive } = told;
    Object.assign(entry, { sealed: false, type, text, media, ...decision, tags, priority, due, care, sensitive });
    conversation.name = from?.name || conversation.name;
    conversation.identities = from?.identities ?? conversation.identities;
    Object.assign(conversation, { tags, priority: priority ?? "normal", due, care: care ?? conversation.care });
    return null;
  },

  answer(state, data) {
    const conversation = state.conversations.get(data.conversationId);
    if (!conversation) return null;
    const about = conversation.entries.find((entry) => entry.id === data.about);
    if (data.type === "reaction") {
      if (about) about.reaction = data.text;
      return null;
    }
    const said = { text: data.text, type: data.type, quoted: about?.text ?? "", author: "employee", late: false };
    conversation.partial = false;
    const known = conversation.entries.find((entry) => entry.id === data.messageId);
    if (known) Object.assign(known, said);
    else add(conversation.entries, { ...answered(data.messageId, "", data.at), ...said });
    return null;
  },

  note(state, { conversationId, text, id }) {
    const conversation = state.conversations.get(conversationId);
    if (conversation) add(conversation.entries, { id, note: "said", text });
    return null;
  },

  record(state, { conversationId, record }) {
    state.records.set(conversationId, record);
    return null;
  },

  confirmed(state, { conversationId, id }) {
    state.alarms.delete(conversationId);
    const conversation = state.conversations.get(conversationId);
    if (conversation) add(conversation.entries, { id, note: "confirmed" });
    return { say: "say.confirmed" };
  },

  mode(state, { mode }) {
    state.mode = mode;
    state.drains = mode !== "ok" || countUndelivered(state) > 0;
    return { say: mode === "ok" ? "say.outage.off" : "say.outage.on" };
  },

  rules(state, { refused }) {
    state.refused = refused;
    return { say: refused ? "rules.refused" : "rules.mended" };
  },

  missed(state, { count }) {
    lose(state);
    return { say: "say.missed", values: { count } };
  },
};

function types(state, key, at) {
  const news = (state.typing.get(key) ?? 0) < at;
  state.typing.set(key, at + TYPING_MS);
  return news ? { say: "say.typing" } : null;
}

function react(state, { content }) {
  const target = find(state, content.reaction.message_id);
  if (target) target.reaction = content.reaction.emoji ?? "";
  return null;
}
