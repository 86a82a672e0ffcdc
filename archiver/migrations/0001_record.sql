-- The record is a log: each entry is sealed under a key of its own and has its place in a Merkle
-- tree. The role of the archiver can add and read.

-- Keys of municipalities, under the master key; each version is replaced by the next (rotation).
-- purpose: content, above the keys of conversations; hash, for the blind index of words and people.
create table archiver.municipality_key (
    tenant text not null,               -- '' for entries of no municipality, such as receipts
    purpose text not null check (purpose in ('content', 'hash')),
    version int not null,
    master text not null,               -- master key that it is wrapped under
    wrapped bytea not null,
    made_at timestamptz not null default now(),
    primary key (tenant, purpose, version)
);

-- Keys of conversations, each under its municipality's. Deleting one erases everything sealed under
-- it, in every copy of the tables below.
create table archiver.conversation_key (
    tenant text not null,
    conversation text not null,         -- '' for entries of no conversation
    purpose text not null default 'content' check (purpose = 'content'),
    version int not null,               -- version of the municipality's key that it is wrapped under
    wrapped bytea not null,
    primary key (tenant, conversation),
    foreign key (tenant, purpose, version) references archiver.municipality_key
);
create index conversation_key_version on archiver.conversation_key (tenant, version);

-- Ids are time-ordered (UUIDv7), so a partition by id is a partition by month and the unique key
-- still holds for the whole table. The default partitions take ids from before the first month or
-- after the last one made: nothing is refused.
create table archiver.entry (
    id uuid primary key,
    position bigint not null,           -- in the log, from 0, without a gap
    kind text not null,
    at timestamptz not null,
    tenant text not null,
    conversation text not null,
    department text not null,           -- its department; rights are per part of a conversation
    message uuid,
    receipt uuid,
    item int,                           -- its place in the body of its receipt
    sequence bigint not null,
    salt bytea,                         -- with the conversation's key it makes the entry's own key
    sealed bytea not null,              -- data, original and contact
    leaf bytea not null,                -- RFC 6962 leaf: all columns above but the salt
    written_at timestamptz not null default now()
) partition by range (id);
create index entry_position on archiver.entry (position);
create index entry_conversation on archiver.entry (conversation, sequence)
    where conversation <> '';
create index entry_message on archiver.entry (message) where message is not null;
create index entry_receipt on archiver.entry (receipt) where receipt is not null;
-- A look at the record is an entry of kind 'view', and only views are listed by time.
create index entry_view on archiver.entry (at) where kind = 'view';
-- A period is searched by time and not by id: a delivery's id has the time of its event, which may
-- have waited for days. BRIN: one line for each 128 pages, which are written in the order of time.
create index entry_at on archiver.entry using brin (at) with (autosummarize = on);
-- Steps of a request belong to a conversation or to none; a municipality has some hundreds a year.
create index entry_request on archiver.entry (tenant, id) where kind = 'request';
create table archiver.entry_elsewhere partition of archiver.entry default;

-- End of the log. A writer holds this row.
create table archiver.head (
    only_one boolean primary key default true check (only_one),
    size bigint not null,               -- entries, so also the next position
    peaks bytea not null,               -- right edge of the tree: 32 bytes each, largest subtree first
    -- A writer notes this number before it looks at a key. If it changed before the write, the batch
    -- is sealed anew: else an entry would end under a key that is gone, or be found by words that
    -- were erased.
    destructions bigint not null default 0
);
insert into archiver.head (size, peaks) values (0, '');

-- Hashes of whole subtrees of 256 entries, of 256 of these, and so on: proofs are made from them.
create table archiver.node (
    level int not null,                 -- 8, 16, 24 ...
    index bigint not null,
    hash bytea not null,
    primary key (level, index)
);

create table archiver.checkpoint (
    size bigint primary key,
    at timestamptz not null,
    note text not null                  -- signed; see docs/municipality/archive.md
);

-- Blind index of people: keyed hashes of telephone numbers and of Meta's ids of people.
create table archiver.subject (
    tenant text not null,
    hash bytea not null,
    conversation text not null,         -- '' when the entry has none: then it is about the entry
    entry uuid not null,                -- first entry that said so
    primary key (tenant, hash, conversation, entry)
);
create index subject_conversation on archiver.subject (conversation) where conversation <> '';

-- Blind index of words: keyed hashes of the stems in each message and note. Nothing here can be read
-- without the municipality's key; an erasure deletes the rows of its conversation.
create table archiver.searchable (
    id uuid primary key,                -- id of the entry
    position bigint not null,           -- in the log
    at timestamptz not null,
    tenant text not null,
    department text not null,
    conversation text not null,
    kind text not null,                 -- message or note
    type text not null,                 -- Meta's type; note for a note
    direction text not null,            -- in, out, echo; '' for a note
    words bigint[] not null
) partition by range (id);
-- New rows wait in a list that each search reads whole, until it has this size (kB). Measured:
-- without it the index costs three times as much; with 4 MB as much, and a batch at times a second.
create index searchable_words on archiver.searchable using gin (words)
    with (gin_pending_list_limit = 1024);
