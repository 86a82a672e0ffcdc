-- An answer ends and refers to what was asked before it was accepted, whatever came in before it went: by
-- the places that these have in the conversation.
alter table deliverer.ledger
    add column place bigint;            -- at which the router accepted it; null of those from before
alter table deliverer.klantcontact
    add column place bigint not null default 0; -- of what it began with; 0 of those from before
-- A task that Open Klant refuses to show was not looked at; but others come first the next time.
alter table deliverer.internetaak
    add column asked_at timestamptz not null default now();
create index internetaak_asked on deliverer.internetaak (destination, asked_at)
    where not ended and not ending and internetaak is not null;
