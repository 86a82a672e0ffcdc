-- Forgets conversations that are destroyed: archiver.forget. The owner alone may call it.
-- docs/operators/destruction.md has what becomes of each table.
--
-- `entries` are the ids of their entries in the record, `messages` those of their messages.
--
-- Routers work on meanwhile. A router that decided about one of these conversations waits for its row
-- here, and then finds it gone (router.store.fencing): it decides again. Rows are locked in the order of
-- their keys there and here.
create function router.forget(of_tenant text, gone text[], entries uuid[], messages uuid[])
    returns void
    language plpgsql set search_path = pg_catalog
    as $$
declare
    people uuid[];
    keys bytea[];
begin
    perform from router.conversation c where c.id = any(gone) order by c.id for update;
    select array_agg(distinct c.person) into people from router.conversation c where c.id = any(gone);

    -- Decisions. The key stays until its term, so that what Meta repeats is still known.
    select array_agg(i.key) into keys from router.inbox i
        where i.record = any(entries) or i.message = any(messages);
    -- Events that still wait are delivered no more: a row says that they were dropped.
    insert into deliverer.delivery
        (destination, event, tenant, conversation, state, attempts, status, reason, at)
    select e.destination, e.event, of_tenant, '', 'dropped', 0, 0, 'its conversation was destroyed',
        now()
    from router.inbox i, unnest(i.destinations, i.events) e (destination, event)
    where i.key = any(keys)
    union all
    select h.destination, h.id, of_tenant, h.conversation, 'dropped', 0, 0,
        'its conversation was destroyed', now()
    from router.held h where h.conversation = any(gone)
    on conflict do nothing;
    delete from router.waiting w using router.inbox i, unnest(i.destinations, i.events)
            e (destination, event)
        where i.key = any(keys) and w.destination = e.destination and w.event = e.event;
    delete from deliverer.sent s using router.inbox i, unnest(i.destinations, i.events)
            e (destination, event)
        where i.key = any(keys) and s.destination = e.destination and s.event = e.event;
    update router.inbox i set decision = '', message = null, wamid = '', records = '{}', events = '{}',
            destinations = '{}', send = null
        where i.key = any(keys);

    delete from router.timer t where t.conversation = any(gone);
    delete from router.held h where h.conversation = any(gone);
    -- What Meta charged stays, under an id that leads nowhere any more.
    with sent as (
        delete from router.outgoing o where o.conversation = any(gone) returning o.id
    )
    delete from router.charge c using sent where c.id = sent.id and c.delivered_at is null;
    delete from router.conversation c where c.id = any(gone);
    perform router.forget_people(of_tenant, people);
end
$$;

-- Forgets who these people are, of those who have no conversation any more. A person who said STOP is
-- still recognised, so that the stop counts until its own term.
create function router.forget_people(of_tenant text, people uuid[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$
declare
    alone uuid[];
begin
    -- A router that opens a conversation with one of them now holds these rows until it has.
    perform from router.identity i where i.person = any(people)
        order by i.person, i.kind, i.hash for update;
    select array_agg(p) into alone from unnest(people) p
        where not exists (select from router.conversation c where c.person = p);
    delete from router.consent c where c.person = any(alone);
    delete from router.opt_out o
        where o.tenant = of_tenant and o.person = any(alone) and o.value <> 'stop';
    delete from router.identity i where i.person = any(alone) and (i.valid_to is not null
        or not exists (select from router.withdrawal w where w.person = i.person)
            and not exists (select from router.opt_out o
                where o.tenant = i.tenant and o.person = i.person));
    delete from deliverer.mark m where m.person = any(alone);
end
$$;

revoke all on function
    router.forget(text, text[], uuid[], uuid[]),
    router.forget_people(text, uuid[])
    from public;
