-- Rows of the deliverer end at their term (docs/operators/terms.md).
create index delivery_ended on deliverer.delivery (at) where state in ('settled', 'dropped');
create index ledger_ended on deliverer.ledger ((greatest(created_at, claimed_at)))
    where state in ('sent', 'failed');
create index outcome_published on deliverer.outcome (published_at) where published_at is not null;

grant delete on deliverer.delivery, deliverer.ledger, deliverer.outcome, deliverer.internetaak,
    deliverer.klantcontact, deliverer.registration to postkamer_deliverer;
-- A file stays while a message with it waits.
grant select (media) on deliverer.ledger to postkamer_gateway;
