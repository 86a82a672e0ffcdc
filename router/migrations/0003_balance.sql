-- The balance of the mailroom (archiver.balance) compares what was decided with what became of it.
-- Rows from before this migration have no transaction, and are not compared.

alter table router.inbox
    add column xact bigint,             -- transaction that wrote the row
    add column partition int,
    add column number text not null default '',     -- our id; '' for none
    add column is_item boolean not null default false,  -- an item of a webhook, not an entry of ours
    add column is_quarantined boolean not null default false,
    add column record uuid,             -- record of the decision
    add column records uuid[] not null default '{}',    -- all records that it made
    add column events uuid[] not null default '{}',     -- events for CRMs
    add column destinations text[] not null default '{}',   -- destination of each of these
    add column send uuid;               -- message that it accepted for Meta
alter table router.inbox alter column xact set default pg_current_xact_id()::text::bigint;
-- The rows of finished transactions are read once, in the order of these.
create index inbox_xact on router.inbox (xact) where xact is not null;
-- A record without its decision is looked up by its id.
create index inbox_record on router.inbox (record) where record is not null;

-- Everything that a partition decided in this transaction or an earlier one is published.
alter table router.lease
    add column published bigint not null default 0,
    add column published_at timestamptz;

-- Next batch number of each source, as the partition's router knows it.
create table router.source (
    partition int not null,
    source uuid not null,               -- one start of a gateway, a router, a deliverer or an archiver
    next bigint not null,
    seen_at timestamptz not null default now(),
    primary key (partition, source)
);

-- Batches that a source published, with a confirm, and that did not come.
create table router.gap (
    partition int not null,
    source uuid not null,
    number bigint not null,
    since timestamptz not null default now(),
    accepted_at timestamptz,            -- a person looked into it: it alarms no more
    primary key (partition, source, number)
);

grant select, insert, update, delete on router.source, router.gap to postkamer_router;
grant usage on schema router to postkamer_archiver;
grant select (xact, decided_at, partition, number, is_item, is_quarantined, record, records, events,
    destinations, send) on router.inbox to postkamer_archiver;
grant select on router.lease, router.gap to postkamer_archiver;
grant select (id, destination) on router.held to postkamer_archiver;
