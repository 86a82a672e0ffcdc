-- The operators' record and their tokens, held against whoever may write these tables.

-- Who connected, beside who is named. The trigger keeps a statement from naming another; one who may
-- alter tables can remove it, and the archiver adds its own time.
alter table access.operation add column session text not null default session_user;
create function access.stamp_operation() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        new.session := session_user;
        return new;
    end $$;
create trigger stamp before insert on access.operation for each row
    execute function access.stamp_operation();

-- Keyed hash of the token's row under the standing key, which is in no table: services.http.token_mac.
-- A row without it, of before or made by hand, is refused until `postkamer token confirm`.
alter table access.token add column mac bytea check (length(mac) = 32);

-- What installation this is, as the archiver reads it from its own configuration at each start: a command
-- goes by the configuration that its caller names.
create table access.installation (
    only_one boolean primary key default true check (only_one),
    production boolean not null
);
grant usage on schema access to postkamer_router, postkamer_deliverer;
grant select on access.installation
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
grant insert, update on access.installation to postkamer_archiver;
