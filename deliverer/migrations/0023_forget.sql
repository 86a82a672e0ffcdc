-- Forgets conversations that are destroyed: archiver.forget. The owner alone may call it.
-- docs/operators/destruction.md has what becomes of each table.
--
-- Rows that the balance looks for stay until their term, with nothing of what was said or to whom.
-- Returns the files that no other message carries.
create index delivery_conversation on deliverer.delivery (conversation) where conversation <> '';
create index ledger_conversation on deliverer.ledger (conversation);
create index ledger_file on deliverer.ledger (media) where media is not null;

create function deliverer.forget(of_tenant text, gone text[]) returns uuid[]
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
    return files;
end
$$;
revoke all on function deliverer.forget(text, text[]) from public;
