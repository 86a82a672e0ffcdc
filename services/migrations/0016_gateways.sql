-- A row for each gateway, which says which stopped numbers it refuses: services.stops. A table of its own, so that
-- a gateway cannot write what routers and deliverers say of themselves.
create table sharing.gateway (
    id uuid primary key,                -- one start of a gateway
    name text not null,                 -- such as web1/2211
    refuses text[] not null default '{}',
    seen_at timestamptz not null default now()
);
grant select, insert, update, delete on sharing.gateway to postkamer_gateway;
revoke all on sharing.instance from postkamer_gateway;
delete from sharing.instance where service = 'gateway';
alter table sharing.instance drop column refuses;

-- When every gateway that was alive had said that it refuses the number: nothing was let in after it.
alter table sharing.stopped_number add column refused_at timestamptz;
