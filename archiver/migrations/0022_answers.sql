-- The newest answer of a conversation is asked for at each look. Most messages are the citizen's, and
-- are not in this index.
create index searchable_answer on archiver.searchable (conversation, id)
    where direction = 'out' and type <> 'reaction';
