-- What somebody set to done in an Open Klant, without us, closes the conversation here.
alter table deliverer.internetaak
    add column department text not null default '', -- whose work it is
    add column covers bigint not null default 0,    -- place in the conversation of the last that it is about
    add column ending boolean not null default false,   -- we say there that it is done, or did
    add column looked_at timestamptz not null default now(),
    add column handled_at timestamptz;              -- when we found that somebody else had done it
create index internetaak_looked on deliverer.internetaak (destination, looked_at)
    where not ended and not ending and internetaak is not null;
create index internetaak_conversation on deliverer.internetaak (destination, conversation);
-- What the router is to be told of it; gone when it was.
create table deliverer.closing (
    id uuid primary key,
    destination text not null,
    conversation text not null,
    department text not null,
    seen bigint not null,               -- the last of the conversation that was known there
    found_at timestamptz not null default now()
);
-- Whichever process comes first takes a round.
create table deliverer.look (
    destination text primary key,
    next_at timestamptz not null
);
grant select, insert, delete on deliverer.closing to postkamer_deliverer;
grant select, insert, update on deliverer.look to postkamer_deliverer;
