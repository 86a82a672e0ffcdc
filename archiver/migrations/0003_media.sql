-- Files that came with messages: to be fetched, to be scanned, and what became of them. A row is
-- made with the record of its message, in one transaction; the bytes are in the object store.
create table archiver.media (
    id uuid primary key,                -- of the message, which has one file at most
    tenant text not null,
    number text not null,               -- our own id of the number that it came to
    conversation text not null,
    department text not null,           -- that has the message
    announced jsonb not null,           -- id, mimeType, sha256, filename, as the webhook had them
    sent_at timestamptz not null,       -- Meta keeps it for 7 days from then
    state text not null default 'waiting'
        check (state in ('waiting', 'fetched', 'available', 'quarantined', 'lost')),
    attempts int not null default 0,    -- at what it waits for now
    due_at timestamptz not null default now(),
    object uuid,                        -- its name in the store: another for each attempt to get it
    mime_type text not null default '',
    size bigint not null default 0,     -- bytes
    sha256 text not null default '',    -- in hex, of what was fetched
    agrees boolean,                     -- whether that is what the webhook said
    scanned boolean not null default false,
    released_by text not null default '', -- who let it through, whatever was found
    reason text not null default '',
    ended_at timestamptz,
    told boolean not null default true  -- whether the partition of the number knows of the end
);
create unique index media_object on archiver.media (object);
create index media_to_fetch on archiver.media (due_at) where state = 'waiting';
create index media_to_look_at on archiver.media (due_at) where state = 'fetched';
create index media_untold on archiver.media (ended_at) where not told;
create index media_unscanned on archiver.media (due_at)
    where state = 'available' and not scanned and released_by = '';
grant select, insert, update on archiver.media to postkamer_archiver;
