-- Deletes conversations that are destroyed: archiver.forget. The owner alone may call it.
create function router.forget(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        delete from router.timer t where t.conversation = any(gone);
        delete from router.held h where h.conversation = any(gone);
        delete from router.outgoing o where o.conversation = any(gone);
        delete from router.conversation c where c.id = any(gone);
    end $$;
revoke all on function router.forget(text, text[]) from public;
