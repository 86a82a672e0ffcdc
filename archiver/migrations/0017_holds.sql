-- Steps of holds are few among the entries.
create index entry_hold on archiver.entry (tenant, id) where kind = 'hold';

-- A selection is of what was said and done in a conversation. A look, a delivery or a request, which
-- are entries of it too, may come years later and say nothing of its content.
--
-- Each hold gets a plan of its own: one for all compared each entry with each of 20,000 wanted
-- conversations in turn, which took 0.2 s a hold (measured).
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
            where w.tenant = h.tenant and w.words @> h.words
                and w.conversation = any(wanted) and w.conversation <> ''
                and (h.departments = '{}' or w.department = any(h.departments))
                and (h.since is null or w.at >= h.since) and (h.until is null or w.at < h.until);
    end if;
end
$$;
