-- A keyed hash of each row of the processing log: two of its columns are not in the entry that the
-- row was made with, and an entry that was destroyed says nothing more.
alter table archiver.processing add column proof bytea not null default '';
