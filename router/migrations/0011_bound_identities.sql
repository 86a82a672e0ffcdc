-- A keyed hash over the row: its value is looked up, so that nothing can be bound to it
-- (router.store.bindings). Null in a row of before, which opens no more.
alter table router.identity add column seal bytea;
