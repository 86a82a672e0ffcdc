-- What the instances of a service agree on: which of them live and what each reads, and the number of
-- partitions.
create schema sharing;

-- A row for each process that shares queues with others of its service: services.amqp.shared_queues.
create table sharing.instance (
    id uuid primary key,                -- one start of a router or a deliverer
    service text not null,
    name text not null,                 -- such as web1/2211
    reads text[] not null,              -- queues of which the broker knows it as a reader
    holds text[] not null,              -- those of them whose messages it gets
    seen_at timestamptz not null default now()
);

-- The number of partitions that all services go by: services.amqp.partition_count.
create table sharing.partitions (
    only_one boolean primary key default true check (only_one),
    count int not null check (count > 0),
    since timestamptz not null default now()
);

grant usage on schema sharing
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
grant select, insert, update, delete on sharing.instance to postkamer_router, postkamer_deliverer;
grant select, insert on sharing.partitions
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;
