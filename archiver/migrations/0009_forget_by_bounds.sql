-- Drops the months of the processing log before `before`, by the times that a month may hold: a name
-- can be changed by hand, and then another month would go. It never drops a month younger than a
-- year: the holder of the archiver's password cannot remove the tracks of their own actions.
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
        select c.oid::regclass from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'archiver.processing'::regclass
            -- The default partition has no end.
            and substring(pg_get_expr(c.relpartbound, c.oid) from $end$ TO \('([^']+)'\)$end$)::timestamptz
                <= last
    loop
        execute format('drop table %s', part);
        gone := gone + 1;
    end loop;
    delete from archiver.processing_elsewhere where start_time < last;
    return gone;
end
$$;
