-- The second look of the balance: what has ended must still be there. Each round looks again at some
-- of the past, pass after pass, so a row that is deleted by hand is named however old it is.

create table balance.past (
    only_one boolean primary key default true check (only_one),
    -- Where each pass begins: later than 0 only after a restore into another cluster.
    first_xact bigint not null default 0,
    first_position bigint not null default 0,
    -- What this pass has looked at, and where it ends.
    xact bigint not null default 0,         -- decisions of transactions before this one
    position bigint not null default 0,     -- entries of the record before this position
    end_xact bigint not null default 0,
    end_position bigint not null default 0,
    began_at timestamptz not null default now(),
    whole_at timestamptz                    -- the last pass that reached its end had begun then
);
insert into balance.past default values;

-- True for what had ended before it was missing: the sums have it as ended.
alter table balance.open add column is_gone boolean not null default false;

-- What a person looked into and accepted as lost: no later look names it again.
create table balance.accepted (
    equation text not null,
    id uuid not null,
    subject text not null,
    at timestamptz not null default now(),
    primary key (equation, id, subject)
);

-- Positions of the record at which there is no entry any more.
create table balance.lost_entry (
    position bigint primary key,
    since timestamptz not null default now(),
    accepted_at timestamptz             -- a person looked into it: it alarms no more
);

-- How many batches each source has published to each partition, as it tells.
create table balance.published (
    source uuid not null,               -- one start of a process, as in router.source
    partition int not null,
    next bigint not null,
    at timestamptz not null default now(),  -- when it told of the last of them
    lost_from bigint,                   -- first one that did not come, although the queue was drained
    lost_at timestamptz,
    primary key (source, partition)
);

-- Every batch that is known to be lost.
create view balance.lost_batch as
select partition, source, number, since from router.gap where accepted_at is null
union all
select p.partition, p.source, n, p.lost_at
from balance.published p cross join lateral generate_series(p.lost_from, p.next - 1) n
where p.lost_at is not null;

grant usage on schema balance to postkamer_gateway, postkamer_router;
grant select, insert, update on balance.published
    to postkamer_gateway, postkamer_router, postkamer_deliverer;
grant select, insert, update, delete on balance.published to postkamer_archiver;
grant select on balance.lost_batch, router.source to postkamer_archiver;
grant select, insert, update, delete on balance.consumer to postkamer_router;
grant select, insert, update, delete on balance.past, balance.accepted, balance.lost_entry
    to postkamer_archiver;
