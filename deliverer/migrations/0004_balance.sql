-- The archiver compares what was decided with what was delivered and sent (archiver.balance).
grant select (destination, event, state) on deliverer.delivery to postkamer_archiver;
grant select (number) on deliverer.ledger to postkamer_archiver;
