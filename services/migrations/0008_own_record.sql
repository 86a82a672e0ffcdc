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
