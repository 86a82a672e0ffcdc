-- How long conversations are kept, what holds them, and how they are destroyed.
--
-- The database holds the rules that no service and no command may break: nothing that is held or not on
-- an approved list is destroyed, who drew a list does not approve it, and no step is taken twice or
-- taken back. The archiver's role changes these tables by the functions below alone. A trigger holds
-- whoever may write the tables to the same order.

-- What is known of each conversation for its term, read from the log by archiver.retention.
create table archiver.dossier (
    tenant text not null,
    conversation text not null,
    departments text[] not null,        -- all that had it, in order
    number text not null default '',    -- our own id of its number
    opened_at timestamptz not null,
    closed_at timestamptz,              -- null while it is open, also after it was opened again
    has_zaak boolean not null default false,
    -- Given by a person, or with the result of its zaak; '' if neither was.
    code text not null default '',
    source text not null default '' check (source in ('', 'person', 'zaak')),
    starts_on date,                     -- begin of the term, where it is not the closing
    sequence bigint not null,           -- in the conversation, of the change that `closed_at` is from
    position bigint not null,           -- in the log, of the last entry that was read
    -- Worked out by the terms of `terms`.
    state text not null
        check (state in ('open', 'unset', 'waits', 'destroy', 'permanent')),
    valued_code text not null default '',
    kept_until date,                    -- last day on which it must be kept; for destroy alone
    terms bytea not null,               -- hash of the selection list and settings by which it was
    primary key (tenant, conversation),
    check ((kept_until is not null) = (state = 'destroy'))
);
create index dossier_due on archiver.dossier (tenant, kept_until) where state = 'destroy';
create index dossier_state on archiver.dossier (tenant, state) where state <> 'destroy';
create index dossier_terms on archiver.dossier (terms);

-- How far the log was read for it.
create table archiver.dossier_progress (
    only_one boolean primary key default true check (only_one),
    position bigint not null default 0
);
insert into archiver.dossier_progress default values;
-- Changes of conversations are few among the entries.
create index entry_change on archiver.entry (position) where kind in ('conversation', 'valuation');

-- Holds. A person is named by keyed hashes, as in archiver.subject; a selection by what each of its
-- entries must be, words as in archiver.searchable. What comes later is held too.
create sequence archiver.hold_number;
create table archiver.hold (
    id text primary key,                -- BW-2026-0001
    tenant text not null,
    ground text not null check (ground in ('objection', 'limitation', 'woo', 'dispute', 'audit')),
    kind text not null check (kind in ('conversation', 'person', 'selection')),
    conversation text not null default '',
    hashes bytea[] not null default '{}',
    departments text[] not null default '{}',   -- empty: any
    words bigint[] not null default '{}',
    since timestamptz,
    until timestamptz,
    -- Names of the person, or words, from which these were made; null once it is lifted.
    salt bytea,
    sealed bytea,
    -- When somebody must look if it is still needed. It holds on after that, until it is lifted.
    review_on date not null,
    placed_by text not null check (placed_by <> ''),
    placed_at timestamptz not null default now(),
    lifted_by text,
    lifted_at timestamptz,
    constraint lifted_by_somebody check ((lifted_by is null) = (lifted_at is null)),
    constraint of_one_conversation check ((kind = 'conversation') = (conversation <> '')),
    -- A hold that is lifted says no more who it was about.
    constraint of_one_person
        check ((kind = 'person' and lifted_at is null) = (hashes <> '{}')),
    constraint of_a_selection check ((kind = 'selection') = (departments <> '{}' or words <> '{}'
        or since is not null or until is not null) or lifted_at is not null),
    check (lifted_at is null or sealed is null and salt is null)
);
create index hold_standing on archiver.hold (tenant) where lifted_at is null;

-- A name, so that one person is one person however it is written.
create function archiver.same_person(one text, other text) returns boolean
    language sql immutable
    set search_path = pg_catalog
    as $$ select lower(btrim(one)) = lower(btrim(other)) $$;

