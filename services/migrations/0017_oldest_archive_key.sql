-- The oldest archive key, by its fingerprint: services.keys.oldest_archive_key. Routers note it when citizens are recognised
-- by it, or when there are none yet. The archiver and commands, which recognise nobody, hold theirs against it.
create table sealing.oldest_archive_key (
    only_one boolean primary key default true check (only_one),
    fingerprint text not null,
    since timestamptz not null default now()
);
grant select on sealing.oldest_archive_key to postkamer_router, postkamer_archiver;
grant insert, update on sealing.oldest_archive_key to postkamer_router;
