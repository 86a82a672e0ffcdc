-- What was given up is not tried again: what was said is in the archive, and no longer here.
update deliverer.delivery set body = null where state = 'dropped' and body is not null;
-- Whether another process has some of a destination's in hand is looked at each second, however
-- many wait to be tried again.
create index delivery_claimed on deliverer.delivery (destination, claimed_until)
    where state = 'replay' and claimed_until is not null;
