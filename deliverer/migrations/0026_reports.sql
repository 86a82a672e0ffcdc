-- Reports in a Signalen: which one belongs to which messages, and how far its requests have come.
create table deliverer.report (
    destination text not null,
    event uuid not null,                -- that began it, and the mark by which it is found there
    conversation text not null,
    signal bigint,                      -- id in Signalen; null until it is known
    heard_at timestamptz not null,      -- when its last message was written
    posted_at timestamptz,              -- a post whose answer is still to come, or was lost
    adding uuid,                        -- message whose note or file is being added
    told uuid[] not null default '{}',  -- messages that it has
    files uuid[] not null default '{}', -- messages whose file it has, or says where it is
    ended boolean not null default false, -- it is gone there
    seal bytea,                         -- a row that does not fit it was made by hand
    primary key (destination, event)
);
create index report_conversation on deliverer.report (conversation);
create index report_heard on deliverer.report (heard_at);
grant select, insert, update, delete on deliverer.report to postkamer_deliverer;
create trigger keep before delete on deliverer.report for each row
    when (old.heard_at > now() - interval '366 days')
    execute function access.keep_row();

-- As in 0023_forget.sql, and the reports.
create or replace function deliverer.forget(of_tenant text, gone text[]) returns uuid[]
    language plpgsql set search_path = pg_catalog
    as $$
declare
    files uuid[];
begin
    delete from deliverer.sent s using deliverer.delivery d
        where d.conversation = any(gone) and s.destination = d.destination and s.event = d.event;
    update deliverer.delivery d set body = null, due_at = null, told = true,
            reason = case when d.state in ('settled', 'dropped') then d.reason
                else 'its conversation was destroyed' end,
            state = case when d.state = 'settled' then d.state else 'dropped' end
        where d.conversation = any(gone)
            and (d.state not in ('settled', 'dropped') or d.body is not null or not d.told);

    select array_agg(distinct l.media) into files from deliverer.ledger l
        where l.conversation = any(gone) and l.media is not null and not exists (
            select from deliverer.ledger o
            where o.media = l.media and o.conversation <> all(gone));
    -- A message that still waits is not sent any more.
    update deliverer.ledger l set address = '', content = '{}', about = null, about_wamid = '',
            wamid = '', media = null, author_kind = '', author = '', traceparent = '',
            person = '00000000-0000-0000-0000-000000000000', asks = false, purpose = '',
            reason = case when l.state in ('sent', 'failed') then l.reason
                else 'its conversation was destroyed' end,
            state = case when l.state = 'sent' then l.state else 'failed' end
        where l.conversation = any(gone) and l.content <> '{}';
    delete from deliverer.upload u where u.media = any(files);
    delete from deliverer.found_command f where f.conversation = any(gone);

    -- What an Open Klant has of them is deleted there afterwards.
    perform deliverer.plan_contact_erasure(of_tenant, gone);
    delete from deliverer.internetaak t where t.conversation = any(gone);
    delete from deliverer.registration r using deliverer.klantcontact k
        where k.conversation = any(gone) and r.destination = k.destination and r.contact = k.event;
    delete from deliverer.klantcontact k where k.conversation = any(gone);
    -- The reports themselves stay in Signalen: it lets nobody delete one.
    delete from deliverer.report r where r.conversation = any(gone);
    return files;
end
$$;
