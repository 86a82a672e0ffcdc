-- Tables that hold rows sealed under these keys (services.sealing.columns), each key with each of its
-- tables. Reads all sealed columns, in one statement, so that a row that moves is seen in one place.
create function sealing.key_holders(ids bytea[]) returns table (id bytea, holder text)
security definer language sql
set search_path = pg_catalog
begin atomic
select distinct key, table_name from (
    select sealing.key_of(decision) as key, 'router.inbox' as table_name from router.inbox
    union all select sealing.key_of(wamid), 'router.inbox' from router.inbox
    union all select sealing.key_of(raw), 'router.quarantine' from router.quarantine
    union all select sealing.key_of(entry), 'router.quarantine' from router.quarantine
    union all select sealing.key_of(delivery), 'router.held' from router.held
    union all select sealing.key_of(delivery), 'router.waiting' from router.waiting
    union all select sealing.key_of(reason), 'router.conversation' from router.conversation
    union all select sealing.key_of(state #>> '{}'), 'router.conversation' from router.conversation
    union all select sealing.key_of(source), 'router.consent' from router.consent
    union all select sealing.key_of(body), 'deliverer.delivery' from deliverer.delivery
    union all select sealing.key_of(sealed), 'deliverer.sent' from deliverer.sent
    union all select sealing.key_of(sealed), 'deliverer.secret' from deliverer.secret
    union all select sealing.key_of(content ->> 'sealed'), 'deliverer.ledger' from deliverer.ledger
    union all select sealing.key_of(wamid), 'deliverer.ledger' from deliverer.ledger
    union all select sealing.key_of(about_wamid), 'deliverer.ledger' from deliverer.ledger
    union all select sealing.key_of(author), 'deliverer.ledger' from deliverer.ledger
    union all select sealing.key_of(wamid), 'deliverer.mark' from deliverer.mark
    union all select sealing.key_of(body), 'deliverer.outcome' from deliverer.outcome
    union all select sealing.key_of(action #>> '{}'), 'deliverer.found_command'
        from deliverer.found_command
    union all select sealing.key_of(employee), 'deliverer.found_command'
        from deliverer.found_command
    union all select sealing.key_of(employee), 'deliverer.internetaak' from deliverer.internetaak
    union all select sealing.key_of(filename), 'gateway.media' from gateway.media
    union all select sealing.key_of(sha256), 'gateway.media' from gateway.media
) sealed where key in (select unnest(ids));
end;

-- One table that holds rows sealed under each of these keys, where that is found at once: in small
-- tables, and in rows that were written on the key's days. A key that is not found may be in use.
create function sealing.near_key_holders(ids bytea[]) returns table (id bytea, holder text)
security definer language sql
set search_path = pg_catalog set enable_seqscan = off
begin atomic
select id, holder from (
    select k.id, case
        when k.id in (select sealing.key_of(source) from router.consent) then 'router.consent'
        when k.id in (select sealing.key_of(sealed) from deliverer.secret) then 'deliverer.secret'
        when k.id in (select sealing.key_of(employee) from deliverer.internetaak)
            then 'deliverer.internetaak'
        when exists (
            select from router.conversation c
            where c.closed_at >= k.begins and c.closed_at < k.ends
                and sealing.key_of(c.state #>> '{}') = k.id) then 'router.conversation'
        when exists (
            select from router.inbox i
            where i.decided_at >= k.begins and i.decided_at < k.ends
                and sealing.key_of(i.decision) = k.id) then 'router.inbox'
        end as holder
    from (
        select w.id, w.day::timestamp at time zone 'UTC' as begins,
            (w.day + 3)::timestamp at time zone 'UTC' as ends
        from sealing.working_key w where w.id = any(ids)) k
) found where holder is not null;
end;

-- An archiver of before asks this.
create or replace function sealing.keys_in_use() returns setof bytea security definer language sql
set search_path = pg_catalog
begin atomic
select distinct id from sealing.key_holders(array(
    select id from sealing.working_key where kind = 'table' and wrapped is not null));
end;

revoke all on function sealing.key_holders(bytea[]), sealing.near_key_holders(bytea[]) from public;
grant execute on function sealing.key_holders(bytea[]), sealing.near_key_holders(bytea[])
    to postkamer_archiver;
