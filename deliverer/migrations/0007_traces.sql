-- Trace that a message belongs to (W3C traceparent), so that its send shows there; '' without tracing.
alter table deliverer.ledger add column traceparent text not null default '';
