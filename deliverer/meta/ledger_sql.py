"""SQL of the ledger, and of the read receipts beside it."""

from services.sealing.columns import MEDIA
from services.stops.stopped_numbers import not_stopped
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

# Messages before this one in the queue of its citizen. An answer, and nothing else, overtakes
# business-initiated messages that wait for the morning or for a retry, and those behind them.
QUEUED_BEFORE = """select from deliverer.ledger b
        where b.person = q.person and b.number = q.number and b.position < q.position
            and b.state in ('queued', 'sending', 'unknown')
            and not (q.purpose = '' and b.state = 'queued' and b.purpose <> '' and exists (
                select from deliverer.ledger w
                where w.person = b.person and w.number = b.number and w.position <= b.position
                    and w.state = 'queued' and w.purpose <> '' and w.due_at > now()))
            and not (b.asks and b.state = 'queued' and b.due_at > now())"""

# Messages that may be held until their citizen writes again, and then hold back others like them. A
# template may go at any time and overtakes them, above all the reopen request. A reaction is no
# answer, and a test is not held: its citizen is asked nothing for its sake.
MAY_BE_HELD = "not {0}.test and {0}.content ->> 'type' not in ('template', 'reaction')"
HELD_BEFORE = f"""{MAY_BE_HELD.format("q")} and exists (select from deliverer.ledger h
        where h.person = q.person and h.number = q.number and h.position < q.position
            and h.state = 'held')"""

# True if the citizen of a held message wrote to its number since, and recently enough for Meta. The
# conversation counts too, because a merge may have changed the person behind it.
HAS_REPLIED = f"""exists (select from router.conversation c
    where c.number = {{0}}.number and c.person in ({{0}}.person,
            (select o.person from router.conversation o where o.id = {{0}}.conversation))
        and c.said_at > greatest({{0}}.heard_at,
            now() - interval '{CUSTOMER_SERVICE_WINDOW.total_seconds()} seconds'))"""

# $2: number -> account.
UPLOADED_FILE = """select {0} from deliverer.upload u
        where u.media = {1}.media and u.account = $2::jsonb ->> {1}.number
            and u.provider_id <> '' and u.due_at > now()"""

ON_TRIAL = """exists (select from deliverer.trial t
        where t.number = {0}.number and t.live_at is null)"""

# True if the address is on the guest list, or is another current name of a person who is.
IS_GUEST = """(exists (select from deliverer.guest g
        where (g.number, g.kind, g.value) = ({0}.number, {0}.address_kind, {0}.address))
    or exists (select from deliverer.guest_person g where g.person = {0}.person
        and (g.number, g.kind, g.value) = ({0}.number, {0}.address_kind, {0}.address)))"""

# Messages that will not reach Meta, so that their file must not either. The gate decides in
# `deliverer.meta.guest_list`; this only keeps files back.
KEPT_FROM_META = f"""({{0}}.test or ({ON_TRIAL} and not {IS_GUEST}))"""

# True if consent still holds. Another partition may have recorded a consent after its withdrawal.
CONSENT = """select from router.consent c
    where c.person = l.person and c.purpose = l.purpose and c.ended_at is null
        and not exists (select from router.withdrawal w
            where (w.person, w.tenant) = (c.person, c.tenant) and w.at >= c.given_at)"""

ENTRY = f"""
l.id, l.number, l.conversation, l.person, l.address_kind, l.address, l.content, l.attempt, l.about,
l.media, coalesce($2::jsonb ->> l.number, '') as account, l.code, l.purpose, l.traceparent,
(l.purpose = '' or l.test or exists ({CONSENT})) as consented,
extract(epoch from l.claimed_at - l.first_at)::float8 as tried,
coalesce(nullif(l.about_wamid, ''), (select a.wamid from deliverer.ledger a
    where a.id = l.about and a.person = l.person and a.number = l.number), '') as about_wamid,
coalesce(({UPLOADED_FILE.format("u.provider_id", "l")}), '') as media_id,
coalesce((select m.filename from gateway.media m where m.id = l.media), '') as media_name,
(select row({", ".join(f"m.{name}" for name in MEDIA)}) from gateway.media m where m.id = l.media)
    as media_row,
l.author_kind, l.author,
l.asks as is_reopen_request, l.test as is_test,
coalesce((select case when t.live_at is null then 'trial' else 'live' end
    from deliverer.trial t where t.number = l.number), '') as trial,
case when {ON_TRIAL.format("l")} then {IS_GUEST.format("l")} else false end as is_guest,
(l.asks and exists (select from deliverer.ledger h
    where h.person = l.person and h.number = l.number and h.state = 'held'
        and not {HAS_REPLIED.format("h")})) as still_needed,
(select max(c.said_at) from router.conversation c
    where c.person = l.person and c.number = l.number) as window_opened_at,
(select max(c.last_inbound_at) from router.conversation c where c.person = l.person)
    as last_inbound_at,
(select max(w.at) from router.withdrawal w where w.person = l.person and w.by = 'stop')
    as stopped_at,
exists (select from deliverer.number_health h
    where h.number = l.number and h."check" = 'direct_send' and h.until > now())
    as direct_send_refused,
coalesce((select c.departments from router.conversation c where c.id = l.conversation), '{{}}')
    as departments
"""

