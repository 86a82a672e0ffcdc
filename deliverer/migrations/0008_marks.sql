-- What citizens are to be shown as read. No lines of the ledger: no answer waits for one of these. One
-- for each citizen of a number, as a newer one says what an older one would have said.
create table deliverer.mark (
    number text not null,
    person uuid not null,
    id uuid not null,                   -- of this one: what comes of it must not touch the next
    wamid text not null,                -- of the citizen's last message
    heard_at timestamptz not null,      -- when they wrote that
    typing boolean not null,
    created_at timestamptz not null,
    due_at timestamptz not null,        -- not before; somebody is at it, or it waits
    attempt int not null default 0,
    primary key (number, person)
);
create index mark_due on deliverer.mark (number, due_at);

grant select, update, delete on deliverer.mark to postkamer_deliverer;
-- The router asks for one in the transaction that decides it.
grant select, insert, update on deliverer.mark to postkamer_router;
