-- What the archiver told of tokens, with the time and a keyed hash under the standing key: rows of
-- access.refused_token can be kept from arriving by who may write this database, and their absence says
-- nothing. An old list, or one whose hash is not right, does: services.http.table_judge.
create table access.told_tokens (
    only_one boolean primary key default true check (only_one),
    at timestamptz not null,
    names text[] not null,
    mac bytea not null check (length(mac) = 32)
);
grant select on access.told_tokens to postkamer_gateway, postkamer_archiver;
grant insert, update on access.told_tokens to postkamer_archiver;
