-- A version that was on record once may fall below a table of messages that has become stricter since. So the
-- other services take the one that a router took last, and not each that a router ever took.
create table router.taken_version (
    one boolean primary key default true check (one),  -- a single row
    version text not null,
    at timestamptz not null
);
grant select, insert, update on router.taken_version to postkamer_router;
grant select on router.taken_version to postkamer_gateway, postkamer_deliverer, postkamer_archiver;
grant select (first_at) on router.version
    to postkamer_gateway, postkamer_deliverer, postkamer_archiver;
