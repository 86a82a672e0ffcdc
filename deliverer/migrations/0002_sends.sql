-- Messages that a number sent lately, by all processes together: a ring of 64 ticks of 20 ms,
-- because Meta limits the messages in any second. It was a debt, to which a burst came on top.
drop table deliverer.pace;
create table deliverer.pace (
    number text not null,
    place smallint not null,            -- tick modulo 64
    tick bigint not null,               -- fiftieths of a second since 1970
    messages int not null,
    primary key (number, place)
);
grant select, insert, update on deliverer.pace to postkamer_deliverer;

-- A person may have a message sent again of which it was not known if it was sent.
grant update (due_at, first_at, code, reason) on deliverer.ledger to postkamer_router;

-- The archiver finds the messages of which it is not known if they were sent.
grant usage on schema deliverer to postkamer_archiver;
grant select (id, state) on deliverer.ledger to postkamer_archiver;
