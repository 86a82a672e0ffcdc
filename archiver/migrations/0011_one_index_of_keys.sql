-- A conversation's key is looked up by its primary key alone. PostgreSQL could not tell this index
-- from that one while its statistics knew no row, and read all keys of the municipality for each.
-- Rotation walks the primary key.
drop index archiver.conversation_key_version;
