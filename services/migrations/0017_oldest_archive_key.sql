-- The oldest archive key, by its fingerprint: services.keys.oldest_archive_key. Router and archiver start with no other,
-- because citizens are recognised by hashes under it. An owner who began with a wrong one deletes the row.
create table sealing.oldest_archive_key (
    only_one boolean primary key default true check (only_one),
    fingerprint text not null,
    since timestamptz not null default now()
);
grant select, insert on sealing.oldest_archive_key to postkamer_router, postkamer_archiver;