-- Those of these conversations that one hold covers.
create function archiver.covered_by(one text, wanted text[]) returns setof text
    language sql stable
    set search_path = pg_catalog
    as $$
    select h.conversation from archiver.hold h
    where h.id = one and h.lifted_at is null and h.kind = 'conversation'
        and h.conversation = any(wanted)
    union
    select s.conversation from archiver.hold h
    join archiver.subject s on s.tenant = h.tenant and s.hash = any(h.hashes)
    where h.id = one and h.lifted_at is null and h.kind = 'person' and s.conversation = any(wanted)
    union
    select e.conversation from archiver.hold h
    join archiver.entry e on e.tenant = h.tenant
        and (h.departments = '{}' or e.department = any(h.departments))
        and (h.since is null or e.at >= h.since) and (h.until is null or e.at < h.until)
    where h.id = one and h.lifted_at is null and h.kind = 'selection'
        and e.conversation = any(wanted) and e.conversation <> ''
        and (h.words = '{}' or exists (select from archiver.searchable w
            where w.id = e.id and w.words @> h.words))
    $$;

-- Those of these conversations that any hold covers.
create function archiver.held_of(of_tenant text, wanted text[]) returns setof text
    language sql stable
    set search_path = pg_catalog
    as $$
    select distinct c.id from archiver.hold h
    cross join lateral archiver.covered_by(h.id, wanted) as c (id)
    where h.tenant = of_tenant and h.lifted_at is null
    $$;

-- Lists of what is destroyed.
create sequence archiver.list_number;
create table archiver.destruction_list (
    id text primary key,                -- VL-2026-0001
    tenant text not null,
    -- term: its term is over. request: an erasure that was granted.
    kind text not null check (kind in ('term', 'request')),
    request text references archiver.request,
    up_to date,                         -- day on which everything on it was due
    state text not null default 'drawn'
        check (state in ('drawn', 'reviewed', 'approved', 'destroying', 'destroyed', 'withdrawn')),
    waiting interval not null,          -- between the approval and the first destruction
    is_joined boolean not null,         -- who drew it may review it: a setting of the municipality
    drawn_by text not null check (drawn_by <> ''),
    drawn_at timestamptz not null default now(),
    reviewed_by text,                   -- owner of the process
    reviewed_at timestamptz,
    approved_by text,                   -- archivist
    approved_at timestamptz,
    withdrawn_by text,
    withdrawn_at timestamptz,
    begun_at timestamptz,
    ended_at timestamptz,
    check ((kind = 'request') = (request is not null)),
    check ((kind = 'term') = (up_to is not null)),
    check (waiting between interval '0' and interval '90 days'),
    check ((reviewed_by is null) = (reviewed_at is null)),
    check ((approved_by is null) = (approved_at is null)),
    check ((withdrawn_by is null) = (withdrawn_at is null)),
    constraint drawer_does_not_review
        check (is_joined or not archiver.same_person(reviewed_by, drawn_by)),
    constraint drawer_does_not_approve check (not archiver.same_person(approved_by, drawn_by)),
    constraint reviewer_does_not_approve
        check (not archiver.same_person(approved_by, reviewed_by)),
    check (state not in ('reviewed', 'approved', 'destroying', 'destroyed')
        or reviewed_by is not null),
    check (state not in ('approved', 'destroying', 'destroyed') or approved_by is not null),
    check (state not in ('destroying', 'destroyed') or begun_at is not null),
    check ((state = 'destroyed') = (ended_at is not null)),
    check ((state = 'withdrawn') = (withdrawn_at is not null))
);
create index destruction_list_open on archiver.destruction_list (tenant, drawn_at)
    where state not in ('destroyed', 'withdrawn');

create table archiver.destruction_item (
    list text not null references archiver.destruction_list,
    tenant text not null,
    conversation text not null,
    department text not null,           -- its last
    code text not null,                 -- of the selection list; '' for an erasure
    closed_on date,
    kept_until date,
    state text not null default 'listed'
        check (state in
            ('listed', 'taken_out', 'put_off', 'held', 'open', 'destroyed', 'withdrawn')),
    reason text not null default '',    -- code; what a person wrote is in the record
    until date,                         -- of what was put off
    changed_by text not null default '',
    changed_at timestamptz,
    primary key (list, conversation)
);
-- A conversation is on one list at a time. What was destroyed stays listed as that for ever.
create unique index destruction_item_one on archiver.destruction_item (tenant, conversation)
    where state = 'listed';
create index destruction_item_listed on archiver.destruction_item (list, conversation)
    where state = 'listed';
create index destruction_item_conversation on archiver.destruction_item (tenant, conversation);

-- A declaration is kept for ever (selection list 2020, 19.1.18). Its text is also an entry of the log.
create table archiver.declaration (
    list text primary key references archiver.destruction_list,
    entry uuid not null,
    made_at timestamptz not null,
    document text not null              -- JSON
);

