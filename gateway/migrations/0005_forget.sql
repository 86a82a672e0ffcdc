-- Forgets conversations that are destroyed: archiver.forget. The owner alone may call it.
-- docs/operators/destruction.md has what becomes of each table.
--
-- `messages` are the ids of their messages, `files` uploads that no other message carries.
create function gateway.forget(of_tenant text, gone text[], messages uuid[], files uuid[])
    returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        -- The hash of a request would confirm a guess of its text. The id stays until its term: the
        -- same key is refused, and sends nothing a second time.
        update gateway.command c set fingerprint = '', conversation = '', department = ''
            where c.tenant = of_tenant and (c.id = any(messages) or c.conversation = any(gone));
        -- The gateway deletes the bytes with those of abandoned uploads.
        with removed as (
            delete from gateway.media m where m.tenant = of_tenant and m.id = any(files)
            returning m.object
        )
        insert into gateway.upload (object, begun_at)
        select r.object, now() - interval '1 day' from removed r on conflict do nothing;
    end $$;
revoke all on function gateway.forget(text, text[], uuid[], uuid[]) from public;
