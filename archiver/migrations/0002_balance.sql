-- The balance: everything that was decided is somewhere. A round takes the decisions of finished
-- transactions, follows each until its end, and keeps the sums. Nothing here has personal data.

create schema balance;

-- End of what was taken so far.
create table balance.progress (
    only_one boolean primary key default true check (only_one),
    decided bigint,                     -- transactions of the router before this one are taken
    recorded bigint not null,           -- entries of the record before this position are taken
    begun_at timestamptz not null default now(),
    round_at timestamptz,               -- end of the last round that was not behind
    -- Transactions are numbered by the cluster: a dump that is restored elsewhere begins anew.
    cluster bigint not null
);
insert into balance.progress (recorded, cluster)
select size, system_identifier from archiver.head, pg_control_system();

-- Sums of what has ended, and of what began.
create table balance.total (
    equation text not null,             -- item, record, delivery, send
    subject text not null,              -- our id of a number, or a destination; '' for none
    part text not null,
    count bigint not null,
    primary key (equation, subject, part)
);

-- Everything that began and has not ended.
create table balance.open (
    equation text not null,
    id uuid not null,                   -- of the record, the event, or the message
    subject text not null,
    partition int,
    xact bigint,                        -- transaction that decided it
    part text not null,                 -- where it is now; 'missing' if it is nowhere
    began_at timestamptz not null default now(),
    published_at timestamptz,           -- by then its partition had published it
    looked_at timestamptz not null default now(),
    primary key (equation, id, subject)
);
create index open_looked on balance.open (looked_at);
create index open_missing on balance.open (began_at) where part = 'missing';

-- Each consumer of a queue: when it was last certain that everything published before was done.
create table balance.consumer (
    queue text not null,
    instance uuid not null,
    drained_at timestamptz,
    seen_at timestamptz not null default now(),
    primary key (queue, instance)
);

-- Records that could not be written are kept in quarantine, which is somewhere too.
alter table archiver.quarantine add column record uuid;
create index quarantine_record on archiver.quarantine (record) where record is not null;

grant usage on schema balance to postkamer_archiver, postkamer_deliverer;
grant select, insert, update, delete on all tables in schema balance to postkamer_archiver;
grant select, insert, update, delete on balance.consumer to postkamer_deliverer;
