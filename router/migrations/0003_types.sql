-- A reaction is no answer, and cannot be quoted or reacted to.
alter table router.outgoing
    add column type text not null default '';              -- of an accepted order; '' of older ones
-- The newest answer of a conversation, whoever ordered it under whatever name.
create index outgoing_conversation on router.outgoing (conversation);
grant select (department, type) on router.outgoing to postkamer_gateway;
