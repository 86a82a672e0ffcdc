-- What is sent goes by number, at its pace; and how much a citizen was sent lately.
create index ledger_queued on deliverer.ledger (number, position) where state = 'queued';
create index ledger_pair on deliverer.ledger (person, number, claimed_at)
    where claimed_at is not null;

-- What was parked may be tried again or given up, and a person may hold a destination still.
alter table deliverer.delivery drop constraint delivery_state_check;
alter table deliverer.delivery
    add constraint delivery_state_check
        check (state in ('settled', 'parked', 'replay', 'dropped')),
    add column replays int not null default 0,  -- times that it was set to be tried again
    add column due_at timestamptz,              -- of one that is: not before
    add column claimed_by uuid,                 -- the process that has it in hand, and until when
    add column claimed_until timestamptz,       -- nobody else takes it
    add column told boolean not null default true; -- the archive
create index delivery_replay on deliverer.delivery (destination, due_at) where state = 'replay';
create index delivery_untold on deliverer.delivery (at) where not told;

create table deliverer.pause (
    destination text primary key,
    since timestamptz not null default now(),
    reason text not null
);
grant select on deliverer.pause to postkamer_deliverer;