create index searchable_conversation on archiver.searchable (conversation)
    where conversation <> '';
create table archiver.searchable_elsewhere partition of archiver.searchable default;

-- Processing log (Logboek Dataverwerkingen 1.0): a row in the transaction of each action, for each
-- citizen that it is about. It is read a month at a time, so a BRIN of some KB is enough.
create table archiver.processing (
    trace_id bytea not null check (length(trace_id) = 16),
    span_id bytea not null check (length(span_id) = 8),
    parent_span_id bytea,               -- span of the caller
    name text not null,                 -- for people
    status text not null check (status in ('Unset', 'Ok', 'Error')),
    start_time timestamptz not null,
    end_time timestamptz not null,
    resource text not null,             -- program and version
    tenant text not null,
    activity text not null,             -- dpl.core.processing_activity_id
    subject bytea not null,             -- dpl.core.data_subject_id: a keyed hash
    subject_type text not null,
    foreign_processor text              -- the caller's system, if it named its own trace
) partition by range (start_time);
create index processing_start on archiver.processing using brin (start_time)
    with (autosummarize = on);
create table archiver.processing_elsewhere partition of archiver.processing default;

-- Files that came with messages. A row is made with the entry of its message, in one transaction;
-- the bytes are in the object store, sealed, under sealed/ and the SHA-256 of the ciphertext. While
-- a file comes it is under media/ and `object`; the row has both names before the store does.
create table archiver.media (
    id uuid primary key,                -- id of the message, which has one file at most
    tenant text not null,
    number text not null,               -- our own id of the number that it came to
    conversation text not null,
    department text not null,           -- department of the message
    announced jsonb not null,           -- mimeType, as the webhook had it
    salt bytea,                         -- makes the key of `sealed`; null: erased
    sealed bytea not null,              -- id, mimeType, sha256 and filename, as announced
    sent_at timestamptz not null,       -- Meta keeps it for 7 days from then
    state text not null default 'waiting'
        check (state in ('waiting', 'fetched', 'available', 'quarantined', 'lost')),
    attempts int not null default 0,    -- at the present step
    due_at timestamptz not null default now(),
    object uuid,                        -- name of the last attempt to fetch it: each has its own
    file_salt bytea,                    -- makes the key of the content; each attempt has its own
    ciphertext_sha256 text not null default '',
    mime_type text not null default '',
    size bigint not null default 0,     -- bytes
    -- Hash of the content, sealed: in the open it would tell the holder of an older copy of this
    -- table and of the file that the file was sent.
    digest bytea,
    agrees boolean,                     -- the content has the hash that the webhook announced
    scanned boolean not null default false,
    released_by text not null default '', -- person who let it through, whatever was found
    reason text not null default '',
    ended_at timestamptz,
    told boolean not null default true  -- the partition of the number knows of the end
);
create unique index media_object on archiver.media (object);
create unique index media_ciphertext on archiver.media (ciphertext_sha256)
    where ciphertext_sha256 <> '';
create index media_to_fetch on archiver.media (due_at) where state = 'waiting';
create index media_to_look_at on archiver.media (due_at) where state = 'fetched';
create index media_untold on archiver.media (ended_at) where not told;
create index media_unscanned on archiver.media (due_at)
    where state = 'available' and not scanned and released_by = '';

-- Messages that could not become a record: stored whole and sealed, so that nothing acknowledged is
-- lost.
create table archiver.quarantine (
    id uuid primary key,                -- keyed hash of the content: a repeat is stored once
    reason text not null,
    salt bytea not null,
    sealed bytea not null,
    at timestamptz not null default now()
);

-- Requests of citizens about their data, with their dates. It holds no number and no name: keyed
-- hashes as in archiver.subject, and conversations. The steps are in the record (kind request).
create sequence archiver.request_number;
create table archiver.request (
    id text primary key,                -- AVG-2026-0001; the citizen gets it
    tenant text not null,
    kind text not null
        check (kind in ('access', 'rectification', 'erasure', 'restriction', 'objection')),
    received_on date not null,
    due_on date not null check (due_on > received_on),
    extension text not null default '', -- legal ground for taking longer
    decision text check (decision in ('granted', 'partly', 'refused')),
    ground text not null default '',
    decided_at timestamptz,
    hashes bytea[] not null,            -- keyed hashes of all names of the person
    conversations text[] not null,      -- with them, the oldest first, when it was opened
    opened_at timestamptz not null default now(),
    check ((decision is null) = (decided_at is null)),
    check (decision is null or decision = 'granted' or ground <> '')
);
create index request_open on archiver.request (tenant, due_on) where decision is null;