-- Each state of a list, and those that may follow it.
create function archiver.may_follow(former text, next text) returns boolean
    language sql immutable
    set search_path = pg_catalog
    as $$ select former = next or (former, next) in (
        ('drawn', 'reviewed'), ('reviewed', 'drawn'), ('reviewed', 'approved'),
        ('approved', 'destroying'), ('destroying', 'destroyed'),
        ('drawn', 'withdrawn'), ('reviewed', 'withdrawn'), ('approved', 'withdrawn'),
        ('destroying', 'withdrawn')) $$;

create function archiver.keep_order_of_list() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if tg_op = 'DELETE' then
            raise insufficient_privilege using message = 'a destruction list is kept for ever';
        end if;
        if tg_op = 'INSERT' then
            if new.state <> 'drawn' then
                raise check_violation using message = 'a new list is drawn and nothing else';
            end if;
            return new;
        end if;
        if not archiver.may_follow(old.state, new.state) then
            raise check_violation using message =
                format('a list that is %s cannot become %s', old.state, new.state);
        end if;
        if (old.id, old.tenant, old.kind, old.request, old.up_to, old.waiting, old.is_joined,
                old.drawn_by, old.drawn_at)
            is distinct from (new.id, new.tenant, new.kind, new.request, new.up_to, new.waiting,
                new.is_joined, new.drawn_by, new.drawn_at)
            or old.approved_by is not null and (old.approved_by, old.approved_at, old.reviewed_by)
                is distinct from (new.approved_by, new.approved_at, new.reviewed_by)
            or new.approved_by is not null and old.approved_by is null and old.state <> 'reviewed'
        then
            raise check_violation using message = 'what was done to a list is not changed';
        end if;
        if new.state = 'destroying' and old.state = 'approved'
            and new.approved_at + new.waiting > now()
        then
            raise check_violation using message = 'its waiting time is not over';
        end if;
        return new;
    end $$;
create trigger keep_order before insert or update or delete on archiver.destruction_list
    for each row execute function archiver.keep_order_of_list();

create function archiver.keep_order_of_item() returns trigger
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
    if new.state in ('destroyed', 'held', 'open') and old.state = 'listed'
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
create trigger keep_order before insert or update or delete on archiver.destruction_item
    for each row execute function archiver.keep_order_of_item();

create function archiver.keep_hold() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        if tg_op = 'DELETE' then
            raise insufficient_privilege using message = 'a hold is kept for ever';
        end if;
        if old.lifted_at is not null then
            raise check_violation using message = 'this hold was lifted';
        end if;
        if (old.id, old.tenant, old.ground, old.kind, old.conversation, old.departments, old.since,
                old.until, old.placed_by, old.placed_at)
            is distinct from (new.id, new.tenant, new.ground, new.kind, new.conversation,
                new.departments, new.since, new.until, new.placed_by, new.placed_at)
        then
            raise check_violation using message = 'what a hold covers is not changed';
        end if;
        return new;
    end $$;
create trigger keep_hold before update or delete on archiver.hold
    for each row execute function archiver.keep_hold();

create function archiver.keep_declaration() returns trigger
    language plpgsql set search_path = pg_catalog
    as $$ begin
        raise insufficient_privilege using message = 'a declaration is kept for ever, as it is';
    end $$;
create trigger keep_declaration before update or delete on archiver.declaration
    for each row execute function archiver.keep_declaration();

