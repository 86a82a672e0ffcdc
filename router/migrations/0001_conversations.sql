-- What the router knows: who holds a partition, what was decided, people, conversations.
create table router.lease (
    partition int primary key,
    epoch bigint not null               -- a router that lost its partition has an older one
);

create table router.inbox (
    key bytea primary key,              -- keyed hash of what makes an item known again
    receipt uuid not null,              -- the receipt it came in with first
    decision bytea not null,            -- MessagePack of router.decisions.Decision
    decided_at timestamptz not null default now()
);

create table router.identity (
    tenant text not null,
    kind text not null,                 -- bsuid, parent_bsuid, phone
    hash bytea not null,                -- keyed hash of the value
    value text not null,
    person uuid not null,
    valid_from timestamptz not null,
    valid_to timestamptz
);
create unique index identity_current on router.identity (tenant, kind, hash)
    where valid_to is null;
create index identity_person on router.identity (person);

create table router.conversation (
    id text primary key,                -- begins with our number's id
    tenant text not null,
    number text not null,
    person uuid not null,
    department text not null,
    rule text not null,                 -- '' while it rests on the number's fallback
    reason text not null,
    since timestamptz not null,         -- in this department
    opened_at timestamptz not null,
    last_inbound_at timestamptz,
    sequence bigint not null,
    closed_at timestamptz
);
create unique index conversation_open on router.conversation (number, person)
    where closed_at is null;

create table router.outgoing (
    id uuid primary key,                -- message id, given at the door
    tenant text not null,
    number text not null,
    conversation text not null,
    department text not null,
    status text not null,               -- accepted, sent, delivered, read, played, failed, unknown
    reason text not null default '',
    code int not null default 0,
    wamid_hash bytea,
    changed_at timestamptz not null
);
create unique index outgoing_wamid on router.outgoing (wamid_hash) where wamid_hash is not null;

create table router.quarantine (
    id uuid primary key,
    receipt uuid,
    reason text not null,
    raw bytea not null,
    at timestamptz not null default now()
);

create table router.suspect (
    frame bytea primary key,            -- hash of an AMQP message that was handed out before
    starts int not null
);

grant select, insert, update on router.lease, router.identity, router.conversation,
    router.outgoing to postkamer_router;
grant select, insert on router.inbox, router.quarantine to postkamer_router;
grant select, insert, update, delete on router.suspect to postkamer_router;
grant usage on schema router to postkamer_gateway;
grant select (id, conversation, status, reason, code, changed_at) on router.outgoing
    to postkamer_gateway;
