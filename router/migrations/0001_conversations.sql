-- Partitions and their input.

create table router.lease (
    partition int primary key,
    epoch bigint not null               -- a router that lost its partition has a lower one
);

create table router.inbox (
    key bytea primary key,              -- keyed hash by which a repeated item is recognised
    receipt uuid not null,              -- first receipt that brought the item
    decision bytea not null,            -- MessagePack of router.decisions.Decision
    decided_at timestamptz not null default now(),
    -- A citizen's message under our id and Meta's, so that it can be quoted and reacted to. A wamid
    -- holds a telephone number; it goes when its row goes.
    message uuid,
    wamid text not null default ''
);
create index inbox_message on router.inbox (message) where message is not null;

create table router.quarantine (
    id uuid primary key,
    receipt uuid,
    reason text not null,
    raw bytea not null,
    at timestamptz not null default now()
);

create table router.suspect (
    frame bytea primary key,            -- hash of an AMQP message that was delivered before
    starts int not null
);

-- People and their conversations.

create table router.identity (
    tenant text not null,
    kind text not null,                 -- bsuid, parent_bsuid, phone
    hash bytea not null,                -- keyed hash of the value
    value text not null,
    person uuid not null,
    valid_from timestamptz not null,
    valid_to timestamptz,
    scope text not null default ''      -- portfolio in which a BSUID was seen
);
create unique index identity_current on router.identity (tenant, kind, hash)
    where valid_to is null;
-- The sender of a message is looked up by the hash of a name alone.
create index identity_hash on router.identity (hash) where valid_to is null;
create index identity_person on router.identity (person);

create table router.conversation (
    id text primary key,                -- begins with our id of the number
    tenant text not null,
    number text not null,
    person uuid not null,
    department text not null,
    departments text[] not null,        -- every department so far, in order, with the present one
    rule text not null,                 -- '' while only the number's fallback decided
    reason text not null,
    since timestamptz not null,         -- in this department
    opened_at timestamptz not null,
    last_inbound_at timestamptz,        -- null: the citizen has not written
    -- When the citizen wrote their last message, by Meta's clock and never later than it came in.
    -- Meta counts its 24 hours from then.
    said_at timestamptz,
    sequence bigint not null,
    zaak text not null default '',      -- '' while it is linked to none
    state jsonb not null default '{}',  -- router.conversation.State
    closed_at timestamptz
);
create unique index conversation_open on router.conversation (number, person)
    where closed_at is null;
-- The last closed conversation: a thank-you belongs to it, and a question may open it again.
create index conversation_person on router.conversation (person, number, closed_at);

create table router.timer (
    id uuid primary key,
    conversation text not null,
    number text not null,
    kind text not null,                 -- quiet, menu, waiting, window, idle, opens, care
    due_at timestamptz not null,
    told_at timestamptz,                -- when it was published to its partition
    unique (conversation, kind)
);
create index timer_due on router.timer (due_at);

-- Events of withheld conversations, until a person releases them.
create table router.held (
    id uuid primary key,                -- id of the event
    n bigint generated always as identity,
    conversation text not null,
    destination text not null,
    delivery bytea not null             -- MessagePack of contract.Delivery
);
create index held_conversation on router.held (conversation, n);

-- Messages that go out.

create table router.outgoing (
    id uuid primary key,                -- message id, given by the gateway
    tenant text not null,
    number text not null,
    conversation text not null,
    department text not null,
    status text not null,               -- accepted, sent, delivered, read, played, failed, unknown
    reason text not null default '',
    code int not null default 0,
    wamid_hash bytea,
    changed_at timestamptz not null,
    -- Type of an accepted command, else ''. A reaction is no answer, and cannot be quoted.
    type text not null default '',
    author_kind text not null default ''    -- employee, system, automated: who wrote it
);
create unique index outgoing_wamid on router.outgoing (wamid_hash) where wamid_hash is not null;
-- The newest answer of a conversation, whichever token gave the command.
create index outgoing_conversation on router.outgoing (conversation);

-- Statuses that came before their message was known: one from Meta may overtake Meta's own answer,
-- and not every proxy between us and Meta passes on the value by which we know our messages.
create table router.early_status (
    wamid_hash bytea not null,          -- keyed: a wamid holds a telephone number
    status text not null,
    number text not null,
    code int not null,
    reason text not null,
    at timestamptz not null,
    pricing bytea not null,             -- JSON as Meta sends it: no personal data
    received_at timestamptz not null,
    primary key (wamid_hash, status)
);
create index early_status_old on router.early_status (received_at);

