-- Process that makes the deliveries of a destination that wait in tables. Before, each replay had a
-- lease of its own (claimed_by, claimed_until of deliverer.delivery, which nothing sets any more), and
-- a sidelined delivery had none: two processes could have the rows of one conversation.
create table deliverer.table_lease (
    destination text primary key,
    process uuid not null,
    since timestamptz not null,         -- the process has it without a break since then
    ends_at timestamptz not null        -- from then on another process may take it
);
grant select, insert, update, delete on deliverer.table_lease to postkamer_deliverer;
