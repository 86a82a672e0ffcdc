-- What was handed over to CRMs, and the ledger of what goes to Meta.
create table deliverer.delivery (
    destination text not null,
    event uuid not null,
    message uuid,
    tenant text not null,
    conversation text not null,
    state text not null check (state in ('settled', 'parked')),
    attempts int not null,
    status int not null,                -- HTTP status of the last answer, 0 without one
    reason text not null default '',
    body bytea,                         -- of a parked one, for replay
    at timestamptz not null,
    primary key (destination, event)
);
create index delivery_parked on deliverer.delivery (destination, at) where state = 'parked';

create table deliverer.ledger (
    id uuid primary key,                -- message id
    position bigint generated always as identity,
    number text not null,
    conversation text not null,
    person uuid not null,
    address_kind text not null,         -- phone or bsuid
    address text not null,
    content jsonb not null,             -- {"type": "text", "text": {"body": …}}
    state text not null default 'queued'
        check (state in ('queued', 'sending', 'unknown', 'sent', 'failed', 'unconfirmed')),
    attempt int not null default 0,
    due_at timestamptz not null,
    claimed_at timestamptz,
    wamid text not null default '',
    code int not null default 0,
    reason text not null default '',
    created_at timestamptz not null
);
-- What still occupies a citizen's line, oldest first: one at a time.
create index ledger_line on deliverer.ledger (person, number, position)
    where state in ('queued', 'sending', 'unknown');

create table deliverer.outcome (
    id uuid primary key,
    position bigint generated always as identity,
    number text not null,
    body bytea not null,                -- MessagePack of a SendOutcome
    published_at timestamptz
);
create index outcome_waiting on deliverer.outcome (position) where published_at is null;

grant select, insert, update on deliverer.delivery, deliverer.ledger, deliverer.outcome
    to postkamer_deliverer;
grant usage on schema deliverer to postkamer_router;
-- The router accepts a message by writing it here, in the transaction that decides it; and a status
-- webhook that carries our own value settles a send whose answer was lost.
grant insert on deliverer.ledger to postkamer_router;
grant select (id, state), update (state, wamid) on deliverer.ledger to postkamer_router;
