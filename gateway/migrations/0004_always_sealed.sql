-- Every file is sealed, and is read so: nothing asks this column any more. It could be set to false
-- by hand, and then an open file in the place of a sealed one went to a citizen. A version before
-- this one still reads it, so that it is dropped later.
alter table gateway.media alter column is_sealed set default true;
