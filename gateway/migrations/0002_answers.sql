-- Which answer of a conversation is the newest, of those that count: whoever says which one they saw
-- is refused when another was given meanwhile.
create sequence gateway.command_position as bigint;
alter table gateway.command
    add column tenant text not null default '',         -- a token's name may one day be another's
    add column conversation text not null default '',   -- in which it is an answer; '' for none
    add column department text not null default '',     -- that had the conversation at the time
    add column tried_at timestamptz,                     -- when its publish was last begun
    add column position bigint;                          -- order of acceptance; null of older ones
alter table gateway.command alter column position set default nextval('gateway.command_position');
alter sequence gateway.command_position owned by gateway.command.position;
create index command_conversation on gateway.command (conversation) where conversation <> '';
grant usage on sequence gateway.command_position to postkamer_gateway;
