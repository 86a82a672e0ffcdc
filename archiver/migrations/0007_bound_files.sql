-- Operations are few among the entries, and are read at each start: the archiver holds the tokens of
-- the APIs against them.
create index entry_operation on archiver.entry (position) where kind = 'operation';

-- Keyed hash of what this archive knows of a file, under the key of its conversation: state, names,
-- salt and verdict cannot be changed by hand before the result is on the record. Null for a file of
-- before.
alter table archiver.media add column mac bytea check (length(mac) = 32);
