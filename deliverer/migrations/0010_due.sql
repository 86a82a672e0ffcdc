-- What may be sent is looked for by when it is due, several times a second: what waits for the morning,
-- or for Meta, however much, is not looked at. The index ledger_queued is for older versions.
create index ledger_due on deliverer.ledger (number, due_at, position) where state = 'queued';
