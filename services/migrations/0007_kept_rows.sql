-- A service deletes no row before the lowest term that can be set, nor one that is needed: the
-- holder of its password cannot remove the tracks of yesterday. The owner may. Triggers of the services
-- say which rows.
create function access.keep_row() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'MEMBER')
        then
            return old;
        end if;
        raise insufficient_privilege using message = 'this row may not be deleted before its term';
    end $$;
