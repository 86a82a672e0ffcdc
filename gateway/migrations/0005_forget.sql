-- Deletes conversations that are destroyed: archiver.forget. The owner alone may call it.
create function gateway.forget(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        delete from gateway.command c where c.conversation = any(gone);
    end $$;
revoke all on function gateway.forget(text, text[]) from public;
