-- The owner of the database alone carries out orders again. PostgreSQL restarts by itself, and until the
-- comparison the archiver's role could destroy by this function what no list has.
revoke execute on function
    archiver.replay_order(bigint, bytea, bytea, text, text, text[], uuid[], boolean)
    from postkamer_archiver;

-- Orders that were carried out and that this database lacks, by the last comparison. While there are any,
-- no service starts, and nobody but the owner ends that: it outlives a restart.
alter table restoration.comparison
    add column lacking integer not null default 0 check (lacking >= 0);

create or replace function restoration.is_compared() returns boolean
    language sql stable security definer set search_path = pg_catalog
    as $$ select exists (select from restoration.comparison c
        where c.server_started_at = pg_postmaster_start_time()
            and c.database = (select d.oid from pg_database d where d.datname = current_database())
            and c.xmin::text::bigint = c.xact and c.lacking = 0) $$;

create function restoration.lacking() returns integer
    language sql stable security definer set search_path = pg_catalog
    as $$ select coalesce((select c.lacking from restoration.comparison c), 0) $$;

create or replace function restoration.note_comparison(last bigint) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        if restoration.lacking() > 0 then
            raise check_violation using message = 'the database lacks orders of destruction';
        end if;
        perform restoration.write_comparison(last, 0);
    end $$;

-- Says that orders behind the last one are lacking. Whoever may say so can shut the services and no more.
create function restoration.note_lacking(last bigint, orders integer) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        if orders <= 0 then
            raise check_violation using message = 'no order is lacking';
        end if;
        perform restoration.write_comparison(last, orders);
    end $$;

create function restoration.write_comparison(last bigint, orders integer) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if last is distinct from coalesce((select max(o.number) from archiver.destruction_order o), -1)
        then
            raise check_violation using message = 'it is not the last order of destruction';
        end if;
        insert into restoration.comparison (server_started_at, database, xact, number, lacking)
        select pg_postmaster_start_time(), d.oid, 0, last, orders
        from pg_database d where d.datname = current_database()
        on conflict (only_one) do update set server_started_at = excluded.server_started_at,
            database = excluded.database, number = excluded.number, lacking = excluded.lacking;
        update restoration.comparison c set xact = c.xmin::text::bigint;
    end $$;

revoke all on function
    restoration.lacking(),
    restoration.note_lacking(bigint, integer),
    restoration.write_comparison(bigint, integer)
    from public;
grant execute on function restoration.lacking() to postkamer_gateway, postkamer_router,
    postkamer_deliverer, postkamer_archiver, postkamer_desk;
grant execute on function restoration.note_lacking(bigint, integer) to postkamer_archiver;
