-- Working keys, each wrapped under POSTKAMER_WORKING_KEY: services.sealing. A row of a destroyed key
-- stays without its key, so that `check` can tell what can never be opened again.
create schema sealing;

create table sealing.working_key (
    id bytea primary key check (length(id) = 8),
    kind text not null check (kind in ('queue', 'table', 'standing')),
    day date not null,                  -- first day (UTC) on which it seals
    wrapped bytea,                      -- null: destroyed
    master text not null,               -- fingerprint of the master key that it lies under
    made_at timestamptz not null default now(),
    destroyed_at timestamptz,
    unique (kind, day),
    check ((wrapped is null) = (destroyed_at is not null))
);

grant usage on schema sealing
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
grant select, insert on sealing.working_key
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
grant update (wrapped, master, destroyed_at) on sealing.working_key to postkamer_archiver;

-- A process whose clock is wrong makes no key for a day of its own, and destroys none that others seal
-- with. The owner may do everything.
create function sealing.check_working_key() returns trigger language plpgsql as $$
begin
    if pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'usage') then
        return new;
    end if;
    if tg_op = 'INSERT' and new.kind <> 'standing'
        and new.day not between (now() at time zone 'UTC')::date - 1
            and (now() at time zone 'UTC')::date + 2 then
        raise exception 'a working key of % is made on another day', new.day;
    end if;
    if tg_op = 'UPDATE' and new.wrapped is null and old.wrapped is not null
        and (old.kind = 'standing' or old.day > (now() at time zone 'UTC')::date - 3) then
        raise exception 'the working key of % may still be used', old.day;
    end if;
    return new;
end
$$;
create trigger check_working_key before insert or update on sealing.working_key
    for each row execute function sealing.check_working_key();
