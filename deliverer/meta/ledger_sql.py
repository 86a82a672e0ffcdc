"""What the ledger reads and writes, in SQL."""

from services.contract import AUTOMATED_AUTHOR
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

# What stands before a message in the line of its citizen. Not what nobody asked for, while it waits
# for the morning or to be tried again, nor what waits behind such: an answer overtakes these, and
# nothing else does.
BEFORE = """select from deliverer.ledger b
        where b.person = q.person and b.number = q.number and b.position < q.position
            and b.state in ('queued', 'sending', 'unknown')
            and not (q.purpose = '' and b.state = 'queued' and b.purpose <> '' and exists (
                select from deliverer.ledger w
                where w.person = b.person and w.number = b.number and w.position <= b.position
                    and w.state = 'queued' and w.purpose <> '' and w.due_at > now()))
            and not (b.asks and b.state = 'queued' and b.due_at > now())"""

# What may be held until its citizen writes again, and then holds back what is like it. A template
# may go at any time, and overtakes it: the one that asks them to write above all. A reaction is
# nobody's answer.
MAY_WAIT = "{0}.content ->> 'type' not in ('template', 'reaction')"
HELD_BEFORE = f"""{MAY_WAIT.format("q")} and exists (select from deliverer.ledger h
        where h.person = q.person and h.number = q.number and h.position < q.position
            and h.state = 'held')"""

# Whether the citizen of what is held wrote to its number since, and lately enough for Meta. By
# the conversation too: a merge may have found them to be somebody else.
WRITTEN = f"""exists (select from router.conversation c
    where c.number = {{0}}.number and c.person in ({{0}}.person,
            (select o.person from router.conversation o where o.id = {{0}}.conversation))
        and c.said_at > greatest({{0}}.heard_at,
            now() - interval '{CUSTOMER_SERVICE_WINDOW.total_seconds()} seconds'))"""

# $2: number -> account.
FILE = """select {0} from deliverer.upload u
        where u.media = {1}.media and u.account = $2::jsonb ->> {1}.number
            and u.provider_id <> '' and u.due_at > now()"""

# Whether consent is still there; another partition may have just put it on record after its end.
CONSENT = """select from router.consent c
    where c.person = l.person and c.purpose = l.purpose and c.ended_at is null
        and not exists (select from router.withdrawal w
            where (w.person, w.tenant) = (c.person, c.tenant) and w.at >= c.given_at)"""

LINE = f"""
l.id, l.number, l.conversation, l.address_kind, l.address, l.content, l.attempt, l.about, l.media,
l.code, l.purpose, (l.purpose = '' or exists ({CONSENT})) as consented,
extract(epoch from l.claimed_at - l.first_at)::float8 as tried,
coalesce(nullif(l.about_wamid, ''), (select a.wamid from deliverer.ledger a
    where a.id = l.about and a.person = l.person and a.number = l.number), '') as about_wamid,
coalesce(({FILE.format("u.provider_id", "l")}), '') as media_id,
coalesce((select m.filename from gateway.media m where m.id = l.media), '') as media_name,
(l.author_kind, l.author) = ('{AUTOMATED_AUTHOR.kind}', '{AUTOMATED_AUTHOR.id}') as automatic,
l.asks as is_reopen_request, (l.asks and exists (select from deliverer.ledger h
    where h.person = l.person and h.number = l.number and h.state = 'held'
        and not {WRITTEN.format("h")})) as still_needed,
(select max(c.said_at) from router.conversation c
    where c.person = l.person and c.number = l.number) as window_opened_at,
(select max(c.last_inbound_at) from router.conversation c where c.person = l.person)
    as last_inbound_at,
(select max(w.at) from router.withdrawal w where w.person = l.person and w.by = 'stop')
    as stopped_at
"""

# Meta lets a number write to one citizen once in 6 s, and 45 times at once.
PAIR_MESSAGES, PAIR_SECONDS = 45, 270

READY = f"""q.state = 'queued' and q.due_at <= now() and not exists ({BEFORE})
        and not ({HELD_BEFORE})
        and (q.media is null or not $2::jsonb ? q.number or exists ({FILE.format("", "q")}))
        and (select count(*) from deliverer.ledger p
            where p.person = q.person and p.number = q.number
                and p.claimed_at > now() - interval '{PAIR_SECONDS} seconds') < {PAIR_MESSAGES}
    order by q.due_at, q.position"""

# The numbers that something is queued of, one step of the index each, however much that is.
QUEUED = """
with recursive queued (number) as (
    (select number from deliverer.ledger where state = 'queued' order by number limit 1)
    union all
    select (select l.number from deliverer.ledger l where l.state = 'queued'
        and l.number > queued.number order by l.number limit 1)
    from queued where queued.number is not null
)
"""

