// State of the page, bounded, and functions that read it; nothing of the screen.

const CONVERSATIONS_MOST = 300;
const ENTRIES_MOST = 200;
const SECOND_MS = 1000;
const MADE_MS = 200; // longest time between sending a message and making its webhook

export function empty(town) {
  return {
    town,
    chats: new Map(), // "number phone" -> messages on that citizen's phone
    typing: new Map(), // the same -> time at which the municipality's typing indicator ends
    people: new Map(), // business-scoped user id -> phone
    conversations: new Map(), // id -> the departments' view of it
    offers: new Map(), // id of a message -> content sent to Meta, and the recipient
    records: new Map(), // id -> its record in the archive
    histories: new Map(), // id -> what happened in it beside the messages, as the archive has it
    alarms: new Map(), // id of a conversation -> its unconfirmed care alarm
    ids: new Set(), // of events already applied
    mode: "ok", // of the CRM
    drains: false, // the CRM is down, or messages that waited meanwhile are still on their way
    refused: null, // change of the rules that is not in force
    gaps: false, // the page missed events, or forgot conversations
  };
}

export function chatKey(number, phone) {
  return `${number} ${phone}`;
}

// Messages of people: no notes, no reactions, nothing that a system wrote.
export function said(conversation) {
  return conversation.entries.filter((one) => !one.note && one.type !== "reaction" && (!one.mine || byPerson(one)));
}

// An employee wrote it. A late status does not tell when: the citizen may have written since.
function byPerson(one) {
  return one.mine && one.author === "employee" && !one.late;
}

// A conversation waits when an employee must act: the citizen wrote last and it is a task, the answer
// did not arrive or may not have, a colleague transferred it, or the page does not know enough of it.
export function waits(conversation) {
  if (conversation.closed) return false;
  const moved = conversation.entries.findLastIndex((one) => one.given);
  if (moved > conversation.entries.findLastIndex(byPerson)) return true;
  if (isPartial(conversation) || isInDoubt(conversation)) return true;
  const last = said(conversation).findLast((one) => one.mine || one.task);
  return Boolean(last) && (!last.mine || last.status === "failed");
}

// The page does not know what the citizen said last: it has only a part of the conversation.
export function isPartial(conversation) {
  return conversation.partial || said(conversation).length === 0;
}

// It is not known whether an answer to the citizen's last message was sent.
export function isInDoubt(conversation) {
  const asked = conversation.entries.findLastIndex((one) => !one.mine && one.task);
  return conversation.entries.some((one, nth) => nth > asked && one.author === "employee" && one.status === "unknown");
}

export function isHandled(conversation) {
  return conversation.closed || (!waits(conversation) && conversation.entries.some(byPerson));
}

// A person must act because of danger: nobody has answered since, or confirmed the last alarm. Closing the
// conversation, which a machine may do, is neither.
export function presses(state, conversation) {
  const danger = conversation.entries.findLastIndex((one) => one.care);
  const confirmed = conversation.entries.findLastIndex((one) => one.note === "confirmed");
  return isOpen(conversation, danger) && (state.alarms.has(conversation.id) || danger > confirmed);
}

function isOpen(conversation, danger) {
  return conversation.closed ? conversation.entries.findLastIndex(byPerson) <= danger : waits(conversation);
}

// Messages that the mailroom has accepted and the desks have not received.
export function countUndelivered(state) {
  return [...state.chats.values()].flat().filter(isUndelivered).length;
}

function isUndelivered({ mine, state, arrived }) {
  return mine && !arrived && (state === "accepted" || state === "seen");
}

// The desks received a message. Meta's time, in whole seconds, tells which: a confidential event names no
// citizen, and only the number of messages counts.
export function arrive(state, { conversationId, sentAt }) {
  const sent = [...state.chats]
    .filter(([key]) => conversationId.startsWith(key.split(" ")[0]))
    .flatMap(([, messages]) => messages)
    .filter((one) => one.mine && !one.arrived);
  const later = (one) => new Date(one.at) - new Date(sentAt);
  const found = sent.find((one) => later(one) >= 0 && later(one) < SECOND_MS)
    ?? sent.find((one) => later(one) < 0 && later(one) > -MADE_MS);
  if (found) found.arrived = true;
  state.drains &&= countUndelivered(state) > 0;
}

// The department is not decided yet.
export function undecided(conversation) {
  const last = said(conversation).at(-1);
  return !conversation.closed && !waits(conversation) && Boolean(last?.provisional);
}

// The text of a message that went to Meta, of any type; "" if it has none.
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
    conversation = { id: conversationId, department, partial: true, ...nobody };
    state.conversations.set(conversationId, conversation);
    if (state.conversations.size > CONVERSATIONS_MOST) forget(state);
  }
  return conversation;
}

// Forget one conversation whole, preferably one in which no person must act.
function forget(state) {
  const all = [...state.conversations.values()];
  const { id, entries } = all.find((one) => !waits(one)) ?? all.find((one) => !presses(state, one)) ?? all[0];
  for (const one of entries) state.offers.delete(one.id); // else a late status shows a part of it again
  state.conversations.delete(id);
  state.gaps = true;
}

// Events were lost: in any conversation, the citizen may have written since.
export function lose(state) {
  for (const one of state.conversations.values()) Object.assign(one, { partial: true, closed: false });
  state.offers.clear();
  state.gaps = true;
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
