-- The record. Its ids are time-ordered (UUIDv7), so a partition by id is a partition by month and
-- the unique key still holds for the whole table. The role of the archiver can add and read.
create table archiver.record (
    id uuid primary key,
    kind text not null,
    at timestamptz not null,
    tenant text not null,
    conversation text not null,
    message uuid,
    receipt uuid,
    sequence bigint not null,
    data jsonb not null,
    raw bytea not null,
    written_at timestamptz not null default now()
) partition by range (id);
create index record_conversation on archiver.record (conversation, sequence)
    where conversation <> '';
create index record_message on archiver.record (message) where message is not null;
create index record_receipt on archiver.record (receipt) where receipt is not null;

-- Ids from before the first month or after the last one made: nothing is refused.
create table archiver.record_elsewhere partition of archiver.record default;

-- The lowest UUIDv7 of an instant: its milliseconds, then zeros.
create function archiver.first_id(at timestamptz) returns uuid
    language sql immutable strict
    as $$ select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0')
                  || repeat('0', 20))::uuid $$;

-- Makes the partitions of the months from `from_month`; runs as the owner, since the archiver's
-- role may add no tables. A month with rows in the default partition is left there.
create function archiver.make_months(from_month date, months int) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    month date;
    name text;
begin
    for n in 0 .. least(months, 120) - 1 loop
        month := date_trunc('month', from_month) + make_interval(months => n);
        name := 'record_' || to_char(month, 'YYYY_MM');
        if to_regclass('archiver.' || name) is null and not exists (
            select from archiver.record_elsewhere
            where id >= archiver.first_id(month at time zone 'UTC')
              and id < archiver.first_id((month + interval '1 month') at time zone 'UTC')
        ) then
            execute format(
                'create table archiver.%I partition of archiver.record for values from (%L) to (%L)',
                name,
                archiver.first_id(month at time zone 'UTC'),
                archiver.first_id((month + interval '1 month') at time zone 'UTC')
            );
        end if;
    end loop;
end
$$;
revoke all on function archiver.make_months(date, int) from public;
grant execute on function archiver.make_months(date, int) to postkamer_archiver;

-- What could not be written as a record: kept whole, so that nothing acknowledged is lost.
create table archiver.quarantine (
    id uuid primary key default gen_random_uuid(),
    reason text not null,
    body bytea not null,
    at timestamptz not null default now()
);

grant select, insert on archiver.record, archiver.quarantine to postkamer_archiver;
