-- Files that a CRM uploaded, to be sent to a citizen; their bytes are in the object store.
create table gateway.media (
    id uuid primary key,                -- derived from token and idempotency key
    token text not null,
    tenant text not null,
    object uuid not null,               -- its key in the object store
    mime_type text not null,
    size bigint not null,
    sha256 bytea not null,
    filename text not null default '',
    created_at timestamptz not null
);

-- Objects on their way in. What still stands here after an hour belongs to nobody.
create table gateway.upload (
    object uuid primary key,
    begun_at timestamptz not null
);

grant select, insert on gateway.media to postkamer_gateway;
grant select, insert, delete on gateway.upload to postkamer_gateway;
-- It brings the file to Meta.
grant usage on schema gateway to postkamer_deliverer;
grant select on gateway.media to postkamer_deliverer;
