-- What waits because its number was stopped, not for anything of its own: tried again at each start,
-- when what was wrong may have been mended.
alter table deliverer.ledger add column stopped boolean not null default false;
create index ledger_stopped on deliverer.ledger (number, position)
    where state = 'queued' and stopped;
alter table deliverer.upload
    add column stopped boolean not null default false,
    add column claimed_by uuid;         -- whoever is at it, as in the ledger
