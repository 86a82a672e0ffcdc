-- Those of these conversations that any hold covers. A list is drawn from hundreds of thousands, of which each
-- hold would read every entry again (measured: 9 s for one selection, of 200,000 conversations). So persons and
-- words are looked for by their own indexes, all holds at once; and a selection without words by the dossiers:
-- its first entry is as old as a dossier is, and is of its first department. Only where that does not tell,
-- entries are read. A note that came after the closing is not looked for: when the list is carried out, each
-- batch is asked exactly.
create or replace function archiver.held_of(of_tenant text, wanted text[]) returns setof text
    language plpgsql stable
    set search_path = pg_catalog
    set plan_cache_mode = force_custom_plan
    as $$ begin
        if cardinality(wanted) < 5000 then
            return query select distinct c.id from archiver.hold h
                cross join lateral archiver.covered_by(h.id, wanted) as c (id)
                where h.tenant = of_tenant and h.lifted_at is null;
            return;
        end if;
        return query
        with asked as materialized (select distinct w.id from unnest(wanted) as w (id)),
        h as materialized (
            select * from archiver.hold x where x.tenant = of_tenant and x.lifted_at is null),
        covered as materialized (
            select h.conversation as id from h where h.kind = 'conversation'
            union
            select s.conversation from h
            cross join lateral unnest(h.hashes) as p (hash)
            join archiver.subject s on s.tenant = of_tenant and s.hash = p.hash
            where h.kind = 'person'
            union
            select w.conversation from h
            cross join lateral (values (h.words), (h.words_before)) as v (words)
            join archiver.searchable w on w.words @> v.words and w.tenant = of_tenant
                and (h.departments = '{}' or w.department = any(h.departments))
                and (h.since is null or w.at >= h.since) and (h.until is null or w.at < h.until)
            where h.kind = 'selection' and v.words <> '{}'
        )
        select a.id from asked a
        left join archiver.dossier d on d.tenant = of_tenant and d.conversation = a.id
        where a.id in (select covered.id from covered)
            or exists (select from h where h.kind = 'selection' and h.words = '{}'
                and (h.departments = '{}' or d.departments[1] = any(h.departments))
                and (h.since is null or d.opened_at >= h.since)
                and (h.until is null or d.opened_at < h.until))
            or exists (select from h where h.kind = 'selection' and h.words = '{}'
                and (d.conversation is null or (h.departments = '{}' or d.departments && h.departments)
                    and (h.until is null or d.opened_at < h.until)
                    and (h.since is null or d.closed_at is null or d.closed_at >= h.since))
                and exists (select from archiver.entry e
                    where e.conversation = a.id and e.conversation <> '' and e.tenant = of_tenant
                        and e.kind in ('message', 'note', 'conversation')
                        and (h.departments = '{}' or e.department = any(h.departments))
                        and (h.since is null or e.at >= h.since)
                        and (h.until is null or e.at < h.until)));
    end $$;

-- Entries outside any conversation about people who have no conversation but these: a consent, say. It stays
-- while any name in it has another: that is the same person.
create index subject_beside on archiver.subject (entry) where conversation = '';
create or replace function archiver.entries_beside(of_tenant text, gone text[]) returns setof uuid
    language sql stable set search_path = pg_catalog
    as $$
    select s.entry from archiver.subject s
    where s.tenant = of_tenant and s.conversation = '' and s.hash in (
        select g.hash from archiver.subject g
        where g.conversation = any(gone) and g.conversation <> '' and g.tenant = of_tenant)
    and not exists (
        select from archiver.subject n
        join archiver.subject o on o.tenant = n.tenant and o.hash = n.hash
            and o.conversation <> '' and o.conversation <> all(gone)
        where n.tenant = of_tenant and n.conversation = '' and n.entry = s.entry)
    $$;

-- All departments that had a conversation: the systems of each have a copy, which the declaration names.
alter table archiver.destruction_item add column departments text[] not null default '{}';
create function archiver.keep_departments() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if tg_op = 'INSERT' then
            select d.departments into new.departments from archiver.dossier d
                where d.tenant = new.tenant and d.conversation = new.conversation;
            new.departments := coalesce(new.departments, '{}');
        elsif new.departments is distinct from old.departments then
            raise check_violation using message = 'what was done to a conversation is not changed';
        end if;
        return new;
    end $$;
create trigger keep_departments before insert or update on archiver.destruction_item
    for each row execute function archiver.keep_departments();

-- Draws a list of what is due, at most `most` conversations, the longest due first; of these results
-- alone, if any are given. Returns how many.
drop function archiver.draw_list(text, text, text, date, int, boolean, interval);
create function archiver.draw_list(
    new_id text, of_tenant text, person text, day date, most int, joined boolean, wait interval,
    only_codes text[]
) returns bigint
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    drawn bigint;
begin
    if day > current_date then
        raise check_violation using message = 'nothing is due before its day';
    end if;
    insert into archiver.destruction_list (id, tenant, kind, up_to, waiting, is_joined, drawn_by)
        values (new_id, of_tenant, 'term', day, wait, joined, person);
    insert into archiver.destruction_item
        (list, tenant, conversation, department, code, closed_on, kept_until)
    select new_id, d.tenant, d.conversation, d.departments[array_upper(d.departments, 1)],
        d.valued_code, (d.closed_at at time zone 'Europe/Amsterdam')::date, d.kept_until
    from archiver.dossier d
    where d.tenant = of_tenant and d.state = 'destroy' and d.kept_until < day
        and (only_codes = '{}' or d.valued_code = any(only_codes))
        and not exists (select from archiver.destruction_item i
            where i.tenant = d.tenant and i.conversation = d.conversation
                and (i.state = 'listed' or i.state = 'put_off' and i.until > day))
        and d.conversation not in (select archiver.held_of(of_tenant, array(
            select o.conversation from archiver.dossier o
            where o.tenant = of_tenant and o.state = 'destroy' and o.kept_until < day)))
    order by d.kept_until, d.conversation limit most;
    get diagnostics drawn = row_count;
    return drawn;
end
$$;
revoke all on function
    archiver.draw_list(text, text, text, date, int, boolean, interval, text[])
    from public;
grant execute on function
    archiver.draw_list(text, text, text, date, int, boolean, interval, text[])
    to postkamer_archiver;
