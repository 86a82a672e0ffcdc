-- Numbers whose municipality moves to another installation. From the row on this installation takes
-- nothing in for them and starts nothing by itself: services.stops. Written by the owner alone.
create table sharing.stopped_number (
    number text primary key,
    tenant text not null,
    stopped_at timestamptz not null default now(),
    by text not null                    -- who stopped it
);
grant select on sharing.stopped_number
    to postkamer_gateway, postkamer_router, postkamer_deliverer, postkamer_archiver;

-- Each gateway has a row too, and says which of these numbers it refuses.
alter table sharing.instance add column refuses text[] not null default '{}';
grant select, insert, update, delete on sharing.instance to postkamer_gateway;
