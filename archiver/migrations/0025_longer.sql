-- A conversation whose term became longer after its list was drawn is not destroyed: somebody gave another
-- result, a zaak did, or the terms were changed. It gets a state of its own, and is due again in its time.
alter table archiver.destruction_item drop constraint destruction_item_state_check;
alter table archiver.destruction_item add constraint destruction_item_state_check check (state in
    ('listed', 'taken_out', 'put_off', 'held', 'open', 'longer', 'destroyed', 'withdrawn'));

create or replace function archiver.keep_order_of_item() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$
declare
    list archiver.destruction_list;
begin
    if tg_op = 'DELETE' then
        raise insufficient_privilege using message = 'what was on a list is kept for ever';
    end if;
    select * into strict list from archiver.destruction_list l where l.id = new.list;
    if tg_op = 'INSERT' then
        if list.state <> 'drawn' or new.state <> 'listed' then
            raise check_violation using message = 'a list that was reviewed grows no more';
        end if;
        return new;
    end if;
    if (old.list, old.tenant, old.conversation, old.department, old.code, old.closed_on,
            old.kept_until)
        is distinct from (new.list, new.tenant, new.conversation, new.department,
            new.code, new.closed_on, new.kept_until)
        or old.state <> 'listed' and old.state is distinct from new.state
    then
        raise check_violation using message = 'what was done to a conversation is not changed';
    end if;
    if new.state in ('destroyed', 'held', 'open', 'longer') and old.state = 'listed'
        and list.state <> 'destroying'
    then
        raise check_violation using message = 'the list is not being destroyed';
    end if;
    if new.state in ('taken_out', 'put_off') and old.state = 'listed' and list.state <> 'drawn' then
        raise check_violation using message = 'the list was reviewed';
    end if;
    return new;
end
$$;

create or replace function archiver.destroy_conversations(of_list text, wanted text[]) returns setof text
    language plpgsql security definer set search_path = pg_catalog
    -- As 0014 has it: each id is looked up in an index.
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan
    as $$
declare
    list archiver.destruction_list;
    gone text[];
begin
    -- A hold that is placed now waits for the end of this transaction.
    lock table archiver.hold in share mode;
    select * into list from archiver.destruction_list l
        where l.id = of_list and l.state = 'destroying' for share;
    if not found then
        raise check_violation using message = 'the list is not being destroyed';
    end if;
    update archiver.destruction_item i set state = 'held', changed_at = now()
        from archiver.held_of(list.tenant, wanted) as w (id)
        where i.list = of_list and i.conversation = w.id and i.state = 'listed';
    update archiver.destruction_item i set state = 'open', changed_at = now()
        from unnest(wanted) as w (id)
        where i.list = of_list and i.conversation = w.id and i.state = 'listed'
            and exists (select from archiver.dossier d where d.tenant = i.tenant
                and d.conversation = i.conversation and d.closed_at is null);
    -- What was decided since the list was drawn counts: it may be kept for longer now, or for ever.
    update archiver.destruction_item i set state = 'longer', changed_at = now()
        from unnest(wanted) as w (id)
        where list.kind = 'term'
            and i.list = of_list and i.conversation = w.id and i.state = 'listed'
            and not exists (select from archiver.dossier d where d.tenant = i.tenant
                and d.conversation = i.conversation and d.state = 'destroy'
                and d.kept_until < list.up_to)
            -- One that was destroyed already has no term: a restored list says so too.
            and exists (select from archiver.conversation_key k
                where k.tenant = i.tenant and k.conversation = i.conversation);
    -- Nobody changes the conversation meanwhile.
    perform from router.conversation c where c.id = any(wanted) order by c.id for update;
    update archiver.destruction_item i set state = 'open', changed_at = now()
        from unnest(wanted) as w (id)
        where i.list = of_list and i.conversation = w.id and i.state = 'listed'
            and exists (select from router.conversation c where c.id = i.conversation
                and c.closed_at is null);
    with done as (
        update archiver.destruction_item i set state = 'destroyed', changed_at = now()
        from unnest(wanted) as w (id)
        where i.list = of_list and i.conversation = w.id and i.state = 'listed'
        returning i.conversation
    )
    select array_agg(done.conversation) into gone from done;
    if gone is null then
        return;
    end if;
    perform archiver.forget(list.tenant, gone);
    return query select unnest(gone);
end
$$;
