-- How often anything was destroyed. Whoever seals notes it before looking at a key: what was sealed
-- before a destruction and would be written after it is sealed anew, or it would lie under a key that
-- is gone, and be found by words that were taken away.
alter table archiver.head add column destructions bigint not null default 0;

-- The hash of what is in a file, sealed: in the open it would tell whoever has an older copy of this
-- table, and the file, that it was sent. `sha256` stays that of the files that lie open.
alter table archiver.media add column digest bytea;

-- What lay open in the quarantine goes once it is there sealed.
create function archiver.sealed_aside(was uuid, aside uuid) returns void
    language sql security definer set search_path = pg_catalog
    as $$ delete from archiver.quarantine o using archiver.quarantine n
        where o.id = was and o.sealed is null and n.id = aside and n.sealed is not null $$;
revoke all on function archiver.sealed_aside(uuid, uuid) from public;
grant execute on function archiver.sealed_aside(uuid, uuid) to postkamer_archiver;

-- What was done by command lies open only until it is in the log.
create function archiver.operations_moved(ids uuid[]) returns void
    language sql security definer set search_path = pg_catalog
    as $$ delete from access.operation o using archiver.entry e
        where o.id = any(ids) and e.id = o.id and e.kind = 'operation' $$;
revoke all on function archiver.operations_moved(uuid[]) from public;
grant execute on function archiver.operations_moved(uuid[]) to postkamer_archiver;
