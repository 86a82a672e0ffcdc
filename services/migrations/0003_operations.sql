-- What people did by command, beside the APIs: a row in the transaction of each change. Written by the
-- owner (`postkamer`); the archiver takes each into the record, once. No personal data of citizens.
create table access.operation (
    id uuid primary key,                -- UUIDv7, also of its record
    at timestamptz not null default now(),
    tenant text not null default '',    -- '' where it is of no one municipality
    by text not null,                   -- who did it
    what text not null,                 -- the command, e.g. 'token revoke'
    about text not null default '',     -- e.g. the token's name, a destination's id
    data jsonb not null default '{}' check (jsonb_typeof(data) = 'object'),
    recorded boolean not null default false
);
create index operation_unrecorded on access.operation (id) where not recorded;

grant select, update (recorded) on access.operation to postkamer_archiver;
