-- The gateway shows the owner of a destination why nothing arrives there: a person paused it, or it
-- fails. Both reasons are ours, and no text of an answer.
grant select (destination, since, reason) on deliverer.pause to postkamer_gateway;
grant select (destination, since, ended_at, refuses, reason) on deliverer.destination_failure
    to postkamer_gateway;