# Each number by itself, so that one with a backlog holds up no other; and those that are gone. By
# when it is due: what is not yet is passed over by the index, and may be very much.
CLAIM = f"""{QUEUED}
update deliverer.ledger l set state = 'sending', attempt = attempt + 1, claimed_at = now(),
    first_at = coalesce(first_at, now()), claimed_by = $1, stopped = false
from (
    select id from (
        select first.*, row_number() over (
            partition by first.number order by first.due_at, first.position) as nth
        from (
            select number, room from unnest($4::text[], $5::int[]) known (number, room)
            union all
            select number, $3::int from queued where number <> all($4)
        ) n cross join lateral (
            select id, number, due_at, position from deliverer.ledger q
            where q.number = n.number and {READY} limit n.room for update skip locked
        ) first
    ) ranked order by nth, position limit $3
) as first
where l.id = first.id
returning {LINE}
"""

LOST_CLAIMS = f"""
select {LINE} from deliverer.ledger l
where claimed_by = $1 and state = 'sending' and id || '.' || attempt <> all($3::text[]) limit $4
"""

LET_GO = """
update deliverer.ledger set state = 'queued'
where claimed_by = $1 and state = 'sending' and id || '.' || attempt <> all($2::text[])
"""

WAITING = """
update deliverer.ledger set code = $3, reason = $4
where media = $1 and number = $2 and state = 'queued'
"""

WITHOUT = """
update deliverer.ledger set state = 'failed', code = $3, reason = $4
where media = $1 and number = $2 and state = 'queued' returning id, number, conversation
"""

# The attempt is named: a statement that the server carries out late must not touch the next one.
CHANGE = """
update deliverer.ledger set state = $3, wamid = $4, code = $5, reason = $6
where id = $1 and attempt = $2 and state in ('sending', 'unknown') returning id
"""

# Since when it is tried counts from when it may go.
HOLD = """
update deliverer.ledger set state = 'held', held_at = now(), heard_at = $3, wrote_at = $4,
    code = 0, reason = $5, first_at = null
where id = $1 and attempt = $2 and state in ('sending', 'unknown') returning id
"""

LATER = """
update deliverer.ledger set state = 'queued', due_at = now() + make_interval(secs => $3),
    code = $4, reason = $5, stopped = $6
where id = $1 and attempt = $2 and state = 'sending'
"""

REST = """
update deliverer.ledger l set due_at = n.until, code = 0, reason = n.why
from unnest($1::text[], $2::timestamptz[], $3::text[]) n (number, until, why)
where l.number = n.number and l.state = 'queued' and (l.purpose <> '' or l.asks)
    and l.due_at < n.until
"""

# No attempt of theirs, so nothing else of them changes.
EXPLAIN = """
update deliverer.ledger set code = $2, reason = $3
where id = any(array(select id from deliverer.ledger
    where number = $1 and state = 'queued' and reason = '' and due_at <= now()
    order by position limit $4)) and state = 'queued' and reason = ''
"""

START_AGAIN = """
update deliverer.ledger l set due_at = now() + make_interval(secs => before * $1::float8)
from (
    select id, row_number() over (partition by number order by position) - 1 as before
    from deliverer.ledger where state = 'queued' and stopped
) as waiting
where l.id = waiting.id and l.state = 'queued' and l.stopped
"""

LOST = """
update deliverer.ledger set state = 'unknown', reason = 'the sending process ended'
where state = 'sending' and claimed_at < now() - make_interval(secs => $1)
"""

UNCONFIRMED = """
select number, count(*) from deliverer.ledger
where state = 'unconfirmed' and claimed_at > now() - make_interval(secs => $1) group by number
"""

GIVE_UP = """
update deliverer.ledger set state = 'unconfirmed', reason = $2
where state = 'unknown' and claimed_at < now() - make_interval(secs => $1)
returning id, number, conversation
"""

# The oldest of each number first, for so long as an attempt takes. Nobody types any more once an
# answer is on its way, or after as long as Meta shows it.
CLAIM_MARKS = """
update deliverer.mark m set attempt = attempt + 1, due_at = now() + make_interval(secs => $3)
from (
    select first.* from unnest($1::text[], $2::int[]) n (number, room) cross join lateral (
        select number, person, due_at from deliverer.mark q
        where q.number = n.number and q.due_at <= now()
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
        as typing
"""

MARK_LATER = """
update deliverer.mark set due_at = now() + make_interval(secs => $4)
where number = $1 and person = $2 and id = $3
"""

MARK_GONE = "delete from deliverer.mark where number = $1 and person = $2 and id = $3"

MARKS_OVERDUE = """
delete from deliverer.mark m using (
    select number, person from deliverer.mark
    where created_at < now() - make_interval(secs => $1) for update skip locked
) as late
where m.number = late.number and m.person = late.person returning m.number
"""
