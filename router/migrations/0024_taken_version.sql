-- A version that was on record once may fall below a table of messages that has become stricter since. So the
-- other services take the one that a router took last, and not each that a router ever took.
create table router.taken_version (
    one boolean primary key default true check (one),  -- a single row
    version text not null,
    at timestamptz not null
);
-- That one, and those that came on record since: a router of an older release writes no row above.
create view router.version_to_take as
    select v.version from router.version v left join router.taken_version t on true
    where t.version is null or t.version = v.version or v.first_at > t.at;
grant select, insert, update on router.taken_version to postkamer_router;
grant select on router.version_to_take
    to postkamer_gateway, postkamer_deliverer, postkamer_archiver;
