-- Conversations that people steer, people whom a number's move leaves the same, and what Meta's
-- notices change.
alter table router.conversation
    add column departments text[] not null default '{}',  -- in order, with the present one
    add column zaak text not null default '';              -- '' while it is tied to none
update router.conversation set departments = array[department];

alter table router.identity
    add column scope text not null default '';             -- portfolio in which a BSUID was seen

-- What a citizen wrote, so that it can be quoted and reacted to; it goes when its row goes. A wamid
-- holds a phone number.
alter table router.inbox
    add column message uuid,
    add column wamid text not null default '';
create index inbox_message on router.inbox (message) where message is not null;

create table router.template (
    waba text not null,
    name text not null,
    language text not null,
    status text not null,                                  -- Meta's word; '' while it told none
    category text not null,
    reason text not null,
    changed_at timestamptz not null,                       -- of the status, by Meta's clock
    primary key (waba, name, language)
);

create table router.opt_out (
    tenant text not null,
    person uuid not null,
    category text not null,                                -- Meta's: marketing_messages
    value text not null,                                   -- stop or resume
    at timestamptz not null,
    primary key (tenant, person, category)
);

create table router.sighting (
    kind text not null,                                    -- field, type or event
    name text not null,
    first_at timestamptz not null,
    primary key (kind, name)
);

grant select, insert, update on router.template, router.opt_out to postkamer_router;
grant select, insert on router.sighting to postkamer_router;
-- The door looks whose a conversation is before it takes an order for it.
grant select (id, tenant, number, department, departments, closed_at) on router.conversation
    to postkamer_gateway;
