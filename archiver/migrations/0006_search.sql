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

-- As in 0004, for any table of the record that has months.
create or replace function archiver.make_months_of(parent text, from_month date, months int)
    returns void
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
select archiver.make_months_of('searchable', (now() at time zone 'UTC')::date, 2);

grant select, insert on archiver.searchable to postkamer_archiver;
