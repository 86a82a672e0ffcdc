-- The same as before, with a name for each column: the text of a function is a part of what `archive
-- verify` compares, and PostgreSQL writes a column without a name otherwise after a dump and a restore.
create or replace function sealing.key_holders(ids bytea[]) returns table (id bytea, holder text)
security definer language sql
set search_path = pg_catalog
begin atomic
select distinct key, holder from (
    select sealing.key_of(decision) as key, 'router.inbox' as holder from router.inbox
    union all select sealing.key_of(wamid), 'router.inbox' as holder from router.inbox
    union all select sealing.key_of(raw), 'router.quarantine' as holder from router.quarantine
    union all select sealing.key_of(entry), 'router.quarantine' as holder from router.quarantine
    union all select sealing.key_of(delivery), 'router.held' as holder from router.held
    union all select sealing.key_of(delivery), 'router.waiting' as holder from router.waiting
    union all select sealing.key_of(reason), 'router.conversation' as holder
        from router.conversation
    union all select sealing.key_of(state #>> '{}'), 'router.conversation' as holder
        from router.conversation
    union all select sealing.key_of(source), 'router.consent' as holder from router.consent
    union all select sealing.key_of(body), 'deliverer.delivery' as holder from deliverer.delivery
    union all select sealing.key_of(sealed), 'deliverer.sent' as holder from deliverer.sent
    union all select sealing.key_of(sealed), 'deliverer.secret' as holder from deliverer.secret
    union all select sealing.key_of(content ->> 'sealed'), 'deliverer.ledger' as holder
        from deliverer.ledger
    union all select sealing.key_of(wamid), 'deliverer.ledger' as holder from deliverer.ledger
    union all select sealing.key_of(about_wamid), 'deliverer.ledger' as holder
        from deliverer.ledger
    union all select sealing.key_of(author), 'deliverer.ledger' as holder from deliverer.ledger
    union all select sealing.key_of(wamid), 'deliverer.mark' as holder from deliverer.mark
    union all select sealing.key_of(body), 'deliverer.outcome' as holder from deliverer.outcome
    union all select sealing.key_of(action #>> '{}'), 'deliverer.found_command' as holder
        from deliverer.found_command
    union all select sealing.key_of(employee), 'deliverer.found_command' as holder
        from deliverer.found_command
    union all select sealing.key_of(employee), 'deliverer.internetaak' as holder
        from deliverer.internetaak
    union all select sealing.key_of(filename), 'gateway.media' as holder from gateway.media
    union all select sealing.key_of(sha256), 'gateway.media' as holder from gateway.media
) sealed where key in (select unnest(ids));
end;
