-- Which answer is the newest, of those that count: each order says in which conversation it is one.
create sequence gateway.command_position as bigint;
alter table gateway.command
    add column conversation text not null default '',   -- in which it is an answer; '' for none
    add column department text not null default '',     -- that had the conversation at the time
    add column tried_at timestamptz,                     -- when its publish was last begun
    add column position bigint;                          -- order of acceptance; null of older ones
alter table gateway.command alter column position set default nextval('gateway.command_position');
alter sequence gateway.command_position owned by gateway.command.position;
-- gateway.answer held the last one alone, and is written no more; it goes in a later version.
update gateway.command c set conversation = a.conversation
from gateway.answer a where a.message = c.id;
create index command_conversation on gateway.command (conversation) where conversation <> '';
grant usage on sequence gateway.command_position to postkamer_gateway;
