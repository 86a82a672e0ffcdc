-- The owner of a destination sees how much of its conversations waits in quarantine, and why. The
-- gateway, which shows it, reads nothing else of the record.
alter table archiver.quarantine
    add column conversation text not null default '';   -- '' for a message that cannot be read
grant usage on schema archiver to postkamer_gateway;
grant select (at, reason, conversation) on archiver.quarantine to postkamer_gateway;
