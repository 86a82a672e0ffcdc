-- Commands that a CRM gave: what makes the same key and body give the same answer.
create table gateway.command (
    id uuid primary key,                -- derived from token and idempotency key
    token text not null,
    fingerprint bytea not null,         -- of the body: the same key with another body is refused
    accepted_at timestamptz not null,
    confirmed_at timestamptz            -- null: its publish was not confirmed, do it again
);
grant select, insert, update on gateway.command to postkamer_gateway;
