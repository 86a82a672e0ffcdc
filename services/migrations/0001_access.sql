-- One role a service, each with rights on its own schema and no more than it needs elsewhere.
-- Created without a login: the installer gives them a password, or grants them to other users.
do $$
declare
    service text;
begin
    foreach service in array array['gateway', 'router', 'deliverer', 'archiver'] loop
        if not exists (select from pg_roles where rolname = 'postkamer_' || service) then
            execute format('create role %I nologin', 'postkamer_' || service);
        end if;
        execute format('create schema if not exists %I', service);
        execute format('grant usage on schema %I to %I', service, 'postkamer_' || service);
    end loop;
end
$$;

-- Callers of the APIs, their budgets, and the log of commands. Only the owner (`postkamer token`)
-- writes the tokens; the services read them and keep the budgets.
create schema access;

create table access.token (
    name text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,62}$'),   -- never given out again
    -- SHA-256 of the token. No slow hash: a token is 32 random bytes, not a word that can be guessed.
    hash bytea not null unique check (length(hash) = 32),
    tenant text not null,               -- exactly one municipality
    roles text[] not null check (cardinality(roles) > 0),
    departments text[] not null,        -- empty: all departments of the municipality
    people bool not null,               -- people write with it, so a message must name its author
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
    asked bigint not null,              -- time of the last request
    granted bool not null               -- its answer
);

-- Commands that people ran beside the APIs: a row in the transaction of each change, written by the
-- owner (`postkamer`). The archiver moves each into the record, once. A row holds no personal data
-- of citizens.
create table access.operation (
    id uuid primary key,                -- UUIDv7; also the id of its record
    at timestamptz not null default now(),
    tenant text not null default '',    -- '' when it concerns no single municipality
    by text not null,                   -- person who ran it
    what text not null,                 -- the command, e.g. 'token revoke'
    about text not null default '',     -- e.g. the token's name, a destination's id
    data jsonb not null default '{}' check (jsonb_typeof(data) = 'object')
);

grant usage on schema access to postkamer_gateway, postkamer_archiver;
grant select on access.token to postkamer_gateway, postkamer_archiver;
grant select, insert, update on access.budget to postkamer_gateway, postkamer_archiver;
grant select on access.operation to postkamer_archiver;
