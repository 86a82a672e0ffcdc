-- What goes to somebody who did not write first goes by consent, and by day. `purpose` is that
-- consent's; '' is of everything else. What waits for the morning is put to rest by number.
alter table deliverer.ledger add column purpose text not null default '';
create index ledger_unasked on deliverer.ledger (number, due_at)
    where state = 'queued' and purpose <> '';
