-- What citizens asked about their data, with its dates. No number and no name: keyed hashes as in
-- archiver.subject, and conversations. What was done and by whom is in the record (kind request).
create sequence archiver.request_number;
create table archiver.request (
    id text primary key,                -- AVG-2026-0001: a citizen is told it
    tenant text not null,
    kind text not null
        check (kind in ('access', 'rectification', 'erasure', 'restriction', 'objection')),
    received_on date not null,
    due_on date not null check (due_on > received_on),
    extension text not null default '', -- the ground on which it takes longer
    decision text check (decision in ('granted', 'partly', 'refused')),
    ground text not null default '',
    decided_at timestamptz,
    hashes bytea[] not null,            -- of all names of whom it is about
    conversations text[] not null,      -- with them, the oldest first, when it was opened
    opened_at timestamptz not null default now(),
    check ((decision is null) = (decided_at is null)),
    check (decision is null or decision = 'granted' or ground <> '')
);
create index request_open on archiver.request (tenant, due_on) where decision is null;

-- Steps stand in a conversation or in none; a municipality has some hundreds a year.
create index entry_request on archiver.entry (tenant, id) where kind = 'request';

grant select on archiver.request to postkamer_archiver;
