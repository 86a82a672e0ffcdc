"""Late answers on hold: they go when their citizen writes again, or fail; their sender is notified.

The sweep works from the state of the tables and not from incoming messages: so it misses nothing
that happened while it did not run, and sweeping twice changes nothing.
"""

import asyncio
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from deliverer.meta import closed_window
from deliverer.meta.ledger_sql import HAS_REPLIED, MAY_BE_HELD
from deliverer.meta.send_outcomes import State, enqueue_outcome, send_outcome
from services import clock, metrics
from services.postgres.database import Connection, Pool, retry_while_unavailable
from services.stops.stopped_numbers import not_stopped
from services.whatsapp import delivery_status

POLL_SECONDS = 1.0
"""Interval between sweeps: the longest that a citizen who has written waits for the answer."""
ASK_FAILED_SECONDS = 60.0
"""Time on hold before an answer fails because the citizen could not be asked. Within it the router
asks again if an earlier request failed."""
ROWS = 500
"""Rows of one sweep and kind, about 1 KiB each; the rest follows in the next sweep."""

STOPPED = "opted_out: de inwoner stuurde STOP; dit antwoord is niet verstuurd"
EXPIRED = (
    f"window_closed: de inwoner schreef {delivery_status.MAX_HOLD.days} dagen lang niet terug;"
    " dit antwoord is niet verstuurd"
)
ASK_FAILED = "ask_failed: de vraag om terug te schrijven kwam niet aan"
TEMPLATE_CODES = range(132000, 133000)
"""Meta's codes for a faulty template."""
TEMPLATE_NEEDS_ADMIN = "de beheerder moet iets doen aan het sjabloon"


class HeldMessages:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def sweep(self, at: datetime) -> dict[str, int]:
        """Release or fail answers on hold, and return the number on hold per number. Each kind of
        change has its own transaction, because they are independent."""
        counts = await self._count()
        if not counts:
            return {}
        await self._change(at, "failed", _STOPPED, STOPPED)
        await self._change(at, "failed", _ASK_FAILED, ASK_FAILED_SECONDS, *_ASK_PARAMETERS)
        await self._change(at, "failed", _EXPIRED, delivery_status.MAX_HOLD, EXPIRED)
        await self._pool.execute(_RELEASE, ROWS)
        await self._change(at, "held", _HOLD_BEHIND, closed_window.HELD)
        return counts

    async def _count(self) -> dict[str, int]:
        rows = await self._pool.fetch(_COUNT)
        return {row["number"]: row["count"] for row in rows}

    async def _change(self, at: datetime, state: State, statement: str, *parameters: Any) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(statement, ROWS, *parameters)
            await _enqueue_outcomes(connection, rows, state, at)


async def _enqueue_outcomes(
    connection: Connection, rows: Iterable[Any], state: State, at: datetime
) -> None:
    for row in rows:
        code, reason = row["code"], row["reason"]
        if "asked" in row:
            reason = ask_failed_reason(code, row["asked"])
            await connection.execute(_SET_REASON, row["id"], reason)
        await enqueue_outcome(
            connection, send_outcome(dict(row), state, at, code=code, reason=reason)
        )


def ask_failed_reason(code: int, why: str) -> str:
    """Return why an answer failed, from the failure of the template that asked to write."""
    suffix = f"; {TEMPLATE_NEEDS_ADMIN}" if code in TEMPLATE_CODES else ""
    return f"{ASK_FAILED} ({why}){suffix}"


async def run_held_messages(pool: Pool, numbers: Collection[str]) -> None:
    """Sweep for as long as it runs, and publish the numbers on hold; `numbers` may grow."""
    held_messages = HeldMessages(pool)
    while True:
        counts = await retry_while_unavailable(lambda: held_messages.sweep(clock.now()), "held")
        metrics.answers_held.clear()
        for number, count in (dict.fromkeys(numbers, 0) | counts).items():
            metrics.answers_held.labels(number=number).set(count)
        await asyncio.sleep(POLL_SECONDS)


_ASK_PARAMETERS = (delivery_status.REOPEN_REQUEST_VALID_FOR, closed_window.NOT_NEEDED)

_HAS_STOPPED = """exists (select from router.withdrawal w
    where w.person = l.person and w.by = 'stop' and w.at > l.wrote_at)"""

# A row that another process has locked is left for the next sweep; those of stopped numbers rest.
_OLDEST = f"""and {not_stopped("l.number")}
    order by l.position limit $1 for update of l skip locked"""

_STOPPED = f"""
update deliverer.ledger set state = 'failed', reason = $2
where id in (select l.id from deliverer.ledger l
    where l.state = 'held' and {_HAS_STOPPED} {_OLDEST})
returning id, number, conversation, traceparent, code, reason
"""

# The reopen requests since the citizen last wrote, as far as they still count for this answer. If
# all of these failed, the citizen knows of nothing. A request that was not needed did not fail.
_ASK_FAILED = f"""
update deliverer.ledger h set state = 'failed', code = first.code
from (select l.id, asks.code, asks.reason from deliverer.ledger l
    cross join lateral (
        select a.state = 'failed' or coalesce(o.status = 'failed', false) as failed,
            coalesce(nullif(o.code, 0), a.code) as code,
            coalesce(nullif(o.reason, ''), a.reason) as reason
        from deliverer.ledger a left join router.outgoing o on o.id = a.id
        where a.person = l.person and a.number = l.number and a.asks and a.reason <> $4
            and a.created_at > greatest(l.wrote_at, l.held_at - $3::interval)
        order by failed, a.position desc limit 1) asks
    where l.state = 'held' and l.held_at < now() - make_interval(secs => $2) and asks.failed
        and not {HAS_REPLIED.format("l")} {_OLDEST}) first
where h.id = first.id
returning h.id, h.number, h.conversation, h.traceparent, h.code, h.reason, first.reason as asked
"""

_SET_REASON = "update deliverer.ledger set reason = $2 where id = $1"

_EXPIRED = f"""
update deliverer.ledger set state = 'failed', reason = $3
where id in (select l.id from deliverer.ledger l
    where l.state = 'held' and l.held_at < now() - $2::interval
        and not {HAS_REPLIED.format("l")} {_OLDEST})
returning id, number, conversation, traceparent, code, reason
"""

# As if it had just been accepted: earlier attempts do not count.
_RELEASE = f"""
update deliverer.ledger set state = 'queued', due_at = now(), code = 0, reason = ''
where id in (select l.id from deliverer.ledger l
    where l.state = 'held' and {HAS_REPLIED.format("l")} and not {_HAS_STOPPED}
    {_OLDEST})
"""

# Messages behind one on hold to the same citizen, which would be no less late.
_HOLD_BEHIND = f"""
update deliverer.ledger n set state = 'held', held_at = now(), code = 0, reason = $2,
    heard_at = first.heard_at, wrote_at = first.wrote_at, first_at = null
from (select l.id, b.heard_at, b.wrote_at from deliverer.ledger l
    cross join lateral (
        select h.heard_at, h.wrote_at from deliverer.ledger h
        where h.state = 'held' and h.person = l.person and h.number = l.number
            and h.position < l.position
        order by h.position limit 1) b
    where l.state = 'queued' and {MAY_BE_HELD.format("l")}
        and l.person = any(array(
            select w.person from deliverer.ledger w where w.state = 'held'))
    {_OLDEST}) first
where n.id = first.id
returning n.id, n.number, n.conversation, n.traceparent, n.code, n.reason
"""

_COUNT = "select number, count(*) from deliverer.ledger where state = 'held' group by number"