# Meta's pair rate limit: a number may write to one citizen once in 6 s, with bursts of 45.
PAIR_MESSAGES, PAIR_SECONDS = 45, 270

READY = f"""q.state = 'queued' and q.due_at <= now() and not exists ({QUEUED_BEFORE})
        and not ({HELD_BEFORE})
        and (q.media is null or not $2::jsonb ? q.number or {KEPT_FROM_META.format("q")}
            or exists ({UPLOADED_FILE.format("", "q")}))
        and (select count(*) from deliverer.ledger p
            where p.person = q.person and p.number = q.number
                and p.claimed_at > now() - interval '{PAIR_SECONDS} seconds') < {PAIR_MESSAGES}
    order by q.due_at, q.position"""

# Numbers with queued messages: one step of the index each, however many messages there are.
QUEUED_NUMBERS = """
with recursive queued (number) as (
    (select number from deliverer.ledger where state = 'queued' order by number limit 1)
    union all
    select (select l.number from deliverer.ledger l where l.state = 'queued'
        and l.number > queued.number order by l.number limit 1)
    from queued where queued.number is not null
)
"""

# True while a message waits to be claimed, or for the result of its claim.
WAITS = """
(select true from deliverer.ledger where state = 'queued' order by number limit 1)
union all
(select true from deliverer.ledger where state = 'sending' order by claimed_by limit 1)
"""
FILE_WAITS = """
select true from deliverer.ledger where state = 'queued' and media is not null
order by position limit 1
"""
READ_RECEIPT_WAITS = "select true from deliverer.mark order by number limit 1"

# Each number separately, so that one with a backlog delays no other; also numbers that are no
# longer configured. Ordered by due time: the index skips messages that are not due, which may be
# very many.
CLAIM = f"""{QUEUED_NUMBERS}
update deliverer.ledger l set state = 'sending', attempt = attempt + 1, claimed_at = now(),
    first_at = coalesce(first_at, now()), claimed_by = $1, stopped = false
from (
    select id from (
        select first.*, row_number() over (
            partition by first.number order by first.due_at, first.position) as nth
        from (
            select number, room, 0 as waited
            from unnest($4::text[], $5::int[]) known (number, room)
            union all
            select number, $3::int, $6::float8 from queued where number <> all($4)
        ) n cross join lateral (
            select id, number, due_at, position from deliverer.ledger q
            where q.number = n.number and {not_stopped("n.number")}
                and q.due_at <= now() - make_interval(secs => n.waited)
                and {READY} limit n.room for update skip locked
        ) first
    ) ranked order by nth, position limit $3
) as first
where l.id = first.id
returning {ENTRY}
"""

LOST_CLAIMS = f"""
select {ENTRY} from deliverer.ledger l
where claimed_by = $1 and state = 'sending' and id || '.' || attempt <> all($3::text[]) limit $4
"""

RELEASE = """
update deliverer.ledger set state = 'queued'
where claimed_by = $1 and state = 'sending' and id || '.' || attempt <> all($2::text[])
"""

EXPLAIN_MEDIA = """
update deliverer.ledger set code = $3, reason = $4
where media = $1 and number = $2 and state = 'queued'
"""

FAIL_WITHOUT_MEDIA = """
update deliverer.ledger set state = 'failed', code = $3, reason = $4
where media = $1 and number = $2 and state = 'queued'
returning id, number, conversation, traceparent
"""

# The attempt is part of the key: a statement carried out late must not touch the next attempt. One
# that a status of Meta's settled first only learns how it was sent.
SET_STATE = """
update deliverer.ledger set state = $3, wamid = $4, code = $5, reason = $6
where id = $1 and attempt = $2 and (state in ('sending', 'unknown')
    or state = 'sent' and $3 = 'sent' and $6 not in ('', reason)) returning id
"""

