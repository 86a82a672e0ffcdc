-- Forgets conversations that are destroyed: archiver.forget. The owner alone may call it.
-- docs/operators/destruction.md has what becomes of each table.
create index reason_conversation on desk.reason (conversation);

create function desk.forget(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
        delete from desk.draft d where d.conversation = any(gone);
        delete from desk.answer a where a.conversation = any(gone);
        delete from desk.reason r where r.conversation = any(gone);
        delete from desk.alarm l where l.conversation = any(gone);
        delete from desk.conversation c where c.id = any(gone);
    end $$;
revoke all on function desk.forget(text, text[]) from public;
