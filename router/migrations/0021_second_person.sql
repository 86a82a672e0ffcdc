-- Where a municipality asks for a second person (`second_person` in postkamer.toml), a version of rules and
-- texts counts when two persons stand for it. Each service reads these rows, so that all agree.

-- A version that waits, whole, so that it can be looked at.
create table router.proposed_version (
    version text primary key,           -- hash of the files
    at timestamptz not null default now(),  -- a router read them
    approved_by text not null,
    files bytea not null                -- MessagePack: name -> text
);
-- Versions in force since somebody asked for a second person, the newest last.
create table router.in_force (
    n bigint generated always as identity primary key,
    version text not null,
    asks boolean not null,              -- the next one waits for a second person
    because text not null check (because in ('first', 'approved', 'again', 'alone')),
    at timestamptz not null default now()
);
-- Of `router.version` no service reads more than what it starts with when its own files do not count.
create view router.version_in_force as
    select newest.version, v.files
    from (select version from router.in_force order by n desc limit 1) newest
    join router.version v on v.version = newest.version;
alter table router.approval
    add column confirmed_at timestamptz,    -- the archiver held its proof against its own providers
    add column alone boolean not null default false;  -- in an emergency, without a second person

grant select, insert, delete on router.proposed_version to postkamer_router;
grant select, insert on router.in_force to postkamer_router;
grant select on router.in_force, router.version_in_force, router.approval
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
grant update (confirmed_at) on router.approval to postkamer_archiver;

-- The one operation that a router writes: a person whose token it verified stands for a version. The archiver
-- holds the proof against its own providers, as with those of a command.
create function router.stand_for(operation uuid, version text, by text, proof jsonb) returns timestamptz
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        insert into router.approval (version, by, identified) values ($2, $3, 'proven')
            on conflict do nothing;
        if found then
            insert into access.operation (id, by, what, about, data, identified)
                values ($1, $3, 'rules approve', $2, jsonb_build_object('proof', $4), 'proven');
        end if;
        return (select a.at from router.approval a
            where (a.version, a.by, a.identified) = ($2, $3, 'proven'));
    end $$;
revoke execute on function router.stand_for from public;
grant execute on function router.stand_for to postkamer_router;
