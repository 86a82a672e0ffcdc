-- What stands aside waits here and holds no envelope: with a few of these in hand, one citizen's
-- messages could keep everybody else's from being taken.
alter table deliverer.delivery drop constraint delivery_state_check;
alter table deliverer.delivery
    add constraint delivery_state_check
        check (state in ('settled', 'parked', 'replay', 'dropped', 'aside')),
    add column place bigint not null default 0, -- in its conversation
    add column failed int not null default 0;   -- times, while others passed
create index delivery_aside on deliverer.delivery (destination, conversation, place, event)
    where state = 'aside';
