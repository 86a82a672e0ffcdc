-- The record as a log: each entry sealed under a key of its own and in its place in a Merkle tree.
-- What was in archiver.record before is moved here by the archiver when it starts.

-- Keys of municipalities, under the master key; each version is replaced by the next (rotation).
-- purpose: content, above the keys of conversations; hash, by which words and people are found.
create table archiver.municipality_key (
    tenant text not null,               -- '': of what belongs to no municipality, as receipts
    purpose text not null check (purpose in ('content', 'hash')),
    version int not null,
    master text not null,               -- which master key it lies under
    wrapped bytea not null,
    made_at timestamptz not null default now(),
    primary key (tenant, purpose, version)
);

-- Keys of conversations, each under its municipality's; whoever takes one away has destroyed what
-- is sealed under it, in every copy of the table below.
create table archiver.conversation_key (
    tenant text not null,
    conversation text not null,         -- '': of what stands in none
    purpose text not null default 'content' check (purpose = 'content'),
    version int not null,               -- of the municipality's key that it lies under
    wrapped bytea not null,
    primary key (tenant, conversation),
    foreign key (tenant, purpose, version) references archiver.municipality_key
);
create index conversation_key_version on archiver.conversation_key (tenant, version);

create table archiver.entry (
    id uuid primary key,
    position bigint not null,           -- in the log, from 0, without a gap
    kind text not null,
    at timestamptz not null,
    tenant text not null,
    conversation text not null,
    department text not null,           -- that had it; rights are per part of a conversation
    message uuid,
    receipt uuid,
    item int,                           -- its place in the body of its receipt
    sequence bigint not null,
    salt bytea,                         -- with the conversation's key it makes the entry's own
    sealed bytea not null,              -- data, original and contact
    leaf bytea not null,                -- RFC 6962: of all of this but the salt
    written_at timestamptz not null default now()
) partition by range (id);
create index entry_position on archiver.entry (position);
create index entry_conversation on archiver.entry (conversation, sequence)
    where conversation <> '';
create index entry_message on archiver.entry (message) where message is not null;
create index entry_receipt on archiver.entry (receipt) where receipt is not null;
create table archiver.entry_elsewhere partition of archiver.entry default;

-- Where the next entry goes: whoever writes holds this row. `peaks` is the right edge of the tree.
create table archiver.head (
    only_one boolean primary key default true check (only_one),
    size bigint not null,
    peaks bytea not null                -- 32 bytes each, the largest subtree first
);
insert into archiver.head (size, peaks) values (0, '');

-- Hashes of whole subtrees of 256 entries, of 256 of these, and so on: proofs are made of them.
create table archiver.node (
    level int not null,                 -- 8, 16, 24 ...
    index bigint not null,
    hash bytea not null,
    primary key (level, index)
);

create table archiver.checkpoint (
    size bigint primary key,
    at timestamptz not null,
    note text not null                  -- signed; see docs/archive.md
);

-- By whom a conversation is: keyed hashes of telephone numbers and of Meta's names for people.
create table archiver.subject (
    tenant text not null,
    hash bytea not null,
    conversation text not null,         -- '' where it stands in none: then it is about the entry
    entry uuid not null,                -- that said so first
    primary key (tenant, hash, conversation, entry)
);
create index subject_conversation on archiver.subject (conversation) where conversation <> '';

-- Partitions by month for whichever of these tables; as make_months (0002) for the one before.
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
            and parent <> 'record'
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
revoke all on function archiver.make_months_of(text, date, int) from public;
grant execute on function archiver.make_months_of(text, date, int) to postkamer_archiver;
select archiver.make_months_of('entry', (now() at time zone 'UTC')::date, 2);

-- Takes away what has been moved from the record of before: only what is in the log.
create function archiver.moved(ids uuid[]) returns void
    language sql security definer set search_path = pg_catalog
    as $$ delete from archiver.record r using archiver.entry e
        where r.id = any(ids) and e.id = r.id $$;
revoke all on function archiver.moved(uuid[]) from public;
grant execute on function archiver.moved(uuid[]) to postkamer_archiver;

-- What is put aside, and what was announced of a file, is sealed as well from now on.
alter table archiver.quarantine
    add column salt bytea,
    add column sealed bytea;
alter table archiver.media
    add column salt bytea,              -- of the file's own key
    add column sealed bytea;            -- what was announced
alter table archiver.media alter column announced set default '{}';

grant select, insert on archiver.entry, archiver.municipality_key, archiver.conversation_key,
    archiver.node, archiver.checkpoint, archiver.subject to postkamer_archiver;
grant select, update on archiver.head to postkamer_archiver;
