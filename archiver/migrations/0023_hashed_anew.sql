-- New keys for the hashes of words and persons. With the key of before, a copy of archiver.searchable or
-- archiver.subject would confirm a guess at what was destroyed. So after a destruction everything that is
-- left is hashed anew, and then the key of before is deleted: archiver.destruction.hash_renewal.

-- proof: for rows of the processing log and positions in the log, which are never hashed anew.
alter table archiver.municipality_key drop constraint municipality_key_purpose_check;
alter table archiver.municipality_key
    add constraint municipality_key_purpose_check check (purpose in ('content', 'hash', 'proof'));

-- A renewal that is under way.
create table archiver.renewal (
    tenant text primary key,
    purpose text not null default 'hash' check (purpose = 'hash'),
    version int not null,               -- of the new key
    up_to bigint not null default 0,    -- size of the log when it began: later entries have the new key
    position bigint not null default 0, -- in the log: all before it is hashed anew
    begun_at timestamptz not null default now(),
    -- With a whole municipality its key goes.
    foreign key (tenant, purpose, version) references archiver.municipality_key on delete cascade
);
-- Destructions are few among the entries, and are looked for by their time.
create index entry_destruction on archiver.entry (tenant, at) where kind = 'destruction';

-- While everything is hashed anew, a selection is also held by its words under the key of before. The
-- hashes of a person are together in `hashes`.
alter table archiver.hold add column words_before bigint[] not null default '{}';
alter table archiver.hold add constraint words_before_of_words
    check (words_before = '{}' or words <> '{}');
grant update (words_before) on archiver.hold to postkamer_archiver;

create or replace function archiver.covered_by(one text, wanted text[]) returns setof text
    language plpgsql stable
    set search_path = pg_catalog
    set plan_cache_mode = force_custom_plan
    as $$
declare
    h archiver.hold;
begin
    select * into h from archiver.hold x where x.id = one and x.lifted_at is null;
    if h.kind = 'conversation' then
        return query select h.conversation where h.conversation = any(wanted);
    elsif h.kind = 'person' then
        return query select distinct s.conversation from archiver.subject s
            where s.tenant = h.tenant and s.hash = any(h.hashes) and s.conversation = any(wanted);
    elsif h.kind = 'selection' and h.words = '{}' then
        return query select distinct e.conversation from archiver.entry e
            where e.tenant = h.tenant and e.kind in ('message', 'note', 'conversation')
                and e.conversation = any(wanted) and e.conversation <> ''
                and (h.departments = '{}' or e.department = any(h.departments))
                and (h.since is null or e.at >= h.since) and (h.until is null or e.at < h.until);
    elsif h.kind = 'selection' then
        return query select distinct w.conversation from archiver.searchable w
            where w.tenant = h.tenant
                and (w.words @> h.words or h.words_before <> '{}' and w.words @> h.words_before)
                and w.conversation = any(wanted) and w.conversation <> ''
                and (h.departments = '{}' or w.department = any(h.departments))
                and (h.since is null or w.at >= h.since) and (h.until is null or w.at < h.until);
    end if;
end
$$;

-- Begins a renewal with a new key.
create function archiver.begin_renewal(
    of_tenant text, new_version int, new_master text, new_wrapped bytea
) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        insert into archiver.municipality_key (tenant, purpose, version, master, wrapped)
            values (of_tenant, 'hash', new_version, new_master, new_wrapped);
        insert into archiver.renewal (tenant, version) values (of_tenant, new_version);
    end $$;

-- Says how far it must come, in the same transaction. What was sealed before and is not written yet is
-- sealed anew, as after a destruction: later entries have the new key.
create function archiver.bound_renewal(of_tenant text) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    written bigint;
begin
    update archiver.head h set destructions = h.destructions + 1 returning h.size into written;
    update archiver.renewal r set up_to = written where r.tenant = of_tenant;
end
$$;

-- Gives a request of a municipality that is hashed anew the hashes of its person under the new key.
create function archiver.renew_request(of_request text, new_hashes bytea[]) returns void
    language sql security definer set search_path = pg_catalog
    as $$
    update archiver.request r set hashes = new_hashes
        where r.id = of_request and exists (select from archiver.renewal n where n.tenant = r.tenant)
    $$;

-- Replaces words and persons of entries up to a position. A row that was destroyed meanwhile stays away.
-- `new_words` are arrays as text, since those of PostgreSQL cannot differ in length.
create function archiver.renew_entries(
    of_tenant text, seen bigint, ids uuid[], new_words text[], conversations text[], entries uuid[],
    former bytea[], renewed bytea[]
) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        update archiver.renewal r set position = seen
            where r.tenant = of_tenant and r.position < seen;
        if not found then
            raise check_violation using message = 'this was hashed anew already';
        end if;
        -- The bounds keep PostgreSQL from searching the partitions of other months.
        update archiver.searchable w set words = n.words::bigint[]
            from unnest(ids, new_words) as n (id, words)
            where w.id = n.id and w.tenant = of_tenant
                and w.id >= (select id from unnest(ids) id order by id limit 1)
                and w.id <= (select id from unnest(ids) id order by id desc limit 1);
        -- A conversation has one row for a person, of the entry that said so first.
        delete from archiver.subject s using unnest(conversations, former, renewed)
                as n (conversation, former, renewed)
            where s.tenant = of_tenant and s.hash = n.former and s.conversation = n.conversation
                and n.conversation <> '' and exists (select from archiver.subject t
                    where t.tenant = of_tenant and t.hash = n.renewed
                        and t.conversation = n.conversation);
        update archiver.subject s set hash = n.renewed
            from unnest(conversations, entries, former, renewed)
                as n (conversation, entry, former, renewed)
            where s.tenant = of_tenant and s.hash = n.former and s.conversation = n.conversation
                and (n.conversation <> '' or s.entry = n.entry);
    end $$;

-- Ends a renewal: the key of before goes.
create function archiver.end_renewal(of_tenant text) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    ended archiver.renewal;
begin
    delete from archiver.renewal r where r.tenant = of_tenant and r.position >= r.up_to
        returning * into ended;
    if not found then
        raise check_violation using message = 'some of it is not hashed anew yet';
    end if;
    delete from archiver.municipality_key k
        where k.tenant = of_tenant and k.purpose = 'hash' and k.version < ended.version;
    update archiver.head h set destructions = h.destructions + 1;
end
$$;

-- Rewrites the tables of keys, so that no deleted key is left in their files.
create or replace function archiver.rewrite_keys() returns void
    language plpgsql security definer set search_path = pg_catalog
    set lock_timeout = '1s'
    as $$
declare
    counted bigint;
begin
    select h.destructions into counted from archiver.head h;
    cluster archiver.municipality_key using municipality_key_pkey;
    cluster archiver.conversation_key using conversation_key_pkey;
    update archiver.rewritten set destructions = counted;
end
$$;

revoke all on function
    archiver.begin_renewal(text, int, text, bytea),
    archiver.bound_renewal(text),
    archiver.renew_request(text, bytea[]),
    archiver.renew_entries(text, bigint, uuid[], text[], text[], uuid[], bytea[], bytea[]),
    archiver.end_renewal(text)
    from public;
grant execute on function
    archiver.begin_renewal(text, int, text, bytea),
    archiver.bound_renewal(text),
    archiver.renew_request(text, bytea[]),
    archiver.renew_entries(text, bigint, uuid[], text[], text[], uuid[], bytea[], bytea[]),
    archiver.end_renewal(text)
    to postkamer_archiver;
grant select on archiver.renewal to postkamer_archiver;
