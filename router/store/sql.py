"""What the router writes, in SQL: a statement for each kind of row, many rows at once."""

TAKE_EPOCH = """
insert into router.lease (partition, epoch) values ($1, 1)
on conflict (partition) do update set epoch = lease.epoch + 1 returning epoch
"""

# Other routers alone: whoever else holds the row, an administrator say, is waited for.
END_WHO_BLOCKS = """
select pg_terminate_backend(pid) from pg_stat_activity
where pid = any(pg_blocking_pids($1)) and usename = current_user
"""

INSERT_INBOX = """
insert into router.inbox (key, receipt, decision, message, wamid)
select * from unnest($1::bytea[], $2::uuid[], $3::bytea[], $4::uuid[], $5::text[])
"""

INSERT_HELD = """
insert into router.held (id, conversation, destination, delivery)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) on conflict do nothing
"""

SELECT_HELD = """
select destination, delivery from router.held where conversation = $1 order by n limit $2
"""

INSERT_QUARANTINE = """
insert into router.quarantine (id, receipt, reason, raw)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[])
on conflict do nothing
"""

END_IDENTITY = """
update router.identity i set valid_to = n.at
from unnest($1::text[], $2::text[], $3::bytea[], $4::timestamptz[]) n (tenant, kind, hash, at)
where (i.tenant, i.kind, i.hash) = (n.tenant, n.kind, n.hash) and i.valid_to is null
"""

INSERT_IDENTITY = """
insert into router.identity (tenant, kind, hash, value, person, valid_from, scope)
select * from unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::uuid[],
    $6::timestamptz[], $7::text[])
"""

UPSERT_CONVERSATION = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, last_inbound_at, sequence, departments, zaak, closed_at, state, said_at)
select id, tenant, number, person, department, rule, reason, since, opened_at, last_inbound_at,
    sequence, string_to_array(departments, ' '), zaak, closed_at, state::jsonb, said_at
from unnest($1::text[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::bigint[],
    $12::text[], $13::text[], $14::timestamptz[], $15::text[], $16::timestamptz[])
    as new (id, tenant, number, person, department, rule, reason, since, opened_at,
        last_inbound_at, sequence, departments, zaak, closed_at, state, said_at)
on conflict (id) do update set person = excluded.person, department = excluded.department,
    rule = excluded.rule, reason = excluded.reason, since = excluded.since,
    last_inbound_at = excluded.last_inbound_at, sequence = excluded.sequence,
    departments = excluded.departments, zaak = excluded.zaak, closed_at = excluded.closed_at,
    state = excluded.state, said_at = excluded.said_at
"""

UPSERT_TIMER = """
insert into router.timer (id, conversation, number, kind, due_at)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
on conflict (conversation, kind) do update set id = excluded.id, due_at = excluded.due_at,
    told_at = null
"""

SELECT_DUE = """
select id, conversation, number, kind, due_at as at from router.timer
where due_at <= $1 and (told_at is null or told_at <= $2) and number <> all($3::text[])
order by due_at, id limit $4
"""

# Whoever holds a row is about to take it away: it is not waited for.
MARK_TOLD = """
update router.timer set told_at = $2 where id in (
    select id from router.timer where id = any($1::uuid[]) for update skip locked)
"""

INSERT_VERSION = """
insert into router.version (version, record, first_at, approved_by, files)
values ($1, $2, $3, $4, $5) on conflict do nothing
"""

UPSERT_STANDING = """
insert into router.standing (number, state, state_text, state_until, notice, notice_id,
    notice_until)
select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::uuid[],
    $7::timestamptz[])
on conflict (number) do update set state = excluded.state, state_text = excluded.state_text,
    state_until = excluded.state_until, notice = excluded.notice, notice_id = excluded.notice_id,
    notice_until = excluded.notice_until
"""

UPSERT_OUTGOING = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    reason, code, wamid_hash, type)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[], $8::text[], $9::int[], $10::bytea[], $11::text[])
on conflict (id) do update set status = excluded.status, changed_at = excluded.changed_at,
    reason = excluded.reason, code = excluded.code, wamid_hash = excluded.wamid_hash
"""

UPSERT_CHARGE = """
insert into router.charge (id, tenant, number, department, category, type, pricing_model, billable,
    said_by, delivered_at)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::boolean[], $9::text[], $10::timestamptz[])
on conflict (id) do update set category = excluded.category, type = excluded.type,
    pricing_model = excluded.pricing_model, billable = excluded.billable,
    said_by = excluded.said_by, delivered_at = excluded.delivered_at
"""

