-- What an Open Klant has of destroyed conversations, and must delete as well. A conversation is forgotten
-- in one transaction; its contacts there go afterwards, request by request, for as long as it takes. So
-- the rows that say which contacts they are go over to this table. It has ids alone.

-- A conversation is forgotten by its id alone.
create index klantcontact_conversation on deliverer.klantcontact (conversation);
create index internetaak_forgotten on deliverer.internetaak (conversation);

-- Addresses that we created, by which they are found when an employee deleted their party.
alter table deliverer.klantcontact add column addresses uuid[] not null default '{}';

create table deliverer.contact_erasure (
    destination text not null,
    event uuid not null,                -- as in deliverer.klantcontact, up to `seal`
    conversation text not null,
    answers uuid,
    klantcontact uuid,                  -- null: a post may have had no answer; it is looked for by its mark
    betrokkene uuid,
    addresses uuid[] not null,
    seal bytea,                         -- a row that does not fit it was made by hand: nothing is deleted
    -- Contacts that employees registered about it, as in deliverer.registration.
    registered uuid[] not null,
    registered_messages uuid[] not null,
    registered_seals bytea[] not null,
    tenant text not null,
    list text not null,                 -- that destroyed the conversation; '' for an erasure without one
    planned_at timestamptz not null default now(),
    due_at timestamptz not null,
    tries int not null default 0,
    reason text not null default '',    -- why it still waits, without personal data; '' before a try
    kept text[] not null default '{}',  -- 'resource/uuid reason' of what stays there
    ended_at timestamptz,               -- null while it waits
    told boolean not null default false, -- the record has its end
    primary key (destination, event)
);
create index contact_erasure_due on deliverer.contact_erasure (destination, due_at)
    where ended_at is null;
create index contact_erasure_ended on deliverer.contact_erasure (tenant, list, destination)
    where ended_at is not null and not told;
create index contact_erasure_list on deliverer.contact_erasure (list);
create index contact_erasure_conversation on deliverer.contact_erasure (destination, conversation);
grant select, delete on deliverer.contact_erasure to postkamer_deliverer;
grant update (due_at, tries, reason, kept, ended_at, told) on deliverer.contact_erasure
    to postkamer_deliverer;
create trigger keep before delete on deliverer.contact_erasure for each row
    when (not old.told or coalesce(old.ended_at, now()) > now() - interval '30 days')
    execute function access.keep_row();
-- The rows of contacts end with their conversation alone: deliverer.forget.
revoke delete on deliverer.klantcontact from postkamer_deliverer;

-- Copies what Open Klant needs to delete the contacts of conversations that are forgotten: deliverer.forget
-- calls it before their rows go. What comes late is planned again.
create function deliverer.plan_contact_erasure(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$ begin
    insert into deliverer.contact_erasure as e (destination, event, conversation, answers,
        klantcontact, betrokkene, addresses, seal, registered, registered_messages,
        registered_seals, tenant, list, due_at)
    select k.destination, k.event, k.conversation, k.answers, k.klantcontact, k.betrokkene,
        k.addresses, k.seal, r.ids, r.messages, r.seals, of_tenant, coalesce((
            select i.list from archiver.destruction_item i
            where i.tenant = of_tenant and i.conversation = k.conversation
                and i.state = 'destroyed'
            order by i.changed_at desc limit 1), ''),
        -- A post whose answer is still to come may be carried out for some minutes more.
        now() + case when k.klantcontact is null or k.posted_at is not null
            then interval '10 minutes' else interval '0' end
    from deliverer.klantcontact k
    cross join lateral (
        select coalesce(array_agg(r.klantcontact order by r.klantcontact), '{}') as ids,
            coalesce(array_agg(r.message order by r.klantcontact), '{}') as messages,
            coalesce(array_agg(r.seal order by r.klantcontact), '{}') as seals
        from deliverer.registration r
        where r.destination = k.destination and r.contact = k.event) r
    where k.conversation = any(gone) and k.conversation <> ''
    on conflict (destination, event) do update set
        klantcontact = excluded.klantcontact, betrokkene = excluded.betrokkene,
        addresses = e.addresses || excluded.addresses, seal = excluded.seal,
        registered = excluded.registered, registered_messages = excluded.registered_messages,
        registered_seals = excluded.registered_seals, planned_at = now(),
        due_at = excluded.due_at, tries = 0, reason = '', ended_at = null, told = false;
    end $$;

-- What Open Klants still have of a list: `reason` is '' for what was not tried yet; `waits` is false for
-- what stays there for good. For the declaration of the list.
create function deliverer.contact_remains(of_list text)
    returns table (destination text, waits boolean, reason text, count bigint)
    language sql stable security definer set search_path = pg_catalog
    as $$
    select e.destination, true, e.reason, count(*) from deliverer.contact_erasure e
    where e.list = of_list and e.ended_at is null group by e.destination, e.reason
    union all
    select e.destination, false, split_part(k.one, ' ', 2), count(*)
    from deliverer.contact_erasure e cross join lateral unnest(e.kept) as k (one)
    where e.list = of_list and e.ended_at is not null
    group by e.destination, split_part(k.one, ' ', 2)
    order by 1, 2, 3
    $$;

-- Erasures that ended, by list and Open Klant, once nothing of the list comes any more.
create function deliverer.ended_contact_erasures(most int) returns table (
        tenant text, list text, destination text, ended_at timestamptz, contacts bigint,
        conversations bigint, kept text[], kept_count bigint)
    language plpgsql stable security definer set search_path = pg_catalog
    as $$ begin return query
    select e.tenant, e.list, e.destination, max(e.ended_at), count(distinct e.event),
        count(distinct e.conversation),
        (array_agg(k.one order by k.one) filter (where k.one is not null))[:100],
        count(k.one)
    from (select distinct o.tenant, o.list, o.destination from deliverer.contact_erasure o
        where o.ended_at is not null and not o.told) g
    join deliverer.contact_erasure e using (tenant, list, destination)
    left join lateral unnest(e.kept) as k (one) on true
    where not e.told and not exists (select from deliverer.contact_erasure w
            where w.tenant = g.tenant and w.list = g.list and w.destination = g.destination
                and w.ended_at is null)
        and not exists (select from archiver.destruction_list l
            where l.id = g.list and l.state not in ('destroyed', 'withdrawn'))
    group by e.tenant, e.list, e.destination
    order by max(e.ended_at) limit most;
    end $$;

revoke all on function
    deliverer.plan_contact_erasure(text, text[]),
    deliverer.contact_remains(text),
    deliverer.ended_contact_erasures(int)
    from public;
grant execute on function deliverer.contact_remains(text) to postkamer_archiver;
grant execute on function deliverer.ended_contact_erasures(int) to postkamer_deliverer;
