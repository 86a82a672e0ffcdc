-- As before, but null for a text whose start was altered, so that it names no key: an error would
-- end the search for the holders of all keys.
create or replace function sealing.key_of(value text) returns bytea immutable language sql
return case when value ~ '^~1[0-9a-f]{16}' then decode(substr(value, 3, 16), 'hex') end;
