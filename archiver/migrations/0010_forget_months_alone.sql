-- The time of `forget_processing` is read of the months of the processing log alone. PostgreSQL may look
-- at the bounds of other tables first, once it has statistics of its catalogue, and those are no times:
-- the function failed, and with it the archiver.
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
        with months as materialized (
            select c.oid::regclass as name,
                -- The default partition has no end.
                substring(pg_get_expr(c.relpartbound, c.oid) from $end$ TO \('([^']+)'\)$end$) as ends
            from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'archiver.processing'::regclass
        )
        select name from months where ends::timestamptz <= last
    loop
        execute format('drop table %s', part);
        gone := gone + 1;
    end loop;
    delete from archiver.processing_elsewhere where start_time < last;
    return gone;
end
$$;
