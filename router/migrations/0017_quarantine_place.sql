-- The owner of a destination sees how much of its conversations waits in quarantine, and why; whoever
-- reaches a whole municipality, what came in at its numbers. Neither column is of a person.
alter table router.quarantine
    add column number text not null default '',         -- our own id; '' for none that may be one
    add column conversation text not null default '';   -- '' if it was of none yet
grant select (at, reason, number, conversation, again_at, dropped_at) on router.quarantine
    to postkamer_gateway;
