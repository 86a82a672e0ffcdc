-- Who claimed a line: a process that never got its claim back (the database stood still while it
-- answered) finds the line again, and knows for certain that it was not sent.
alter table deliverer.ledger add column claimed_by uuid;
create index ledger_sending on deliverer.ledger (claimed_by) where state = 'sending';

-- Why a message waits, for its sender; not what is in it, nor for whom.
grant usage on schema deliverer to postkamer_gateway;
grant select (id, state, code, reason) on deliverer.ledger to postkamer_gateway;
