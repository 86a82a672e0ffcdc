-- How many messages nobody knows of is counted every few seconds.
create index ledger_unconfirmed on deliverer.ledger (claimed_at) where state = 'unconfirmed';
