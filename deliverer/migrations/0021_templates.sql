-- Templates of our numbers, as Meta lists them. Their texts are the municipality's own, with places
-- for what a message fills in: no personal data.
create table deliverer.template (
    number text not null,
    name text not null,
    language text not null,
    status text not null,               -- Meta's word
    category text not null,
    quality text not null,              -- '' if Meta did not tell it
    parameters text not null,           -- NAMED, POSITIONAL, or '' if Meta did not tell it
    parts jsonb not null,               -- services/whatsapp/templates.py
    primary key (number, name, language)
);

-- Next look at the list of a number; the first process to come claims it.
create table deliverer.template_look (
    number text primary key,
    account text not null,              -- provider, and its id of the number
    waba text not null,                 -- '' until it is known
    next_at timestamptz not null,
    begun_at timestamptz not null,      -- start of the last look
    claimed_until timestamptz,          -- until then no other process looks
    asked_at timestamptz,               -- last look that brought the list
    complete boolean not null           -- false: Meta has more than are here
);

grant select, insert, update, delete on deliverer.template, deliverer.template_look
    to postkamer_deliverer;
-- The gateway shows them to CRMs.
grant select on deliverer.template to postkamer_gateway;
grant select (number, asked_at, complete) on deliverer.template_look to postkamer_gateway;
