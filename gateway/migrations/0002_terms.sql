-- Commands and uploads end at their term (docs/operators/terms.md).
create index command_accepted on gateway.command (accepted_at);
create index media_created on gateway.media (created_at);
grant delete on gateway.command, gateway.media to postkamer_gateway;

-- A service deletes no row before the lowest term that can be set, nor one that is needed: the
-- holder of its password cannot remove the tracks of yesterday. The owner may.
create function gateway.keep_row() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if pg_has_role(current_user, (select relowner from pg_class where oid = tg_relid), 'MEMBER')
        then
            return old;
        end if;
        raise insufficient_privilege using message = 'this row may not be deleted before its term';
    end $$;
create trigger keep before delete on gateway.command for each row
    when (old.accepted_at > now() - interval '14 days')
    execute function gateway.keep_row();
create trigger keep before delete on gateway.media for each row
    when (old.created_at > now() - interval '8 days')
    execute function gateway.keep_row();