# first_at is cleared: the time of retries counts from the moment that it may go.
HOLD = """
update deliverer.ledger set state = 'held', held_at = now(), heard_at = $3, wrote_at = $4,
    code = 0, reason = $5, first_at = null
where id = $1 and attempt = $2 and state in ('sending', 'unknown') returning id
"""

RESCHEDULE = """
update deliverer.ledger set state = 'queued', due_at = now() + make_interval(secs => $3),
    code = $4, reason = $5, stopped = $6
where id = $1 and attempt = $2 and state = 'sending'
"""

DEFER_FOR_QUIET_HOURS = """
update deliverer.ledger l set due_at = n.until, code = 0, reason = n.why
from unnest($1::text[], $2::timestamptz[], $3::text[]) n (number, until, why)
where l.number = n.number and l.state = 'queued' and (l.purpose <> '' or l.asks)
    and l.due_at < n.until
"""

# They made no attempt, so nothing else of them changes.
EXPLAIN = """
update deliverer.ledger set code = $2, reason = $3
where id = any(array(select id from deliverer.ledger
    where number = $1 and state = 'queued' and reason = '' and due_at <= now()
    order by position limit $4)) and state = 'queued' and reason = ''
"""

# The hourly look at the number keeps the row young, or deletes it where the setting is off.
REFUSE_DIRECT_SEND = """
insert into deliverer.number_health as h
    (number, "check", state, detail, until, looked_at, since)
values ($1, 'direct_send', 'warning', $2, now() + $3, now(), now())
on conflict (number, "check") do update set detail = excluded.detail, until = excluded.until,
    looked_at = excluded.looked_at
returning since = looked_at
"""

FORGET_REFUSED_DIRECT_SEND = """
delete from deliverer.number_health where number = $1 and "check" = 'direct_send' returning true
"""

RESUME_STOPPED = """
update deliverer.ledger l set due_at = now() + make_interval(secs => before * $1::float8)
from (
    select id, row_number() over (partition by number order by position) - 1 as before
    from deliverer.ledger where state = 'queued' and stopped
) as waiting
where l.id = waiting.id and l.state = 'queued' and l.stopped
"""

MARK_UNKNOWN = """
update deliverer.ledger set state = 'unknown', reason = 'the sending process ended'
where state = 'sending' and claimed_at < now() - make_interval(secs => $1)
"""

COUNT_UNCONFIRMED = """
select number, count(*) from deliverer.ledger
where state = 'unconfirmed' and claimed_at > now() - make_interval(secs => $1) group by number
"""

# Of a stopped number the statuses come after its move, and settle the message there.
MARK_UNCONFIRMED = f"""
update deliverer.ledger set state = 'unconfirmed', reason = $2
where state = 'unknown' and claimed_at < now() - make_interval(secs => $1)
    and {not_stopped("number")}
returning id, number, conversation, traceparent
"""

# The oldest of each number first, claimed for as long as an attempt takes. The typing indicator is
# left out once an answer is on its way, or after the time that Meta shows it.
CLAIM_READ_RECEIPTS = f"""
update deliverer.mark m set attempt = attempt + 1, due_at = now() + make_interval(secs => $3)
from (
    select first.* from unnest($1::text[], $2::int[]) n (number, room) cross join lateral (
        select number, person, due_at from deliverer.mark q
        where q.number = n.number and {not_stopped("n.number")} and q.due_at <= now()
        order by q.due_at limit n.room for update skip locked
    ) first order by due_at limit $5
) as first
where m.number = first.number and m.person = first.person
returning m.number, m.person, m.id, m.wamid, m.attempt,
    m.typing and m.created_at > now() - make_interval(secs => $4)
        and not exists (select from deliverer.ledger l
            where l.person = m.person and l.number = m.number
                and l.state in ('queued', 'sending', 'unknown'))
        and not exists (select from deliverer.ledger l
            where l.person = m.person and l.number = m.number and l.claimed_at >= m.created_at)
        as typing,
    coalesce((select case when t.live_at is null then 'trial' else 'live' end
        from deliverer.trial t where t.number = m.number), '') as trial,
    exists (select from deliverer.guest_person g
        where g.person = m.person and g.number = m.number) as is_guest
"""

RESCHEDULE_READ_RECEIPT = """
update deliverer.mark set due_at = now() + make_interval(secs => $4)
where number = $1 and person = $2 and id = $3
"""

DELETE_READ_RECEIPT = "delete from deliverer.mark where number = $1 and person = $2 and id = $3"

DELETE_OVERDUE_READ_RECEIPTS = """
delete from deliverer.mark m using (
    select number, person from deliverer.mark
    where created_at < now() - make_interval(secs => $1) for update skip locked
) as late
where m.number = late.number and m.person = late.person returning m.number
"""
