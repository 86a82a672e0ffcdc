-- Tokens that the record does not know as the table has them: what the archiver, which can read the
-- record, tells the gateway, which cannot. The archiver writes this again as often as it is removed.
create table access.refused_token (
    name text primary key,
    why text not null check (why in ('unrecorded', 'altered', 'revoked')),
    since timestamptz not null default now()
);
grant select on access.refused_token to postkamer_gateway, postkamer_archiver;
grant insert, update, delete on access.refused_token to postkamer_archiver;
