-- What a person accepted as lost names the operation that did it, which is on the record with a hash of
-- these rows: one that was put here by hand is given back. So is one of before, which names none.
alter table balance.accepted add column operation uuid;
alter table balance.lost_entry add column operation uuid;
