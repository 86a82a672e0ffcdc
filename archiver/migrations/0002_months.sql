-- A record that came between the look and the making made the making fail. Nothing goes elsewhere
-- meanwhile: a lock, and only where there is a month to make.
create or replace function archiver.make_months(from_month date, months int) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    month date;
    name text;
begin
    for n in 0 .. least(months, 120) - 1 loop
        month := date_trunc('month', from_month) + make_interval(months => n);
        name := 'record_' || to_char(month, 'YYYY_MM');
        continue when to_regclass('archiver.' || name) is not null;
        lock table archiver.record_elsewhere in share row exclusive mode;
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

-- The first ones, before anything can come.
select archiver.make_months((now() at time zone 'UTC')::date, 2);
