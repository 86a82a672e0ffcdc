-- What lay open and cannot be sealed as a record is in the quarantine, sealed: only then it goes.
create function archiver.moved_aside(record uuid, aside uuid) returns void
    language sql security definer set search_path = pg_catalog
    as $$ delete from archiver.record r using archiver.quarantine q
        where r.id = record and q.id = aside and q.sealed is not null $$;
revoke all on function archiver.moved_aside(uuid, uuid) from public;
grant execute on function archiver.moved_aside(uuid, uuid) to postkamer_archiver;
