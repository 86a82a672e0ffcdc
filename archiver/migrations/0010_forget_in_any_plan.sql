-- Drops the months of the processing log before `before`, as 0009 does. There PostgreSQL was free to
-- read the end of each partition of any table as a time, also of those that are cut by an id: with
-- some statistics it did, and the archiver ended. Here the months are found first.
create or replace function archiver.forget_processing(before date) returns int
    language plpgsql security definer
    set search_path = pg_catalog set timezone = 'UTC' set datestyle = 'ISO'
    as $$
declare
    last timestamptz := date_trunc('month', least(before,
        (now() at time zone 'UTC')::date - interval '1 year')) at time zone 'UTC';
    part text;
    gone int := 0;
begin
    for part in
        with month as materialized (
            -- The default partition has no end.
            select c.oid::regclass as name,
                substring(pg_get_expr(c.relpartbound, c.oid) from $end$ TO \('([^']+)'\)$end$) as ends
            from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'archiver.processing'::regclass
        )
        select name from month where ends::timestamptz <= last
    loop
        execute format('drop table %s', part);
        gone := gone + 1;
    end loop;
    delete from archiver.processing_elsewhere where start_time < last;
    return gone;
end
$$;
