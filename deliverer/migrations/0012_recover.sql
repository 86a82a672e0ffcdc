-- The owner of a destination recovers by the API: docs/decisions/0070. The gateway sees no content.
alter table deliverer.delivery
    add column type text not null default '',       -- of the event; '' in rows of before
    add column sequence bigint not null default 0,
    add column resend uuid;                         -- order by which it was last sent again
create index delivery_resend on deliverer.delivery (resend, state) where resend is not null;

-- Events that a destination accepted, for as long as it may ask for them again.
create table deliverer.sent (
    destination text not null,
    event uuid not null,
    at timestamptz not null,            -- when it was first accepted
    sealed bytea not null,              -- MessagePack of contract.Delivery, under a working key
    primary key (destination, event)
);
create index sent_at on deliverer.sent (destination, at, event);

-- Orders to send again what one destination was sent.
create table deliverer.resend (
    id uuid primary key,                -- derived from token and idempotency key
    destination text not null,
    tenant text not null,
    token text not null,
    fingerprint bytea not null,         -- hash of the request
    state text check (state in ('parked', 'delivered')),    -- null: both
    since timestamptz not null,
    until timestamptz not null,
    events uuid[],                      -- these alone; null: all
    per_second int not null,
    ended int not null default 0,       -- events that were asked for and are kept no more
    ordered_at timestamptz not null,
    -- Everything up to this place in the order of `at` was taken.
    taken_at timestamptz not null,
    taken_event uuid not null default '00000000-0000-0000-0000-000000000000',
    next_at timestamptz not null default now(),     -- due time of the next one, by the rate
    finished_at timestamptz
);
create unique index resend_running on deliverer.resend (destination) where finished_at is null;

-- Secrets that sign events. Those of the configuration are here by a hash alone: the deliverer has
-- them from its environment, and writes a row so that they can be ended too.
create table deliverer.secret (
    id uuid primary key,
    destination text not null,
    source text not null check (source in ('api', 'configuration')),
    sealed bytea,                       -- null: of the configuration, or ended
    token text not null default '',     -- token that added it
    added_at timestamptz not null default now(),
    ends_at timestamptz                 -- null: it has no end
);
create index secret_destination on deliverer.secret (destination);

-- What owners did by the API waits here until it is on the record.
create table deliverer.owner_action (
    id uuid primary key,                -- UUIDv7; also the id of its record
    at timestamptz not null,
    tenant text not null,
    destination text not null,
    what text not null,                 -- resend, secret add, secret end
    data jsonb not null
);

create trigger keep before delete on deliverer.resend for each row
    when (coalesce(old.finished_at, now()) > now() - interval '30 days')
    execute function access.keep_row();

grant select, insert, update, delete on deliverer.sent to postkamer_deliverer;
grant select, update, delete on deliverer.resend to postkamer_deliverer;
grant select, insert, update, delete on deliverer.secret to postkamer_deliverer;
grant select, delete on deliverer.owner_action to postkamer_deliverer;

grant select (destination, event, tenant, conversation, state, attempts, status, reason, at, type,
    sequence, resend) on deliverer.delivery to postkamer_gateway;
grant select (destination, event, at) on deliverer.sent to postkamer_gateway;
grant select, insert on deliverer.resend to postkamer_gateway;
grant select, insert, update (ends_at) on deliverer.secret to postkamer_gateway;
grant insert on deliverer.owner_action to postkamer_gateway;

-- Keys under which rows are sealed (services.sealing.columns). The archiver may not read the rows.
create function sealing.keys_in_use() returns setof bytea security definer language sql
set search_path = pg_catalog
begin atomic
select distinct id from (
    select sealing.key_of(decision) as id from router.inbox
    union select sealing.key_of(raw) as id from router.quarantine
    union select sealing.key_of(entry) as id from router.quarantine
    union select sealing.key_of(delivery) as id from router.held
    union select sealing.key_of(delivery) as id from router.waiting
    union select sealing.key_of(body) as id from deliverer.delivery
    union select sealing.key_of(body) as id from deliverer.outcome
    union select sealing.key_of(sealed) as id from deliverer.sent
    union select sealing.key_of(sealed) as id from deliverer.secret
    union select sealing.key_of(sha256) as id from gateway.media
    union select sealing.key_of(wamid) as id from router.inbox
    union select sealing.key_of(reason) as id from router.conversation
    union select sealing.key_of(state #>> '{}') as id from router.conversation
    union select sealing.key_of(source) as id from router.consent
    union select sealing.key_of(content ->> 'sealed') as id from deliverer.ledger
    union select sealing.key_of(wamid) as id from deliverer.ledger
    union select sealing.key_of(about_wamid) as id from deliverer.ledger
    union select sealing.key_of(author) as id from deliverer.ledger
    union select sealing.key_of(wamid) as id from deliverer.mark
    union select sealing.key_of(action #>> '{}') as id from deliverer.found_command
    union select sealing.key_of(employee) as id from deliverer.found_command
    union select sealing.key_of(employee) as id from deliverer.internetaak
    union select sealing.key_of(filename) as id from gateway.media
) used where id is not null;
end;

revoke all on function sealing.keys_in_use() from public;
grant execute on function sealing.keys_in_use() to postkamer_archiver;
