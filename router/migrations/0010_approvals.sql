-- Persons who stand for a version of the rules: `postkamer rules approve`. The record has each of them
-- as an operation, with its proof. A version may be approved before it decides anything.
create table router.approval (
    version text not null,              -- hash of the files
    by text not null,
    identified text not null check (identified in ('proven', 'stated')),
    at timestamptz not null default now(),
    primary key (version, by, identified)
);
grant select on router.approval to postkamer_router;
-- The archiver, which knows the identity providers, lowers one that it records as stated.
grant select, insert, delete on router.approval to postkamer_archiver;
