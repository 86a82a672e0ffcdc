-- Who may call the APIs, and how often. Written by the owner alone (`postkamer token`): the services
-- read the tokens and keep the budgets.
create schema access;

create table access.token (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),   -- never given out again
    -- SHA-256 of the token. No slow hash: a token is 32 random bytes, not a word that can be guessed.
    hash bytea not null unique check (length(hash) = 32),
    tenant text not null,               -- exactly one municipality
    roles text[] not null check (cardinality(roles) > 0),
    departments text[] not null,        -- none: all of the municipality's
    people bool not null,               -- people write with it, so a message must say who did
    per_second int not null check (per_second between 1 and 1000),
    burst int not null check (burst between 1 and 10000),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    note text not null default ''
);

-- Unlogged: no commit waits for a disk, and after a crash every token has its whole burst again.
create unlogged table access.budget (
    name text primary key,
    -- In microseconds since 1970 by this server's clock, the same for all processes.
    arrival bigint not null,            -- when all that was granted would be used up at an even pace
    asked bigint not null,              -- of the last request, and whether it was granted
    granted bool not null
);

grant usage on schema access to postkamer_gateway, postkamer_archiver;
grant select on access.token to postkamer_gateway, postkamer_archiver;
grant select, insert, update on access.budget to postkamer_gateway, postkamer_archiver;
