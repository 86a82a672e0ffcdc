-- Commands that CRMs gave: the same idempotency key with the same body gets the same answer.
create sequence gateway.command_position as bigint;
create table gateway.command (
    id uuid primary key,                -- derived from token and idempotency key
    tenant text not null,               -- a token's name may one day be another municipality's
    token text not null,
    fingerprint bytea not null,         -- hash of the body: the same key with another body is refused
    accepted_at timestamptz not null,
    tried_at timestamptz not null,      -- when its publish was last begun
    confirmed_at timestamptz,           -- null: its publish was not confirmed, so it is done again
    -- The newest answer of a conversation is looked up before another one is accepted: a sender who
    -- has not seen it is refused.
    conversation text not null default '',  -- in which it is an answer; '' for other commands
    department text not null default '',    -- department that had the conversation at that time
    position bigint not null default nextval('gateway.command_position')  -- order of acceptance
);
alter sequence gateway.command_position owned by gateway.command.position;
create index command_conversation on gateway.command (conversation) where conversation <> '';

-- Files that CRMs uploaded to be sent to citizens; their bytes are in the object store.
create table gateway.media (
    id uuid primary key,                -- derived from token and idempotency key
    token text not null,
    tenant text not null,
    object uuid not null,               -- its key in the object store
    mime_type text not null,
    size bigint not null,               -- bytes
    sha256 bytea not null,
    filename text not null default '',
    created_at timestamptz not null
);

-- Objects on their way in. After an hour such an object belongs to no upload and is swept.
create table gateway.upload (
    object uuid primary key,
    begun_at timestamptz not null
);

grant select, insert, update on gateway.command to postkamer_gateway;
grant usage on sequence gateway.command_position to postkamer_gateway;
grant select, insert on gateway.media to postkamer_gateway;
grant select, insert, delete on gateway.upload to postkamer_gateway;
-- The deliverer brings the file to Meta.
grant usage on schema gateway to postkamer_deliverer;
grant select on gateway.media to postkamer_deliverer;
