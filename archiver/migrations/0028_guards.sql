-- Rules that the database holds against the archiver's own role: nothing is destroyed without an order
-- outside or before a least waiting time, and what a hold covers does not shrink.

-- Least time between the approval of a list and its destruction. A list has its own, by the settings; the
-- bounds of these are the rows here, which the owner alone changes.
create table archiver.destruction_rule (
    kind text primary key check (kind in ('term', 'request')),
    least_waiting interval not null check (least_waiting >= interval '0')
);
insert into archiver.destruction_rule (kind, least_waiting)
    values ('term', interval '1 day'), ('request', interval '0');

create function archiver.keep_least_waiting() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if new.waiting < (select r.least_waiting from archiver.destruction_rule r where r.kind = new.kind)
        then
            raise check_violation using message = 'its waiting time is shorter than the rule allows';
        end if;
        return new;
    end $$;
create trigger keep_least_waiting before insert on archiver.destruction_list
    for each row execute function archiver.keep_least_waiting();

-- Conversations that were forgotten, by a list, by a command or by an order that was carried out again.
-- The archiver's role reads it.
create table archiver.destroyed_conversation (
    tenant text not null,
    conversation text not null,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now(),     -- again, with what came late
    primary key (tenant, conversation)
);
insert into archiver.destroyed_conversation (tenant, conversation, first_at, last_at)
    select e.tenant, e.conversation, min(e.at), max(e.at) from archiver.entry e
    where e.kind = 'destruction' and e.conversation <> '' and e.message is null
    group by e.tenant, e.conversation;

alter function archiver.forget(text, text[]) rename to forget_rows;
create function archiver.forget(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        insert into archiver.destroyed_conversation as d (tenant, conversation)
            select distinct of_tenant, w.id from unnest(gone) as w (id) where w.id <> '' order by w.id
            on conflict (tenant, conversation) do update set last_at = now();
        perform archiver.forget_rows(of_tenant, gone);
    end $$;

-- Nothing is destroyed without an order: its row says what stands outside, and that it was compared. It is
-- written last in the transaction, so this waits for the commit. Order 0 destroys nothing.
create function archiver.require_order() returns trigger
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    last archiver.destruction_order;
    written_by bigint;
begin
    select * into last from archiver.destruction_order o order by o.number desc limit 1;
    select o.xmin::text::bigint into written_by from archiver.destruction_order o
        where o.number = last.number;
    -- An xmin has the last 32 bits of its transaction's id.
    if last.state = 'done' and last.number > 0
        and written_by = pg_current_xact_id()::text::bigint & 4294967295
    then
        return null;
    end if;
    raise check_violation using message = 'nothing is destroyed without an order outside';
end
$$;
create constraint trigger require_order after insert or update on archiver.destroyed_conversation
    deferrable initially deferred for each row execute function archiver.require_order();

revoke all on function
    archiver.forget(text, text[]),
    archiver.require_order(),
    archiver.keep_least_waiting()
    from public;
grant select on archiver.destroyed_conversation to postkamer_archiver;

-- What a hold covers does not shrink. A renewal replaces its hashes and words, and lifting it ends them.
-- Names of its person that became known later may be added at any time.
create function archiver.keep_hashes_of_hold() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if new.lifted_at is not null
            or exists (select from archiver.renewal r where r.tenant = old.tenant)
            or old.hashes <@ new.hashes
                and (old.words, old.words_before) = (new.words, new.words_before)
        then
            return new;
        end if;
        raise check_violation using message = 'what a hold covers is not changed';
    end $$;
create trigger keep_hashes before update on archiver.hold
    for each row execute function archiver.keep_hashes_of_hold();
revoke all on function archiver.keep_hashes_of_hold() from public;

-- A name as it is compared, so that one person is one person however it is written. Capitals first: ß is SS
-- then. archiver.destruction.destruction_list has the same.
create function archiver.fold_name(name text) returns text
    language sql immutable strict
    set search_path = pg_catalog
    as $$
    select btrim(regexp_replace(regexp_replace(
        normalize(lower(upper(normalize(name, NFKC) collate "und-x-icu")), NFKC),
        '[\u00ad\u200b-\u200f\u2060\ufeff]', '', 'g'),
        '[\u0009-\u000d\u001c-\u0020\u0085\u1680\u2028\u2029]+', ' ', 'g'))
    $$;
create or replace function archiver.same_person(one text, other text) returns boolean
    language sql immutable
    set search_path = pg_catalog
    as $$ select archiver.fold_name(one) = archiver.fold_name(other) $$;

-- Destroyed conversations that have a key again, however late and by whatever way they were destroyed. A
-- look goes by the time of the key: only those since the last one count. A key of before this migration
-- has its time, so the first look is at all.
alter table archiver.conversation_key add column made_at timestamptz not null default now();
create index conversation_key_made on archiver.conversation_key (made_at);
create table archiver.late_look (
    only_one boolean primary key default true check (only_one),
    made_until timestamptz not null default '-infinity'  -- nothing is late of the keys made before
);
insert into archiver.late_look default values;

drop function archiver.late_conversations(int);
create function archiver.late_conversations(most int) returns table (tenant text, conversation text)
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        return query select k.tenant, k.conversation from archiver.conversation_key k
            join archiver.destroyed_conversation d
                on d.tenant = k.tenant and d.conversation = k.conversation
            where k.made_at >= (select l.made_until from archiver.late_look l)
            order by k.made_at, k.tenant, k.conversation limit most;
        if not found then
            -- The time of a key is the beginning of its transaction, and none lasts for an hour.
            update archiver.late_look l set made_until = now() - interval '1 hour';
        end if;
    end $$;

-- Forgets again what came after the destruction of conversations. It asks for an order, as the first did.
drop function archiver.destroy_again(text, text[]);
create function archiver.destroy_again(of_tenant text, wanted text[]) returns setof text
    language plpgsql security definer set search_path = pg_catalog
    -- As 0014 has it: each id is looked up in an index.
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    as $$
declare
    gone text[];
begin
    select array_agg(d.conversation) into gone from archiver.destroyed_conversation d
        where d.tenant = of_tenant and d.conversation = any(wanted);
    if gone is not null then
        perform archiver.forget(of_tenant, gone);
    end if;
    return query select unnest(gone);
end
$$;

revoke all on function archiver.late_conversations(int), archiver.destroy_again(text, text[]) from public;
grant execute on function archiver.late_conversations(int), archiver.destroy_again(text, text[])
    to postkamer_archiver;
