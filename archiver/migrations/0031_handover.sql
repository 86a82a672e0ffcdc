-- Transcripts that go to a target by themselves when a conversation is closed: archiver.handover.

-- One row for each closing and target. No word of the conversation is here.
create table archiver.handover (
    tenant text not null,
    target text not null,               -- id of the target in the configuration
    conversation text not null,
    sequence bigint not null,           -- in the conversation, of the closing
    closed_at timestamptz not null,
    -- left: the conversation was destroyed. With a hash or a document a copy is, or may be, at the target.
    state text not null default 'waiting' check (state in ('waiting', 'done', 'parked', 'left')),
    due_at timestamptz not null,        -- of one that waits; a claimed row is due again later
    due_since timestamptz not null,     -- when it was first due; after some days it is parked
    attempts int not null default 0,
    -- Noted before anything is sent: with it, a copy may be at the target.
    sha256 text not null default '',
    document text not null default '',  -- address or name of the copy, once the target has it
    done_at timestamptz,
    reason text not null default '',    -- sentence about the last attempt, if it failed
    primary key (tenant, conversation, target, sequence)
);
create index handover_due on archiver.handover (due_at) where state = 'waiting';
create index handover_parked on archiver.handover (tenant) where state = 'parked';
grant select, insert, update, delete on archiver.handover to postkamer_archiver;

-- How far the log was read for it. What was closed before this version is not handed over.
create table archiver.handover_progress (
    only_one boolean primary key default true check (only_one),
    position bigint not null default 0
);
insert into archiver.handover_progress (position) select h.size from archiver.head h;
grant select, update on archiver.handover_progress to postkamer_archiver;

-- As 0027 and 0015 have them, and these rows.
create or replace function archiver.forget_rows(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$
declare
    entries uuid[];
    messages uuid[];
    receipts uuid[];
    beside uuid[];
    first uuid;
    last uuid;
begin
    select array_agg(e.id), array_agg(distinct e.message) filter (where e.message is not null),
        array_agg(distinct e.receipt) filter (where e.receipt is not null)
        into entries, messages, receipts
        from archiver.entry e
        where e.conversation = any(gone) and e.conversation <> '' and e.tenant = of_tenant;
    beside := array(select archiver.entries_beside(of_tenant, gone));

    perform router.forget(of_tenant, gone, entries || beside, messages);
    perform gateway.forget(of_tenant, gone, messages, deliverer.forget(of_tenant, gone));
    perform desk.forget(of_tenant, gone);

    delete from archiver.conversation_key k
        where k.tenant = of_tenant and k.conversation = any(gone) and k.conversation <> '';
    if cardinality(beside) > 0 then
        -- Entries of these people outside any conversation, such as a consent.
        update archiver.entry e set salt = null where e.id = any(beside) and e.salt is not null;
        receipts := receipts || array(select b.receipt from archiver.entry b
            where b.id = any(beside) and b.receipt is not null);
        delete from archiver.subject s where s.tenant = of_tenant and s.conversation = ''
            and s.entry = any(beside) and s.hash in (select g.hash from archiver.subject g
                where g.conversation = any(gone) and g.conversation <> '' and g.tenant = of_tenant);
    end if;
    delete from archiver.subject s
        where s.conversation = any(gone) and s.conversation <> '' and s.tenant = of_tenant;
    -- The months that they are of: ids begin with their time.
    select id into first from unnest(entries || receipts) id order by id limit 1;
    select id into last from unnest(entries || receipts) id order by id desc limit 1;
    delete from archiver.searchable w
        where w.id = any(entries) and w.id between first and last;
    -- Whole receipts: their bytes would show the destroyed part.
    update archiver.entry e set salt = null
        where e.id = any(receipts) and e.id between first and last
            and e.kind = 'receipt' and e.salt is not null;
    update archiver.media m set salt = null, file_salt = null, digest = null,
        -- The bytes go afterwards: archiver.destruction.removal.
        remove_at = now() + case when m.state = 'waiting' then interval '1 hour'
            else interval '1 minute' end,
        state = 'lost', reason = 'its message was destroyed', ended_at = coalesce(m.ended_at, now()),
        told = true
        where m.id = any(messages || entries) and m.tenant = of_tenant and m.remove_at is null;
    update archiver.request r set hashes = '{}'
        where r.tenant = of_tenant and r.conversations && gone and not exists (
            select from archiver.conversation_key k
            where k.tenant = r.tenant and k.conversation = any(r.conversations));
    delete from archiver.dossier d where d.tenant = of_tenant and d.conversation = any(gone);
    -- Nothing of it goes any more. A copy that went, or may have gone, is not ours to destroy: its place is
    -- kept for the declaration.
    update archiver.handover h set state = 'left', reason = ''
        where h.tenant = of_tenant and h.conversation = any(gone);
    -- Where something is redacted says that something was there.
    update archiver.disclosure_document d set salt = null, sealed = null
        where d.tenant = of_tenant and d.conversation = any(gone) and d.sealed is not null;
end
$$;

create or replace function archiver.forget_municipality(of_tenant text) returns void
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
        update archiver.handover h set state = 'left', reason = '' where h.tenant = of_tenant;
        update archiver.request r set hashes = '{}' where r.tenant = of_tenant;
        update archiver.entry e set salt = null
            where e.kind = 'receipt' and e.id in (select c.receipt from archiver.entry c
                where c.tenant = of_tenant and c.receipt is not null);
    end $$;