# The wamid of a message of ours is in the ledger, once it was sent; until then the deliverer waits.
INSERT_SEND = """
insert into deliverer.ledger (id, number, conversation, person, address_kind, address, content,
    created_at, due_at, about, about_wamid, media, purpose, author_kind, author, asks,
    place)
select id, number, conversation, person, address_kind, address,
    convert_from(content, 'UTF8')::jsonb, created_at, created_at, about,
    coalesce(nullif(about_wamid, ''), (select wamid from deliverer.ledger q where q.id = new.about),
        ''),
    media, purpose, author_kind, author, asks, place
from unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::text[], $6::text[],
    $7::bytea[], $8::timestamptz[], $9::uuid[], $10::text[], $11::uuid[], $12::text[],
    $13::text[], $14::text[], $15::boolean[], $16::bigint[])
    as new (id, number, conversation, person, address_kind, address, content, created_at, about,
        about_wamid, media, purpose, author_kind, author, asks, place)
on conflict (id) do nothing
"""

# What Meta tells of by our own value has gone, whatever was thought of it: also what waits to go
# again, because a proxy passed it on and then said no. What is being claimed is waited for.
SETTLE_SEND = """
update deliverer.ledger l set state = 'sent', wamid = s.wamid
from unnest($1::uuid[], $2::text[]) s (id, wamid)
where l.id = s.id and l.state <> 'sent'
"""

INSERT_EARLY = """
insert into router.early_status (wamid_hash, status, number, code, reason, at, pricing, received_at)
select * from unnest($1::bytea[], $2::text[], $3::text[], $4::int[], $5::text[],
    $6::timestamptz[], $7::bytea[], $8::timestamptz[])
on conflict do nothing
"""

FORGET_EARLY = """
delete from router.early_status where received_at < now() - make_interval(days => $1)
"""

# Of each citizen the newest: Meta marks what came earlier along with it.
UPSERT_MARK = """
insert into deliverer.mark as m (number, person, id, wamid, heard_at, typing, created_at, due_at)
select number, person, id, wamid, heard_at, typing, created_at, created_at
from unnest($1::text[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::bool[],
    $7::timestamptz[]) as new (number, person, id, wamid, heard_at, typing, created_at)
on conflict (number, person) do update set id = excluded.id, wamid = excluded.wamid,
    heard_at = excluded.heard_at, typing = excluded.typing, created_at = excluded.created_at,
    due_at = excluded.due_at, attempt = 0
where m.heard_at <= excluded.heard_at
"""

# The status that Meta gave last stands, in whatever order it came; as `Template.then` has it.
UPSERT_TEMPLATE = """
insert into router.template as t (waba, name, language, status, category, reason, changed_at)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::timestamptz[])
on conflict (waba, name, language) do update set
    category = coalesce(nullif(excluded.category, ''), t.category),
    (status, reason, changed_at) = (
        select n.status, n.reason, n.changed_at
        from (values (0, excluded.status, excluded.reason, excluded.changed_at),
            (1, t.status, t.reason, t.changed_at)) n (place, status, reason, changed_at)
        order by n.status = '', n.changed_at desc, n.place limit 1)
"""

UPSERT_OPT_OUT = """
insert into router.opt_out as o (tenant, person, category, value, at)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
on conflict (tenant, person, category) do update set value = excluded.value, at = excluded.at
where o.at <= excluded.at
"""

# What another partition wrote meanwhile of the same person stands where it is newer.
UPSERT_CONSENT = """
insert into router.consent as c (tenant, person, purpose, source, given_at, recorded_at,
    recorded_by, ended_at, ended_by)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::text[], $8::timestamptz[], $9::text[])
on conflict (person, tenant, purpose) do update set source = excluded.source,
    given_at = excluded.given_at, recorded_at = excluded.recorded_at,
    recorded_by = excluded.recorded_by, ended_at = excluded.ended_at, ended_by = excluded.ended_by
where c.given_at < excluded.given_at
    or (c.given_at = excluded.given_at and c.ended_at is null)
"""

UPSERT_WITHDRAWAL = """
insert into router.withdrawal as w (tenant, person, by, at)
select * from unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[])
on conflict (person, tenant, by) do update set at = excluded.at where w.at < excluded.at
"""

END_CONSENT = """
update router.consent c set ended_at = n.at, ended_by = n.by
from unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[]) n (tenant, person, by, at)
where (c.tenant, c.person) = (n.tenant, n.person) and c.ended_at is null and c.given_at <= n.at
"""

INSERT_SIGHTINGS = """
insert into router.sighting (kind, name, first_at)
select * from unnest($1::text[], $2::text[], $3::timestamptz[])
where (select count(*) from router.sighting) < $4
on conflict do nothing returning kind, name
"""
