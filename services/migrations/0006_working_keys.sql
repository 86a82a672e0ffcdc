-- Working keys, each wrapped under POSTKAMER_WORKING_KEY: services.sealing. A row of a destroyed key
-- stays without its key, so that `check` can tell what can never be opened again.
create schema sealing;

create table sealing.working_key (
    id bytea primary key check (length(id) = 8),
    kind text not null check (kind in ('queue', 'table', 'standing')),
    day date not null,                  -- first day (UTC) on which it seals
    wrapped bytea,                      -- null: destroyed
    master text not null,               -- fingerprint of the master key that it lies under
    made_at timestamptz not null default now(),
    destroyed_at timestamptz,
    unique (kind, day),
    check ((wrapped is null) = (destroyed_at is not null))
);

grant usage on schema sealing
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
grant select, insert on sealing.working_key
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
grant update (wrapped, master, destroyed_at) on sealing.working_key to postkamer_archiver;
