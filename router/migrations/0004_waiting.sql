-- Events that a destination's queue did not take, because it was full or gone: in order, until it
-- takes them. Only the router that holds the partition appends, and rows leave only at the front.
create table router.waiting (
    partition int not null,
    destination text not null,
    n bigint not null,                  -- place in this line
    event uuid not null,
    delivery bytea not null,            -- MessagePack of contract.Delivery
    size int not null,                  -- bytes of the delivery
    total bigint not null,              -- bytes of the line up to and with this row
    at timestamptz not null default now(),
    primary key (partition, destination, n),
    unique (destination, event)
);

grant select, insert, delete on router.waiting to postkamer_router;

-- The state of every line is shown without its contents.
grant usage on schema router to postkamer_archiver;
grant select (partition, destination, n, event, size, total, at) on router.waiting
    to postkamer_archiver, postkamer_deliverer;
