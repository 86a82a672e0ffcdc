-- Destructions outlive a restore. Each has an order in the object store, by numbers without a gap,
-- and its row here in the transaction that destroys. A database that knows fewer orders than stand
-- outside was restored: the archiver carries out the missing ones before any service serves.

create table archiver.destruction_order (
    number bigint primary key check (number >= 0),
    digest bytea not null check (length(digest) = 32),  -- SHA-256 of the order, opened
    sealed bytea not null,              -- as it stands outside, to write it there again
    state text not null check (state in ('done', 'void')),
    is_replayed boolean not null,
    at timestamptz not null default now()
);

create function archiver.keep_order_of_numbers() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if tg_op <> 'INSERT' then
            raise insufficient_privilege using message = 'an order of destruction is kept for ever';
        end if;
        if new.number <> (select coalesce(max(o.number), -1) + 1 from archiver.destruction_order o)
        then
            raise check_violation using message = 'it is not the next order of destruction';
        end if;
        return new;
    end $$;
create trigger keep_order before insert or update or delete on archiver.destruction_order
    for each row execute function archiver.keep_order_of_numbers();

-- Whether the destructions outside were compared with this database. A row that was restored never
-- says so: a restored cluster has another start, a copied database another number, and a restored
-- table another transaction.
create schema restoration;
create table restoration.comparison (
    only_one boolean primary key default true check (only_one),
    server_started_at timestamptz not null,
    database oid not null,
    xact bigint not null,               -- transaction that wrote the row, as its xmin
    number bigint not null              -- of the last order
);

create function restoration.is_compared() returns boolean
    language sql stable security definer set search_path = pg_catalog
    as $$ select exists (select from restoration.comparison c
        where c.server_started_at = pg_postmaster_start_time()
            and c.database = (select d.oid from pg_database d where d.datname = current_database())
            and c.xmin::text::bigint = c.xact) $$;

-- Says that they were, up to this order.
create function restoration.note_comparison(last bigint) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        if last is distinct from (select max(o.number) from archiver.destruction_order o) then
            raise check_violation using message = 'it is not the last order of destruction';
        end if;
        insert into restoration.comparison (server_started_at, database, xact, number)
        select pg_postmaster_start_time(), d.oid, 0, last
        from pg_database d where d.datname = current_database()
        on conflict (only_one) do update set server_started_at = excluded.server_started_at,
            database = excluded.database, number = excluded.number;
        update restoration.comparison c set xact = c.xmin::text::bigint;
    end $$;

-- Notes an order in the transaction that carries it out, or one that was not carried out. Nothing is
-- destroyed before the destructions outside were compared.
create function archiver.note_order(
    new_number bigint, new_digest bytea, new_sealed bytea, new_state text
) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        if new_state = 'done' and new_number > 0 and not restoration.is_compared() then
            raise check_violation using message =
                'the destructions outside were not compared with this database';
        end if;
        insert into archiver.destruction_order (number, digest, sealed, state, is_replayed)
            values (new_number, new_digest, new_sealed, new_state, false);
    end $$;

-- Deletes entries of the log, their files and their words, and the remainders of their bodies. The bytes
-- of such a file stay, and nothing opens them: archiver.destruction.removal knows conversations alone.
create function archiver.forget_entries(gone uuid[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        update archiver.entry e set salt = null
            where e.kind = 'receipt' and e.id in (select c.receipt from archiver.entry c
                where c.id = any(gone) and c.receipt is not null);
        update archiver.media m set salt = null, file_salt = null, digest = null,
            state = case when m.state = 'waiting' then 'lost' else m.state end,
            reason = case when m.state = 'waiting' then 'its message was destroyed' else m.reason end
            from archiver.entry e
            where e.id = any(gone) and e.kind = 'message' and m.id = coalesce(e.message, e.id);
        delete from archiver.searchable w where w.id = any(gone);
        -- Persons of an entry outside any conversation are indexed for that entry alone.
        delete from archiver.subject s where s.conversation = '' and s.entry = any(gone);
        update archiver.entry e set salt = null where e.id = any(gone);
    end $$;

-- Deletes everything of a municipality.
create function archiver.forget_municipality(of_tenant text) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        -- Keeps a new conversation key from being wrapped under a key that is being deleted.
        lock table archiver.conversation_key in share row exclusive mode;
        delete from archiver.conversation_key k where k.tenant = of_tenant;
        delete from archiver.municipality_key k where k.tenant = of_tenant;
        delete from archiver.subject s where s.tenant = of_tenant;
        update archiver.media m set salt = null, file_salt = null, digest = null,
            state = case when m.state = 'waiting' then 'lost' else m.state end,
            reason = case when m.state = 'waiting' then 'its message was destroyed' else m.reason end
            where m.tenant = of_tenant;
        delete from archiver.searchable w where w.tenant = of_tenant;
        delete from archiver.dossier d where d.tenant = of_tenant;
        update archiver.request r set hashes = '{}' where r.tenant = of_tenant;
        update archiver.entry e set salt = null
            where e.kind = 'receipt' and e.id in (select c.receipt from archiver.entry c
                where c.tenant = of_tenant and c.receipt is not null);
    end $$;

-- Carries out an order again in a restored database. Once the destructions were compared, nothing is
-- destroyed by this way.
create function archiver.replay_order(
    new_number bigint, new_digest bytea, new_sealed bytea, of_list text, of_tenant text,
    gone text[], entries uuid[], is_municipality boolean
) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        if restoration.is_compared() then
            raise check_violation using message = 'the destructions outside were compared already';
        end if;
        insert into archiver.destruction_order (number, digest, sealed, state, is_replayed)
            values (new_number, new_digest, new_sealed, 'done', true);
        -- A new list gets none of the numbers that were given since the back-up.
        if of_list ~ '^VL-[0-9]{4}-[0-9]{4,9}$' then
            perform setval('archiver.list_number', greatest(split_part(of_list, '-', 3)::bigint,
                (select s.last_value from archiver.list_number s)));
        end if;
        if is_municipality then
            perform archiver.forget_municipality(of_tenant);
            return;
        end if;
        if entries <> '{}' then
            perform archiver.forget_entries(entries);
        end if;
        if gone <> '{}' then
            perform from router.conversation c where c.id = any(gone) order by c.id for update;
            perform archiver.forget(of_tenant, gone);
        end if;
    end $$;

revoke all on function
    restoration.is_compared(),
    restoration.note_comparison(bigint),
    archiver.note_order(bigint, bytea, bytea, text),
    archiver.forget_entries(uuid[]),
    archiver.forget_municipality(text),
    archiver.replay_order(bigint, bytea, bytea, text, text, text[], uuid[], boolean)
    from public;
grant usage on schema restoration to postkamer_gateway, postkamer_router, postkamer_deliverer,
    postkamer_archiver, postkamer_desk;
grant execute on function restoration.is_compared() to postkamer_gateway, postkamer_router,
    postkamer_deliverer, postkamer_archiver, postkamer_desk;
grant execute on function
    restoration.note_comparison(bigint),
    archiver.note_order(bigint, bytea, bytea, text),
    archiver.replay_order(bigint, bytea, bytea, text, text, text[], uuid[], boolean)
    to postkamer_archiver;
grant select on archiver.destruction_order to postkamer_archiver;
