create table if not exists event (
    id text primary key, subject text not null, sequence integer not null, late integer not null,
    body blob not null, arrived text not null default current_timestamp);
create index if not exists event_subject on event (subject, sequence);
