-- An answer that came after Meta's 24 hours waits until its citizen writes again: it is not claimed,
-- and holds back what came after it but for templates. What was known of the citizen then is kept
-- with it: whether they wrote, or said STOP, since.
alter table deliverer.ledger drop constraint ledger_state_check;
alter table deliverer.ledger
    add constraint ledger_state_check check (
        state in ('queued', 'sending', 'unknown', 'sent', 'failed', 'unconfirmed', 'held')),
    add column held_at timestamptz,
    add column heard_at timestamptz,    -- when they wrote to this number last, by their own clock
    add column wrote_at timestamptz,    -- when anything of theirs came in last
    add column asks boolean not null default false; -- a template that asks them to write
create index ledger_held on deliverer.ledger (person, number, position) where state = 'held';
create index ledger_asks on deliverer.ledger (person, number, position) where asks;
-- Those that wait for the morning, with what else does.
create index ledger_asks_due on deliverer.ledger (number, due_at) where state = 'queued' and asks;
