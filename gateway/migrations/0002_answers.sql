-- The last answer in each conversation: whoever says which one they saw is refused when another was
-- given meanwhile.
create table gateway.answer (
    conversation text primary key,
    message uuid not null,
    at timestamptz not null
);
-- A message, or a change of a conversation: only a message can be asked after.
alter table gateway.command add column kind text not null default 'message';

grant select, insert, update on gateway.answer to postkamer_gateway;
