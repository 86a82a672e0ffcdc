// What the page knows: a fold over the events of the stream, with bounds, and nothing of the screen.

const CONVERSATIONS_MOST = 300;
const ENTRIES_MOST = 200;
const IDS_MOST = 5000;
const PEOPLE_MOST = 1000; // citizens by their user ids, of which one has several after a move
const OFFERS_MOST = 2000; // as many as the stream remembers
const RANKS = ["sending", "accepted", "sent", "delivered", "read"];

export function empty(town) {
  return {
    town,
    chats: new Map(), // "number phone" -> messages on that citizen's phone
    people: new Map(), // business-scoped user id -> phone
    conversations: new Map(), // id -> what the departments see of it
    offers: new Map(), // id of a message -> what Meta was asked to send, and to whom
    records: new Map(), // id -> what the archive has of it
    ids: new Set(), // of events already counted in
    mode: "ok", // of the CRM
  };
}

export function chatKey(number, phone) {
  return `${number} ${phone}`;
}

// Take one event in; what is worth saying aloud comes back as { say, ... } or null.
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

  seen(state, { wamid }) {
    for (const messages of state.chats.values()) {
      const last = messages.findIndex((message) => message.wamid === wamid);
      for (const message of messages.slice(0, last + 1)) {
        if (message.mine && message.state === "accepted") message.state = "seen";
      }
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

  answer(state, data) {
    const conversation = state.conversations.get(data.conversationId);
    if (!conversation) return null;
    const about = conversation.entries.find((entry) => entry.id === data.about);
    if (data.type === "reaction") {
      if (about) about.reaction = data.text;
      return null;
    }
    const said = { text: data.text, type: data.type, quoted: about?.text ?? "" };
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

  mode(state, { mode }) {
    state.mode = mode;
    return { say: mode === "ok" ? "say.outage.off" : "say.outage.on" };
  },

  missed(_, { count }) {
    return { say: "say.missed", values: { count } };
  },
};

const EVENTS = {
  "nl.postkamer.message-received.v1"(state, data) {
    const conversation = open(state, data);
    const { from = {}, decision = {} } = data;
    conversation.name = from.name || conversation.name;
    conversation.identities = from.identities ?? conversation.identities;
    conversation.department = data.department;
    conversation.closed = false;
    add(conversation.entries, {
      id: data.messageId,
      mine: false,
      type: data.type,
      text: data.text ?? "",
      media: data.media ?? [],
      rule: decision.rule ?? "",
      reason: decision.reason ?? "",
      at: data.receivedAt,
      sentAt: data.sentAt,
    });
    conversation.at = data.receivedAt;
    return { say: "say.arrived", conversation };
  },

  "nl.postkamer.message-status-changed.v1"(state, data) {
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
    if (data.reason) entry.why = data.reason;
    return { say: "say.status", conversation, status: entry.status };
  },

  "nl.postkamer.conversation-transferred.v1"(state, data) {
    const conversation = open(state, data);
    const from = data.from ?? conversation.department;
    conversation.department = data.department;
    const note = { note: "moved", from, reason: data.reason ?? "" };
    add(conversation.entries, { id: `moved ${conversation.entries.length}`, ...note });
    return { say: "say.moved", conversation };
  },

  "nl.postkamer.conversation-closed.v1"(state, data) {
    const conversation = open(state, data);
    conversation.closed = true;
    add(conversation.entries, { id: `closed ${conversation.entries.length}`, note: "closed" });
    return null;
  },

  "nl.postkamer.conversation-destroyed.v1"(state, data) {
    state.conversations.delete(data.conversationId);
    state.records.delete(data.conversationId);
    return null;
  },
};

// What needs reading: neither notes nor thumbs.
export function said(conversation) {
  return conversation.entries.filter((entry) => !entry.note && entry.type !== "reaction");
}

// A conversation waits when the citizen spoke last, or the answer did not arrive.
export function waits(conversation) {
  const last = said(conversation).at(-1);
  return !conversation.closed && Boolean(last) && (!last.mine || last.status === "failed");
}

// The words of a message that went to Meta, whatever its type; "" where it has none.
export function wordsOf(type, content) {
  const part = content ?? {};
  if (type === "contacts") return part.map((card) => card.name?.formatted_name ?? "").join(", ");
  if (type === "reaction") return part.emoji ?? "";
  return part.body?.text ?? part.body ?? part.caption ?? part.filename ?? part.name ?? "";
}

export function departmentName(state, tenant, id) {
  const { departments } = state.town;
  const found = departments.find((one) => one.id === id && one.tenant === tenant);
  return (found ?? departments.find((one) => one.id === id))?.name ?? id;
}

export function tenantOf(state, conversation) {
  const { numbers } = state.town;
  const number = numbers.find((one) => conversation.id.startsWith(one.id)) ?? numbers[0];
  return number.tenant;
}

function open(state, { conversationId, department = "" }) {
  let conversation = state.conversations.get(conversationId);
  if (!conversation) {
    conversation = { id: conversationId, department, name: "", identities: [], entries: [] };
    state.conversations.set(conversationId, conversation);
    if (state.conversations.size > CONVERSATIONS_MOST) {
      state.conversations.delete(state.conversations.keys().next().value);
    }
  }
  return conversation;
}

function answered(id, text, at) {
  return { id, mine: true, type: "text", text, status: "accepted", at };
}

function recipient({ phone, bsuid }) {
  const known = { phone, bsuid };
  return Object.keys(known).filter((kind) => known[kind]).map((kind) => ({ kind, value: known[kind] }));
}

function chat(state, { number, phone }) {
  const key = chatKey(number, phone);
  if (!state.chats.has(key)) state.chats.set(key, []);
  return state.chats.get(key);
}

function find(state, wamid) {
  for (const messages of state.chats.values()) {
    const found = messages.find((message) => message.wamid === wamid);
    if (found) return found;
  }
  return null;
}

function react(state, { content }) {
  const target = find(state, content.reaction.message_id);
  if (target) target.reaction = content.reaction.emoji ?? "";
  return null;
}

function add(list, entry) {
  list.push(entry);
  if (list.length > ENTRIES_MOST) list.shift();
}
