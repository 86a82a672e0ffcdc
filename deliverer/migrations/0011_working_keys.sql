-- The key that sealed a value, which its start names; null if it is not sealed.
create function sealing.key_of(value bytea) returns bytea immutable language sql
return case when substr(value, 1, 4) = '\xc1504b31' then substr(value, 5, 8) end;
create function sealing.key_of(value text) returns bytea immutable language sql
return case when value like '~1%' then decode(substr(value, 3, 16), 'hex') end;
