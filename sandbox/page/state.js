// What the page knows, with bounds, and what can be read from it; nothing of the screen.

const CONVERSATIONS_MOST = 300;
const ENTRIES_MOST = 200;

export function empty(town) {
  return {
    town,
    chats: new Map(), // "number phone" -> messages on that citizen's phone
    typing: new Map(), // the same -> until when the municipality is seen typing there
    people: new Map(), // business-scoped user id -> phone
    conversations: new Map(), // id -> what the departments see of it
    offers: new Map(), // id of a message -> what Meta was asked to send, and to whom
    records: new Map(), // id -> what the archive has of it
    alarms: new Map(), // id of a conversation -> the alarm of care that nobody has confirmed yet
    ids: new Set(), // of events already counted in
    mode: "ok", // of the CRM
  };
}

export function chatKey(number, phone) {
  return `${number} ${phone}`;
}

// What was said: neither notes nor thumbs, and no text that went out by itself.
export function said(conversation) {
  return conversation.entries.filter((one) => !one.note && !one.automatic && one.type !== "reaction");
}

// A conversation waits when somebody has to do something: the citizen spoke last and it is a task,
// or the answer did not arrive; or a colleague passed it on.
export function waits(conversation) {
  const moved = conversation.entries.findLastIndex((one) => one.given);
  if (moved > conversation.entries.findLastIndex((one) => one.mine)) return !conversation.closed;
  const last = said(conversation).findLast((one) => one.mine || one.task);
  return !conversation.closed && Boolean(last) && (!last.mine || last.status === "failed");
}

// Nobody can tell yet where it belongs.
export function undecided(conversation) {
  const last = said(conversation).at(-1);
  return !conversation.closed && !waits(conversation) && Boolean(last?.provisional);
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

export function open(state, { conversationId, department = "" }) {
  let conversation = state.conversations.get(conversationId);
  if (!conversation) {
    const nobody = { name: "", identities: [], entries: [], tags: [], priority: "normal" };
    conversation = { id: conversationId, department, ...nobody };
    state.conversations.set(conversationId, conversation);
    if (state.conversations.size > CONVERSATIONS_MOST) {
      state.conversations.delete(state.conversations.keys().next().value);
    }
  }
  return conversation;
}

export function answered(id, text, at) {
  return { id, mine: true, type: "text", text, status: "accepted", at };
}

export function chat(state, { number, phone }) {
  const key = chatKey(number, phone);
  if (!state.chats.has(key)) state.chats.set(key, []);
  return state.chats.get(key);
}

export function find(state, wamid) {
  for (const messages of state.chats.values()) {
    const found = messages.find((message) => message.wamid === wamid);
    if (found) return found;
  }
  return null;
}

export function add(list, entry) {
  list.push(entry);
  if (list.length > ENTRIES_MOST) list.shift();
}
