-- The last answer in each conversation: whoever says which one they saw is refused when another was
-- given meanwhile.
create table gateway.answer (
    conversation text primary key,
    message uuid not null,
    at timestamptz not null
);
-- A token's name may one day be another municipality's.
alter table gateway.command add column tenant text not null default '';

grant select, insert, update on gateway.answer to postkamer_gateway;
