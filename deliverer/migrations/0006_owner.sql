-- Who owns a destination hears when it fails, refuses, is paused, has refused a message, or when
-- the certificate that it is shown ends.

-- Last failure of a destination, written by the process that delivers to it.
create table deliverer.destination_failure (
    destination text primary key,
    since timestamptz not null,
    ended_at timestamptz,               -- null while it fails
    refuses boolean not null,           -- waiting will not mend it
    status int not null,                -- HTTP status of its last answer, 0 without one
    failure text not null,              -- kind of failure without an answer
    whose text not null,                -- destination or token endpoint
    reason text not null                -- our sentence, never a text of the answer
);

-- Notices for owners: a row for each state and owner, kept for 90 days, so that each is said once.
create table deliverer.owner_notice (
    id uuid primary key,                -- id of the event, and of the mail
    position bigint generated always as identity,
    destination text not null,
    owner text not null,                -- destination that gets the notice
    state text not null,                -- failing, refusing, works, paused, resumed, parked, ...
    since timestamptz not null,         -- start of the state, or of the one that ended
    at timestamptz not null,            -- when the owner had to hear it
    data bytea not null,                -- JSON of the event, without content of messages
    attempts int not null default 0,
    due_at timestamptz not null,        -- next attempt, or the end of a claim
    outcome text not null default '' check (outcome in ('', 'sent', 'given_up')),
    ended_at timestamptz,
    status int not null default 0,      -- HTTP status of the last answer, 0 without one
    reason text not null default '',
    told boolean not null default false -- the archive has the record of it
);
create index owner_notice_state on deliverer.owner_notice (destination, state, at desc);
create index owner_notice_open on deliverer.owner_notice (owner, destination, position)
    where outcome = '';
create index owner_notice_untold on deliverer.owner_notice (at) where outcome <> '' and not told;

alter table deliverer.delivery
    add column owner_told boolean not null default false;   -- its owner has a notice of it, parked
create index delivery_owner on deliverer.delivery (destination)
    where state = 'parked' and not owner_told;

grant select, insert, update on deliverer.destination_failure to postkamer_deliverer;
grant select, insert, update, delete on deliverer.owner_notice to postkamer_deliverer;