-- Category in which Meta charged each of our messages, and its delivery: the monthly costs.
create table router.charge (
    id uuid primary key,                -- message id: each is charged once
    tenant text not null,
    number text not null,
    department text not null,           -- department that sent it
    category text not null,             -- Meta's word; '' while none came
    type text not null,
    pricing_model text not null,
    billable boolean,
    said_by text not null,              -- the status that the price came with
    delivered_at timestamptz            -- by Meta's clock; null: not charged
);
create index charge_delivered on router.charge (delivered_at) where delivered_at is not null;

-- Consent and its end.

create table router.opt_out (
    tenant text not null,
    person uuid not null,
    category text not null,             -- Meta's: marketing_messages
    value text not null,                -- stop or resume
    at timestamptz not null,
    primary key (tenant, person, category)
);

-- Consent to business-initiated messages: the newest for each purpose; all of it is in the archive.
create table router.consent (
    tenant text not null,
    person uuid not null,
    purpose text not null,
    source text not null,               -- where it can be looked up, in the CRM's words
    given_at timestamptz not null,      -- by the citizen
    recorded_at timestamptz not null,
    recorded_by text not null,          -- name of the token that brought it
    ended_at timestamptz,
    ended_by text not null default '',  -- stop, meta or crm
    primary key (person, tenant, purpose)
);

-- The last time that a person ended all of it. Earlier consent no longer counts, even if a CRM
-- brings it later.
create table router.withdrawal (
    tenant text not null,
    person uuid not null,
    by text not null,                   -- stop or meta
    at timestamptz not null,
    primary key (person, tenant, by)
);

-- Notices and configuration.

create table router.template (
    waba text not null,
    name text not null,
    language text not null,
    status text not null,               -- Meta's word; '' while none came
    category text not null,
    reason text not null,
    changed_at timestamptz not null,    -- time of the status, by Meta's clock
    primary key (waba, name, language)
);

-- Unknown words of Meta's, each logged once.
create table router.sighting (
    kind text not null,                 -- field, type or event
    name text not null,
    first_at timestamptz not null,
    primary key (kind, name)
);

-- State and notice that the contact centre set for a number.
create table router.standing (
    number text primary key,
    state text not null,                -- open, receive-only, closed
    state_text text not null,
    state_until timestamptz,
    notice text not null,               -- '' for none
    notice_id uuid,
    notice_until timestamptz
);

-- Every version of rules and texts that decided anything, whole.
create table router.version (
    version text primary key,           -- hash of the files
    record uuid not null,               -- its record in the archive
    first_at timestamptz not null,
    approved_by text not null,
    files bytea not null                -- MessagePack: name -> text
);

grant select, insert, update on router.lease, router.identity, router.conversation, router.outgoing,
    router.charge, router.opt_out, router.consent, router.withdrawal, router.template,
    router.standing to postkamer_router;
grant select, insert on router.inbox, router.quarantine, router.sighting, router.version
    to postkamer_router;
grant select, insert, delete on router.early_status to postkamer_router;
grant select, insert, update, delete on router.suspect, router.timer, router.held
    to postkamer_router;

-- The gateway checks the owner of a conversation before it accepts a command for it, and shows the
-- fate of each command to its sender.
grant usage on schema router to postkamer_gateway;
grant select (id, tenant, number, department, departments, closed_at) on router.conversation
    to postkamer_gateway;
grant select (id, conversation, department, status, reason, code, changed_at, type)
    on router.outgoing to postkamer_gateway;
grant select on router.standing to postkamer_gateway;

-- Hours may pass between a command and its sending. So the deliverer checks at the moment of sending
-- that the citizen wrote in the last 24 hours, and that their consent still holds. After a STOP, and
-- after a reopen template that failed, a late answer waits no longer. After a merge an answer on hold
-- waits for the person that the conversation has now.
grant usage on schema router to postkamer_deliverer;
grant select (id, person, number, last_inbound_at, said_at) on router.conversation
    to postkamer_deliverer;
grant select (id, status, code, reason) on router.outgoing to postkamer_deliverer;
grant select (tenant, person, purpose, given_at, ended_at) on router.consent
    to postkamer_deliverer;
grant select (tenant, person, by, at) on router.withdrawal to postkamer_deliverer;
