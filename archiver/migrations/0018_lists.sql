-- The steps of destruction lists are few among the entries, and in no conversation.
create index entry_list on archiver.entry (position) where kind = 'destruction-list';
