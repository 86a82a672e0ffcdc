-- Rows of the deliverer end at their term (docs/operators/terms.md).
create index delivery_ended on deliverer.delivery (at) where state in ('settled', 'dropped');
create index ledger_ended on deliverer.ledger ((greatest(created_at, claimed_at)))
    where state in ('sent', 'failed');
create index outcome_published on deliverer.outcome (published_at) where published_at is not null;

grant delete on deliverer.delivery, deliverer.ledger, deliverer.outcome, deliverer.internetaak,
    deliverer.klantcontact, deliverer.registration to postkamer_deliverer;
-- A file stays while a message with it waits.
grant select (media) on deliverer.ledger to postkamer_gateway;

-- No row goes before the lowest term that can be set, nor one that is needed: access.keep_row.
create trigger keep before delete on deliverer.delivery for each row
    when (old.state not in ('settled', 'dropped') or old.at > now() - interval '8 days')
    execute function access.keep_row();
create trigger keep before delete on deliverer.ledger for each row
    when (old.state not in ('sent', 'failed')
        or greatest(old.created_at, old.claimed_at) > now() - interval '8 days')
    execute function access.keep_row();
create trigger keep before delete on deliverer.outcome for each row
    when (coalesce(old.published_at, now()) > now() - interval '1 day')
    execute function access.keep_row();
create trigger keep before delete on deliverer.internetaak for each row
    when (not old.ended or coalesce(old.ended_at, now()) > now() - interval '366 days')
    execute function access.keep_row();
create trigger keep before delete on deliverer.klantcontact for each row
    when (old.heard_at > now() - interval '366 days')
    execute function access.keep_row();
create trigger keep before delete on deliverer.registration for each row
    when (old.found_at > now() - interval '366 days')
    execute function access.keep_row();
