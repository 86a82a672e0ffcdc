-- What conversations remember, what they wait for, and what the contact centre says of a number.
alter table router.conversation
    add column state jsonb not null default '{}';          -- router.conversation.State
-- The one that was closed last: a thank-you belongs to it, and a question may open it again.
create index conversation_person on router.conversation (person, number, closed_at);

-- Whoever writes is looked for by the hash of a name alone; no index began with it.
create index identity_hash on router.identity (hash) where valid_to is null;

create table router.timer (
    id uuid primary key,
    conversation text not null,
    number text not null,
    kind text not null,                                     -- quiet, menu, waiting, idle, care
    due_at timestamptz not null,
    told_at timestamptz,                                    -- when its partition was told
    unique (conversation, kind)
);
create index timer_due on router.timer (due_at);

create table router.standing (
    number text primary key,
    state text not null,                                    -- open, receive-only, closed
    state_text text not null,
    state_until timestamptz,
    notice text not null,                                   -- '' is none
    notice_id uuid,
    notice_until timestamptz
);

-- Events of conversations that are held, until somebody lets them go.
create table router.held (
    id uuid primary key,                                    -- of the event
    n bigint generated always as identity,
    conversation text not null,
    destination text not null,
    delivery bytea not null                                 -- MessagePack of contract.Delivery
);
create index held_conversation on router.held (conversation, n);

-- Each version of rules and texts that anything was decided by, whole.
create table router.version (
    version text primary key,                               -- hash of the files
    record uuid not null,                                   -- in the archive
    first_at timestamptz not null,
    approved_by text not null,
    files bytea not null                                    -- MessagePack: name -> text
);

grant select, insert, update, delete on router.timer, router.held to postkamer_router;
grant select, insert, update on router.standing to postkamer_router;
grant select, insert on router.version to postkamer_router;
grant select on router.standing to postkamer_gateway;

-- The deliverer looks at the moment of sending whether a citizen wrote in the last 24 hours.
grant usage on schema router to postkamer_deliverer;
grant select (person, number, last_inbound_at) on router.conversation to postkamer_deliverer;