-- Draws a list of what is due, at most `most` conversations, the longest due first. Returns how many.
create function archiver.draw_list(
    new_id text, of_tenant text, person text, day date, most int, joined boolean, wait interval
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

-- Draws a list for an erasure that was granted: conversations of the request and no others.
create function archiver.draw_request_list(
    new_id text, of_request text, person text, joined boolean, wait interval
) returns bigint
    language plpgsql security definer set search_path = pg_catalog
    as $$
declare
    asked archiver.request;
    drawn bigint;
begin
    select * into asked from archiver.request r where r.id = of_request
        and r.kind = 'erasure' and r.decision in ('granted', 'partly') for share;
    if not found then
        raise check_violation using message = 'no erasure was granted';
    end if;
    insert into archiver.destruction_list
        (id, tenant, kind, request, waiting, is_joined, drawn_by)
        values (new_id, asked.tenant, 'request', of_request, wait, joined, person);
    insert into archiver.destruction_item
        (list, tenant, conversation, department, code, closed_on, kept_until)
    select new_id, asked.tenant, c.id, coalesce(d.departments[array_upper(d.departments, 1)], ''),
        '', (d.closed_at at time zone 'Europe/Amsterdam')::date, d.kept_until
    from unnest(asked.conversations) as c (id)
    left join archiver.dossier d on d.tenant = asked.tenant and d.conversation = c.id
    where exists (select from archiver.conversation_key k
            where k.tenant = asked.tenant and k.conversation = c.id)
        and not exists (select from archiver.destruction_item i
            where i.tenant = asked.tenant and i.conversation = c.id and i.state = 'listed');
    get diagnostics drawn = row_count;
    return drawn;
end
$$;

-- A step of a list: reviewed, approved, withdrawn or drawn (taken back to be looked through again).
create function archiver.step_list(of_list text, step text, person text) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        update archiver.destruction_list l set state = step,
            reviewed_by = case step when 'reviewed' then person when 'drawn' then null
                else l.reviewed_by end,
            reviewed_at = case step when 'reviewed' then now() when 'drawn' then null
                else l.reviewed_at end,
            approved_by = case step when 'approved' then person else l.approved_by end,
            approved_at = case step when 'approved' then now() else l.approved_at end,
            withdrawn_by = case step when 'withdrawn' then person else l.withdrawn_by end,
            withdrawn_at = case step when 'withdrawn' then now() else l.withdrawn_at end
        where l.id = of_list and l.state <> step
            and step in ('reviewed', 'approved', 'withdrawn', 'drawn');
        if not found then
            raise check_violation using message = 'there is no such list, or it is in that state';
        end if;
        if step = 'withdrawn' then
            update archiver.destruction_item i set state = 'withdrawn', changed_at = now()
            where i.list = of_list and i.state = 'listed';
        end if;
    end $$;

-- Takes a conversation off a list, or puts it off until a day.
create function archiver.spare_item(
    of_list text, of_conversation text, why text, until_day date, person text
) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        update archiver.destruction_item i set
            state = case when until_day is null then 'taken_out' else 'put_off' end,
            reason = why, until = until_day, changed_by = person, changed_at = now()
        where i.list = of_list and i.conversation = of_conversation and i.state = 'listed';
        if not found then
            raise check_violation using message = 'it is not on the list';
        end if;
    end $$;

-- Begins the destruction of an approved list whose waiting time is over.
create function archiver.begin_list(of_list text) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        update archiver.destruction_list l set state = 'destroying', begun_at = now()
        where l.id = of_list and l.state = 'approved';
        -- The list may be new to PostgreSQL, which would read all of it for each batch.
        analyze archiver.destruction_item;
    end $$;

-- Ends it once nothing on it is listed any more.
create function archiver.end_list(of_list text) returns void
    language plpgsql security definer set search_path = pg_catalog
    as $$ begin
        if exists (select from archiver.destruction_item i
            where i.list = of_list and i.state = 'listed')
        then
            raise check_violation using message = 'some of it is not destroyed yet';
        end if;
        update archiver.destruction_list l set state = 'destroyed', ended_at = now()
        where l.id = of_list and l.state = 'destroying';
    end $$;

-- Destroys conversations of a list that is being destroyed, in every table, and returns those that are
-- gone. What is held, or was opened again, stays. Whoever calls it writes the record in the same
-- transaction, and holds the head of the log.
create function archiver.destroy_conversations(of_list text, wanted text[]) returns setof text
    language plpgsql security definer set search_path = pg_catalog
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

-- Forgets conversations in every table: docs/operators/destruction.md has what becomes of each. The
-- owner alone may call it; `destroy_conversations` says when. Each service has a function of its own
-- for its tables. What was forgotten before may be forgotten again, with what came after.
create function archiver.forget(of_tenant text, gone text[]) returns void
    language plpgsql set search_path = pg_catalog
    as $$
declare
    entries uuid[];
    messages uuid[];
    receipts uuid[];
    beside uuid[];
    first uuid;
    last uuid;
begin
    select array_agg(e.id), array_agg(distinct e.message) filter (where e.message is not null),
        array_agg(distinct e.receipt) filter (where e.receipt is not null)
        into entries, messages, receipts
        from archiver.entry e
        where e.conversation = any(gone) and e.conversation <> '' and e.tenant = of_tenant;
    beside := array(select archiver.entries_beside(of_tenant, gone));

    perform router.forget(of_tenant, gone, entries || beside, messages);
    perform gateway.forget(of_tenant, gone, messages, deliverer.forget(of_tenant, gone));
    perform desk.forget(of_tenant, gone);

    delete from archiver.conversation_key k
        where k.tenant = of_tenant and k.conversation = any(gone) and k.conversation <> '';
    if cardinality(beside) > 0 then
        -- Entries of these people outside any conversation, such as a consent.
        update archiver.entry e set salt = null where e.id = any(beside) and e.salt is not null;
        receipts := receipts || array(select b.receipt from archiver.entry b
            where b.id = any(beside) and b.receipt is not null);
        delete from archiver.subject s where s.tenant = of_tenant and s.conversation = ''
            and s.entry = any(beside) and s.hash in (select g.hash from archiver.subject g
                where g.conversation = any(gone) and g.conversation <> '' and g.tenant = of_tenant);
    end if;
    delete from archiver.subject s
        where s.conversation = any(gone) and s.conversation <> '' and s.tenant = of_tenant;
    -- The months that they are of: ids begin with their time.
    select id into first from unnest(entries || receipts) id order by id limit 1;
    select id into last from unnest(entries || receipts) id order by id desc limit 1;
    delete from archiver.searchable w
        where w.id = any(entries) and w.id between first and last;
    -- Whole receipts: their bytes would show the destroyed part.
    update archiver.entry e set salt = null
        where e.id = any(receipts) and e.id between first and last
            and e.kind = 'receipt' and e.salt is not null;
    update archiver.media m set salt = null, file_salt = null, digest = null,
        -- The bytes go afterwards: archiver.destruction.removal.
        remove_at = now() + case when m.state = 'waiting' then interval '1 hour'
            else interval '1 minute' end,
        state = 'lost', reason = 'its message was destroyed', ended_at = coalesce(m.ended_at, now()),
        told = true
        where m.id = any(messages || entries) and m.tenant = of_tenant and m.remove_at is null;
    update archiver.request r set hashes = '{}'
        where r.tenant = of_tenant and r.conversations && gone and not exists (
            select from archiver.conversation_key k
            where k.tenant = r.tenant and k.conversation = any(r.conversations));
    delete from archiver.dossier d where d.tenant = of_tenant and d.conversation = any(gone);
end
$$;

-- Entries outside any conversation about people who have no conversation but these: a consent, say. No
-- term of a conversation would ever end them.
create function archiver.entries_beside(of_tenant text, gone text[]) returns setof uuid
    language sql stable set search_path = pg_catalog
    as $$
    select s.entry from archiver.subject s
    where s.tenant = of_tenant and s.conversation = '' and s.hash in (
        select g.hash from archiver.subject g
        where g.conversation = any(gone) and g.conversation <> '' and g.tenant = of_tenant)
    and not exists (select from archiver.subject o where o.tenant = of_tenant and o.hash = s.hash
        and o.conversation <> '' and o.conversation <> all(gone))
    $$;

revoke all on function
    archiver.draw_list(text, text, text, date, int, boolean, interval),
    archiver.draw_request_list(text, text, text, boolean, interval),
    archiver.step_list(text, text, text),
    archiver.spare_item(text, text, text, date, text),
    archiver.begin_list(text),
    archiver.end_list(text),
    archiver.destroy_conversations(text, text[]),
    archiver.forget(text, text[])
    from public;
grant execute on function
    archiver.draw_list(text, text, text, date, int, boolean, interval),
    archiver.draw_request_list(text, text, text, boolean, interval),
    archiver.step_list(text, text, text),
    archiver.spare_item(text, text, text, date, text),
    archiver.begin_list(text),
    archiver.end_list(text),
    archiver.destroy_conversations(text, text[])
    to postkamer_archiver;
grant select, insert, update on archiver.dossier, archiver.dossier_progress to postkamer_archiver;
grant delete on archiver.dossier to postkamer_archiver;
grant select, insert on archiver.hold, archiver.declaration to postkamer_archiver;
grant update (lifted_by, lifted_at, review_on, hashes, words, salt, sealed) on archiver.hold
    to postkamer_archiver;
grant select on archiver.destruction_list, archiver.destruction_item to postkamer_archiver;
grant usage on sequence archiver.hold_number, archiver.list_number to postkamer_archiver;
