-- What is found again by its words: of each message and note who had it, and its words as keyed
-- hashes of their stems. Nothing here can be read without the municipality's key; whoever destroys
-- a conversation takes away its rows.
create table archiver.searchable (
    id uuid primary key,                -- of the entry
    position bigint not null,           -- in the log
    at timestamptz not null,
    tenant text not null,
    department text not null,
    conversation text not null,
    kind text not null,                 -- message or note
    type text not null,                 -- Meta's; note for a note
    direction text not null,            -- in, out, echo; '' for a note
    words bigint[] not null
) partition by range (id);
-- What is new waits in a list that each question reads whole, until it has this size (kB). Measured:
-- without it the index costs three times as much; with 4 MB as much, and a batch at times a second.
create index searchable_words on archiver.searchable using gin (words)
    with (gin_pending_list_limit = 1024);
create index searchable_conversation on archiver.searchable (conversation)
    where conversation <> '';
create table archiver.searchable_elsewhere partition of archiver.searchable default;

select archiver.make_months_of('searchable', (now() at time zone 'UTC')::date, 2);

grant select, insert on archiver.searchable to postkamer_archiver;
