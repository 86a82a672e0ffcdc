"""Answers that wait until their citizen writes again, after Meta's 24 hours: they go when that
happened, or fail, and whoever sent them hears of it.

Looked at from what the tables say, and not from what came in: so nothing is missed that happened
while nobody looked, and looking twice changes nothing.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from deliverer.meta import closed_window
from deliverer.meta.ledger_sql import MAY_WAIT, WRITTEN
from deliverer.meta.send_outcomes import State, enqueue_outcome, send_outcome
from services import clock, metrics
from services.postgres.database import Connection, Pool, retry_while_unavailable
from services.whatsapp import delivery_status

LOOK_SECONDS = 1.0
"""Between two looks: what a citizen waits at most who has written, and then is answered."""
ASK_AGAIN_SECONDS = 60.0
"""From being held to failing because the citizen could not be asked: the router asks anew when it
failed the time before, and has done so by then."""
ROWS = 500
"""Of one look and kind, about 1 KiB each; the next ones at the next look."""

STOPPED = "opted_out: de inwoner stuurde STOP; dit antwoord is niet verstuurd"
EXPIRED = (
    f"window_closed: de inwoner schreef {delivery_status.MAX_HOLD.days} dagen lang niet terug;"
    " dit antwoord is niet verstuurd"
)
NOT_ASKED = "ask_failed: de vraag om terug te schrijven kwam niet aan"
TEMPLATE_CODES = range(132000, 133000)
"""Meta's codes of what is wrong with a template."""
MENDED = "de beheerder moet iets doen aan het sjabloon"


class HeldMessages:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def sweep(self, at: datetime) -> dict[str, int]:
        """How many waited, by number. Each in a transaction of its own: what ends one has nothing
        to do with the next."""
        waited = await self._count()
        if not waited:
            return {}
        await self._change(at, "failed", _STOPPED, STOPPED)
        await self._change(at, "failed", _UNASKED, ASK_AGAIN_SECONDS, *_COUNTS)
        await self._change(at, "failed", _EXPIRED, delivery_status.MAX_HOLD, EXPIRED)
        await self._pool.execute(_RELEASE, ROWS)
        await self._change(at, "held", _FOLLOW, closed_window.HELD)
        return waited

    async def _count(self) -> dict[str, int]:
        rows = await self._pool.fetch(_COUNT)
        return {row["number"]: row["count"] for row in rows}

    async def _change(self, at: datetime, state: State, statement: str, *given: Any) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await connection.fetch(statement, ROWS, *given)
            await _tell(connection, rows, state, at)


async def _tell(connection: Connection, rows: Iterable[Any], state: State, at: datetime) -> None:
    for row in rows:
        code, reason = row["code"], row["reason"]
        if "asked" in row:
            reason = not_asked(code, row["asked"])
            await connection.execute(_SAID, row["id"], reason)
        await enqueue_outcome(
            connection, send_outcome(dict(row), state, at, code=code, reason=reason)
        )


def not_asked(code: int, why: str) -> str:
    """Why an answer failed, by what became of the template that was to ask for a message."""
    whose = f"; {MENDED}" if code in TEMPLATE_CODES else ""
    return f"{NOT_ASKED} ({why}){whose}"


async def run_held_messages(pool: Pool, numbers: Iterable[str]) -> None:
    """Look, for as long as the service runs; and show how many wait."""
    holding, none = HeldMessages(pool), dict.fromkeys(numbers, 0)
    while True:
        waited = await retry_while_unavailable(lambda: holding.sweep(clock.now()), "held")
        metrics.answers_held.clear()
        for number, count in (none | waited).items():
            metrics.answers_held.labels(number=number).set(count)
        await asyncio.sleep(LOOK_SECONDS)


_COUNTS = (delivery_status.REOPEN_REQUEST_VALID_FOR, closed_window.NOT_NEEDED)

_HAS_STOPPED = """exists (select from router.withdrawal w
    where w.person = l.person and w.by = 'stop' and w.at > l.wrote_at)"""

# Who stands still in the middle of it is not waited for: at the next look.
_OLDEST = "order by l.position limit $1 for update of l skip locked"

_STOPPED = f"""
update deliverer.ledger set state = 'failed', reason = $2
where id in (select l.id from deliverer.ledger l
    where l.state = 'held' and {_HAS_STOPPED} {_OLDEST})
returning id, number, conversation, code, reason
"""

# By what asked since they wrote, and not so long before that they were asked anew: where all of it
# failed, they know of nothing. What was not needed did not fail, and what they wrote releases.
_UNASKED = f"""
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
        and not {WRITTEN.format("l")} {_OLDEST}) first
where h.id = first.id
returning h.id, h.number, h.conversation, h.code, h.reason, first.reason as asked
"""

_SAID = "update deliverer.ledger set reason = $2 where id = $1"

_EXPIRED = f"""
update deliverer.ledger set state = 'failed', reason = $3
where id in (select l.id from deliverer.ledger l
    where l.state = 'held' and l.held_at < now() - $2::interval
        and not {WRITTEN.format("l")} {_OLDEST})
returning id, number, conversation, code, reason
"""

# As if it had just been accepted: nothing that was tried before counts.
_RELEASE = f"""
update deliverer.ledger set state = 'queued', due_at = now(), code = 0, reason = ''
where id in (select l.id from deliverer.ledger l
    where l.state = 'held' and {WRITTEN.format("l")} and not {_HAS_STOPPED}
    {_OLDEST})
"""

# What stands behind one that is held, and would be no less late.
_FOLLOW = f"""
update deliverer.ledger n set state = 'held', held_at = now(), code = 0, reason = $2,
    heard_at = first.heard_at, wrote_at = first.wrote_at, first_at = null
from (select l.id, b.heard_at, b.wrote_at from deliverer.ledger l
    cross join lateral (
        select h.heard_at, h.wrote_at from deliverer.ledger h
        where h.state = 'held' and h.person = l.person and h.number = l.number
            and h.position < l.position
        order by h.position limit 1) b
    where l.state = 'queued' and {MAY_WAIT.format("l")}
        and l.person = any(array(
            select w.person from deliverer.ledger w where w.state = 'held'))
    {_OLDEST}) first
where n.id = first.id
returning n.id, n.number, n.conversation, n.code, n.reason
"""

_COUNT = "select number, count(*) from deliverer.ledger where state = 'held' group by number"
