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

-- As 0028 and 0015 have them, and what was handed over or disclosed. Nothing of it goes any more: a copy that
-- went, or may have gone, is not ours to destroy, and its place is kept for the declaration. Where something
-- is redacted says that something was there.
create or replace function archiver.forget(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        insert into archiver.destroyed_conversation as d (tenant, conversation)
            select distinct of_tenant, w.id from unnest(gone) as w (id) where w.id <> '' order by w.id
            on conflict (tenant, conversation) do update set last_at = now();
        perform archiver.forget_rows(of_tenant, gone);
        update archiver.handover h set state = 'left', reason = ''
            where h.tenant = of_tenant and h.conversation = any(gone);
        update archiver.disclosure_document d set salt = null, sealed = null
            where d.tenant = of_tenant and d.conversation = any(gone) and d.sealed is not null;
    end $$;

alter function archiver.forget_municipality(text) rename to forget_rows_of_municipality;
create function archiver.forget_municipality(of_tenant text) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        perform archiver.forget_rows_of_municipality(of_tenant);
        update archiver.handover h set state = 'left', reason = '' where h.tenant = of_tenant;
        update archiver.disclosure_document d set salt = null, sealed = null
            where d.tenant = of_tenant and d.sealed is not null;
    end $$;
revoke all on function archiver.forget_municipality(text) from public;
