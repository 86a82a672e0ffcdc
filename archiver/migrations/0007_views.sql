-- Who looked, at what, is an entry of the log of kind 'view'. Views are listed by time; nothing else
-- pays for this index.
create index entry_view on archiver.entry (at) where kind = 'view';

-- What was done in a period, whatever its id says: a delivery's id has the time of its event, which may
-- have waited for days. One line for each 128 pages, which are written in the order of time.
create index entry_at on archiver.entry using brin (at) with (autosummarize = on);

-- The processing log (Logboek Dataverwerkingen 1.0): a row in the transaction of each action, for each
-- citizen that it is about. It is read a month at a time, and so has no index but a BRIN of some KB.
create table archiver.processing (
    trace_id bytea not null check (length(trace_id) = 16),
    span_id bytea not null check (length(span_id) = 8),
    parent_span_id bytea,               -- of whoever asked for it
    name text not null,                 -- for people
    status text not null check (status in ('Unset', 'Ok', 'Error')),
    start_time timestamptz not null,
    end_time timestamptz not null,
    resource text not null,             -- program and version
    tenant text not null,
    activity text not null,             -- dpl.core.processing_activity_id
    subject bytea not null,             -- dpl.core.data_subject_id: a keyed hash
    subject_type text not null,
    foreign_processor text              -- whose system asked for it, where it named its own trace
) partition by range (start_time);
create index processing_start on archiver.processing using brin (start_time)
    with (autosummarize = on);
create table archiver.processing_elsewhere partition of archiver.processing default;

-- The months from `from_month` on, as make_months_of (0004) for what is cut by id.
create function archiver.make_processing_months(from_month date, months int) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    first timestamptz;
    after timestamptz;
    name text;
    there boolean;
begin
    for n in 0 .. least(months, 120) - 1 loop
        first := (date_trunc('month', from_month) + make_interval(months => n)) at time zone 'UTC';
        after := (date_trunc('month', from_month) + make_interval(months => n + 1)) at time zone 'UTC';
        name := 'processing_' || to_char(first at time zone 'UTC', 'YYYY_MM');
        continue when to_regclass('archiver.' || name) is not null;
        lock table archiver.processing_elsewhere in share row exclusive mode;
        select exists (select from archiver.processing_elsewhere
            where start_time >= first and start_time < after) into there;
        if not there then
            execute format('create table if not exists archiver.%I partition of archiver.processing '
                'for values from (%L) to (%L)', name, first, after);
        end if;
    end loop;
end
$$;
revoke all on function archiver.make_processing_months(date, int) from public;
grant execute on function archiver.make_processing_months(date, int) to postkamer_archiver;
select archiver.make_processing_months((now() at time zone 'UTC')::date, 2);

-- Takes away the months before `before`, each as a whole. Nothing younger than a year, whatever is
-- asked: whoever has the archiver's password cannot take away the tracks of what they do with it.
create function archiver.forget_processing(before date) returns int
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    last date := date_trunc('month', least(before,
        (now() at time zone 'UTC')::date - interval '1 year'))::date;
    part text;
    gone int := 0;
begin
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'archiver.processing'::regclass
            and c.relname ~ '^processing_[0-9]{4}_[0-9]{2}$'
            and to_date(right(c.relname, 7), 'YYYY_MM') < last
    loop
        execute format('drop table archiver.%I', part);
        gone := gone + 1;
    end loop;
    delete from archiver.processing_elsewhere where start_time < last at time zone 'UTC';
    return gone;
end
$$;
revoke all on function archiver.forget_processing(date) from public;
grant execute on function archiver.forget_processing(date) to postkamer_archiver;

grant select, insert on archiver.processing to postkamer_archiver;
