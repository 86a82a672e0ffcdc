-- How far each contact and each task in an Open Klant has come. A number is drawn before anything
-- is asked for: by it is found again what was stored and of which the answer was lost. No word of
-- what was said: that is read back from there.
create sequence deliverer.referentienummer
    minvalue 1 maxvalue 9999999999      -- ten digits are what it takes
    start with 4000000000;              -- apart from what others number from 1
create table deliverer.klantcontact (
    destination text not null,
    event uuid not null,                -- of the burst's first message
    conversation text not null,
    number bigint not null default nextval('deliverer.referentienummer'),
    klantcontact uuid,
    betrokkene uuid,
    addressed boolean not null default false,
    linked boolean not null default false,
    told uuid[] not null default '{}',  -- events of the messages that it has
    heard_at timestamptz not null,      -- when the citizen wrote last
    primary key (destination, event)
);
create index klantcontact_newest
    on deliverer.klantcontact (destination, conversation, heard_at desc);
create table deliverer.internetaak (
    destination text not null,
    event uuid not null,                -- by which it became work
    conversation text not null,
    contact uuid not null,              -- event of the contact that it hangs on
    number bigint not null default nextval('deliverer.referentienummer'),
    internetaak uuid,
    ended boolean not null default false,
    primary key (destination, event)
);
create index internetaak_open on deliverer.internetaak (destination, conversation)
    where not ended;
grant select, insert, update on deliverer.klantcontact, deliverer.internetaak
    to postkamer_deliverer;
grant usage on sequence deliverer.referentienummer to postkamer_deliverer;