-- Functions that do for the archiver what its role may not: each runs as the owner.

-- The lowest UUIDv7 of an instant: its milliseconds, then zeros.
create function archiver.first_id(at timestamptz) returns uuid
    language sql immutable strict
    as $$ select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0')
                  || repeat('0', 20))::uuid $$;

-- Makes the monthly partitions of a table by id, from `from_month` on. A month with rows in the
-- default partition is left there; the lock keeps rows out of it between the check and the making.
create function archiver.make_months_of(parent text, from_month date, months int) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    month date;
    first uuid;
    after uuid;
    there boolean;
begin
    if not exists (
        select from pg_partitioned_table p join pg_class c on c.oid = p.partrelid
        where c.relnamespace = 'archiver'::regnamespace and c.relname = parent
    ) then
        raise exception 'there are no months of %', parent;
    end if;
    for n in 0 .. least(months, 120) - 1 loop
        month := date_trunc('month', from_month) + make_interval(months => n);
        continue when to_regclass(format('archiver.%s_%s', parent, to_char(month, 'YYYY_MM')))
            is not null;
        first := archiver.first_id(month at time zone 'UTC');
        after := archiver.first_id((month + interval '1 month') at time zone 'UTC');
        execute format('lock table archiver.%I in share row exclusive mode', parent || '_elsewhere');
        execute format('select exists (select from archiver.%I where id >= $1 and id < $2)',
            parent || '_elsewhere') into there using first, after;
        if not there then
            execute format(
                'create table if not exists archiver.%I partition of archiver.%I for values from (%L) to (%L)',
                parent || '_' || to_char(month, 'YYYY_MM'), parent, first, after
            );
        end if;
    end loop;
end
$$;

-- The same for the processing log, which is partitioned by time.
create function archiver.make_processing_months(from_month date, months int) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    first timestamptz;
    after timestamptz;
    name text;
    there boolean;
begin
    for n in 0 .. least(months, 120) - 1 loop
        first := (date_trunc('month', from_month) + make_interval(months => n)) at time zone 'UTC';
        after := (date_trunc('month', from_month) + make_interval(months => n + 1)) at time zone 'UTC';
        name := 'processing_' || to_char(first at time zone 'UTC', 'YYYY_MM');
        continue when to_regclass('archiver.' || name) is not null;
        lock table archiver.processing_elsewhere in share row exclusive mode;
        select exists (select from archiver.processing_elsewhere
            where start_time >= first and start_time < after) into there;
        if not there then
            execute format('create table if not exists archiver.%I partition of archiver.processing '
                'for values from (%L) to (%L)', name, first, after);
        end if;
    end loop;
end
$$;

-- Drops the months of the processing log before `before`. It never drops a month younger than a
-- year: the holder of the archiver's password cannot remove the tracks of their own actions.
create function archiver.forget_processing(before date) returns int
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    last date := date_trunc('month', least(before,
        (now() at time zone 'UTC')::date - interval '1 year'))::date;
    part text;
    gone int := 0;
begin
    for part in
        select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'archiver.processing'::regclass
            and c.relname ~ '^processing_[0-9]{4}_[0-9]{2}$'
            and to_date(right(c.relname, 7), 'YYYY_MM') < last
    loop
        execute format('drop table archiver.%I', part);
        gone := gone + 1;
    end loop;
    delete from archiver.processing_elsewhere where start_time < last at time zone 'UTC';
    return gone;
end
$$;

-- Deletes operations that are in the log: a command is readable in the open only until then.
create function archiver.operations_moved(ids uuid[]) returns void
    language sql security definer set search_path = pg_catalog
    as $$ delete from access.operation o using archiver.entry e
        where o.id = any(ids) and e.id = o.id and e.kind = 'operation' $$;

revoke all on function
    archiver.make_months_of(text, date, int),
    archiver.make_processing_months(date, int),
    archiver.forget_processing(date),
    archiver.operations_moved(uuid[])
    from public;

-- The first months exist before any entry can come.
select archiver.make_months_of('entry', (now() at time zone 'UTC')::date, 2);
select archiver.make_months_of('searchable', (now() at time zone 'UTC')::date, 2);
select archiver.make_processing_months((now() at time zone 'UTC')::date, 2);

grant select, insert on archiver.entry, archiver.municipality_key, archiver.conversation_key,
    archiver.node, archiver.checkpoint, archiver.subject, archiver.searchable, archiver.processing,
    archiver.quarantine to postkamer_archiver;
grant select, update on archiver.head to postkamer_archiver;
grant select, insert, update on archiver.media to postkamer_archiver;
grant select on archiver.request to postkamer_archiver;
grant execute on function
    archiver.make_months_of(text, date, int),
    archiver.make_processing_months(date, int),
    archiver.forget_processing(date),
    archiver.operations_moved(uuid[])
    to postkamer_archiver;
