-- Keys under which rows are sealed (services.sealing.columns). The archiver may not read the rows.
create function sealing.key_of(value bytea) returns bytea immutable language sql
return case when substr(value, 1, 4) = '\xc1504b31' then substr(value, 5, 8) end;
create function sealing.key_of(value text) returns bytea immutable language sql
return case when value like '~1%' then decode(substr(value, 3, 16), 'hex') end;

create function sealing.keys_in_use() returns setof bytea security definer language sql
set search_path = pg_catalog
begin atomic
select distinct id from (
    select sealing.key_of(decision) as id from router.inbox
    union select sealing.key_of(raw) as id from router.quarantine
    union select sealing.key_of(entry) as id from router.quarantine
    union select sealing.key_of(delivery) as id from router.held
    union select sealing.key_of(delivery) as id from router.waiting
    union select sealing.key_of(body) as id from deliverer.delivery
    union select sealing.key_of(body) as id from deliverer.outcome
    union select sealing.key_of(sha256) as id from gateway.media
    union select sealing.key_of(wamid) as id from router.inbox
    union select sealing.key_of(reason) as id from router.conversation
    union select sealing.key_of(state #>> '{}') as id from router.conversation
    union select sealing.key_of(source) as id from router.consent
    union select sealing.key_of(content ->> 'sealed') as id from deliverer.ledger
    union select sealing.key_of(wamid) as id from deliverer.ledger
    union select sealing.key_of(about_wamid) as id from deliverer.ledger
    union select sealing.key_of(author) as id from deliverer.ledger
    union select sealing.key_of(wamid) as id from deliverer.mark
    union select sealing.key_of(action #>> '{}') as id from deliverer.found_command
    union select sealing.key_of(employee) as id from deliverer.found_command
    union select sealing.key_of(employee) as id from deliverer.internetaak
    union select sealing.key_of(filename) as id from gateway.media
) used where id is not null;
end;

revoke all on function sealing.keys_in_use() from public;
grant execute on function sealing.keys_in_use() to postkamer_archiver;
