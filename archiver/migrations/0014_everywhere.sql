-- What follows a destruction once it is committed: the bytes in the object store, the receivers of the
-- conversation, and what came too late.

-- Files whose message was destroyed. Their names stay until their bytes are gone.
alter table archiver.media
    add column remove_at timestamptz,   -- from then on nobody reads or writes its bytes any more
    add column removed_at timestamptz;  -- its bytes are gone
create index media_to_remove on archiver.media (remove_at)
    where remove_at is not null and removed_at is null;

-- Destroyed conversations of which the receivers must still hear. A row goes when the partition of its
-- number has it.
create table archiver.destruction_notice (
    tenant text not null,
    conversation text not null,
    number text not null,               -- our own id of its number
    departments text[] not null,        -- all that had it, in order
    sequence bigint not null,           -- after everything that happened in it
    list text not null,
    ground text not null,               -- kind of the list: term or request
    at timestamptz not null default now(),
    primary key (tenant, conversation)
);
create index destruction_notice_at on archiver.destruction_notice (at);

create function archiver.note_destroyed() returns trigger
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        insert into archiver.destruction_notice
            (tenant, conversation, number, departments, sequence, list, ground)
        select i.tenant, i.conversation, split_part(i.conversation, '-', 1),
            coalesce(d.departments, c.departments, array[i.department]),
            1 + greatest(c.sequence, d.sequence, 0), i.list, l.kind
        from after i
        join archiver.destruction_list l on l.id = i.list
        left join archiver.dossier d on d.tenant = i.tenant and d.conversation = i.conversation
        left join router.conversation c on c.id = i.conversation
        where i.state = 'destroyed' and i.changed_at = now()
        on conflict do nothing;
        return null;
    end $$;
create trigger note after update on archiver.destruction_item
    referencing new table as after
    for each statement execute function archiver.note_destroyed();

-- Destroyed conversations that have a key again: a record of theirs came after their destruction, such
-- as the result of a delivery. Eight days: records wait three in the archive's queue, and Meta repeats
-- what it sent for seven.
create index destruction_item_destroyed on archiver.destruction_item (changed_at)
    where state = 'destroyed';
create function archiver.late_conversations(most int)
    returns table (tenant text, conversation text, list text)
    language sql stable security definer set search_path = pg_catalog
    as $$
    select i.tenant, i.conversation, i.list from archiver.destruction_item i
    where i.state = 'destroyed' and i.changed_at > now() - interval '8 days'
        and exists (select from archiver.conversation_key k
            where k.tenant = i.tenant and k.conversation = i.conversation)
    order by i.changed_at limit most
    $$;

-- Forgets again what came after the destruction of a conversation. Whoever calls it writes the record
-- in the same transaction.
create function archiver.destroy_again(of_list text, wanted text[]) returns setof text
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    gone text[];
    owner text;
begin
    select array_agg(i.conversation), min(i.tenant) into gone, owner
        from archiver.destruction_item i
        where i.list = of_list and i.conversation = any(wanted) and i.state = 'destroyed';
    if gone is not null then
        perform archiver.forget(owner, gone);
    end if;
    return query select unnest(gone);
end
$$;

-- Rewrites the table of conversation keys: a deleted row stays in its page until PostgreSQL needs the
-- room, and this key would still open what was destroyed. Whoever seals waits for some seconds.
create table archiver.rewritten (
    only_one boolean primary key default true check (only_one),
    destructions bigint not null default 0  -- of archiver.head, when the table was last rewritten
);
insert into archiver.rewritten default values;
create function archiver.rewrite_keys() returns void
    language plpgsql security definer set search_path = pg_catalog
    -- Better late than in the way of a long reader, behind whom all others would wait.
    set lock_timeout = '1s'
    as $$
declare
    counted bigint;
begin
    select h.destructions into counted from archiver.head h;
    cluster archiver.conversation_key using conversation_key_pkey;
    update archiver.rewritten set destructions = counted;
end
$$;

revoke all on function
    archiver.rewrite_keys(),
    archiver.note_destroyed(),
    archiver.entries_beside(text, text[]),
    archiver.late_conversations(int),
    archiver.destroy_again(text, text[])
    from public;
grant execute on function
    archiver.rewrite_keys(),
    archiver.entries_beside(text, text[]),
    archiver.late_conversations(int),
    archiver.destroy_again(text, text[])
    to postkamer_archiver;
grant select on archiver.rewritten to postkamer_archiver;
grant select, delete on archiver.destruction_notice to postkamer_archiver;

-- Whatever the tables hold when they are analyzed: each id is looked up in an index. PostgreSQL would read
-- all conversations for some hundred of them, and plan anew, for all months, each time.
alter function archiver.destroy_conversations(text, text[]) set enable_seqscan = off;
alter function archiver.destroy_conversations(text, text[]) set enable_hashjoin = off;
alter function archiver.destroy_conversations(text, text[]) set enable_mergejoin = off;
alter function archiver.destroy_conversations(text, text[]) set plan_cache_mode = force_generic_plan;
alter function archiver.destroy_again(text, text[]) set enable_seqscan = off;
alter function archiver.destroy_again(text, text[]) set enable_hashjoin = off;
alter function archiver.destroy_again(text, text[]) set enable_mergejoin = off;
