-- Deletes conversations that are destroyed: archiver.forget. The owner alone may call it.
create function deliverer.forget(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        delete from deliverer.delivery d where d.conversation = any(gone);
        delete from deliverer.ledger l where l.conversation = any(gone);
    end $$;
revoke all on function deliverer.forget(text, text[]) from public;
