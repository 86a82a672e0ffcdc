-- The gateway writes what owners do, at the time of this server, and nothing that an operator does.
create function deliverer.stamp_owner_action() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        new.at := now();
        return new;
    end $$;
create trigger stamp before insert on deliverer.owner_action for each row
    execute function deliverer.stamp_owner_action();
alter table deliverer.owner_action
    add check (what in ('resend', 'secret add', 'secret end'));
