"""Findings in PostgreSQL, and whose turn it is to look at a number."""

from collections.abc import Collection
from datetime import datetime

import msgspec

from deliverer.meta.health.finding import (
    CHECKS,
    LEARNED,
    NO_ANSWER,
    Check,
    Findings,
    State,
)
from deliverer.meta.ledger_sql import FORGET_REFUSED_DIRECT_SEND
from services.postgres.database import Pool
from services.stops.stopped_numbers import not_stopped, stopped_numbers


class NumberHealth(msgspec.Struct, frozen=True):
    """Row of one check of one number, for the metrics and `postkamer status`."""

    number: str
    check: Check
    state: State
    detail: str
    until: datetime | None
    looked_at: datetime
    since: datetime


async def read_health(pool: Pool) -> list[NumberHealth]:
    """Return all rows, by number, and in the order of the checks."""
    order = [*CHECKS, *LEARNED]
    rows = [NumberHealth(**row) for row in await pool.fetch(_READ) if row["check"] in order]
    return sorted(rows, key=lambda row: (row.number, order.index(row.check)))


class HealthStore:
    def __init__(self, pool: Pool, numbers: Collection[str]) -> None:
        """`numbers` may grow."""
        self._pool, self._configured = pool, numbers

    @property
    def _numbers(self) -> list[str]:
        return sorted(self._configured)

    async def begin(self) -> None:
        """Forget numbers that are gone, and make all others due: what was wrong may be mended."""
        await self._pool.execute(_FORGET_HEALTH, self._numbers)
        await self._pool.execute(_FORGET_LOOKS, self._numbers)
        await self._pool.execute(_HASTEN)

    async def claim(self, seconds: float) -> str | None:
        """Claim a number that is due and not stopped, for so long, or return None."""
        number: str | None = await self._pool.fetchval(_CLAIM, self._numbers, seconds)
        return number

    async def finish(self, number: str, seconds: float) -> None:
        """Set the next look at a number."""
        await self._pool.execute(_FINISH, number, seconds)

    async def keep_direct_send(self, number: str, *, is_on: bool) -> None:
        """Keep the finding about Direct Send as young as the others, or forget it."""
        statement = _RENEW_DIRECT_SEND if is_on else FORGET_REFUSED_DIRECT_SEND
        await self._pool.execute(statement, number)

    async def read(self) -> list[NumberHealth]:
        """Return the rows of our numbers, without those that rest."""
        rows, resting = await read_health(self._pool), await self.resting()
        return [row for row in rows if row.number in self._numbers and row.number not in resting]

    async def resting(self) -> frozenset[str]:
        """Return the numbers that are stopped."""
        return await stopped_numbers(self._pool)

    async def store(self, number: str, findings: Findings) -> set[Check]:
        """Store the findings of a number. Return the checks whose state has changed."""
        changed: set[Check] = set()
        for check, finding in findings.items():
            if finding is None:
                await self._pool.execute(_STORE_NO_ANSWER, number, check, NO_ANSWER)
                continue
            values = finding.state, finding.detail, finding.until
            if await self._pool.fetchval(_STORE, number, check, *values):
                changed.add(check)
        return changed


_READ = """
select number, "check", state, detail, until, looked_at, since from deliverer.number_health
"""
_FORGET_HEALTH = "delete from deliverer.number_health where number <> all($1::text[])"
_FORGET_LOOKS = "delete from deliverer.number_look where number <> all($1::text[])"
_HASTEN = "update deliverer.number_look set next_at = least(next_at, now())"
_CLAIM = f"""
insert into deliverer.number_look as l (number, next_at, claimed_until)
select number, now(), now() + make_interval(secs => $2) from unnest($1::text[]) n (number)
where not exists (select from deliverer.number_look o where o.number = n.number
    and greatest(o.next_at, o.claimed_until) > now())
    and {not_stopped("number")}
order by number limit 1
on conflict (number) do update set claimed_until = excluded.claimed_until
    where greatest(l.next_at, l.claimed_until) <= now()
returning number
"""
_FINISH = """
update deliverer.number_look
set next_at = now() + make_interval(secs => $2), claimed_until = null where number = $1
"""
_RENEW_DIRECT_SEND = """
update deliverer.number_health set looked_at = now() where number = $1 and "check" = 'direct_send'
"""
_STORE = """
insert into deliverer.number_health as h
    (number, "check", state, detail, until, looked_at, since)
values ($1, $2, $3, $4, $5, now(), now())
on conflict (number, "check") do update set state = excluded.state, detail = excluded.detail,
    until = excluded.until, looked_at = excluded.looked_at,
    since = case when h.state = excluded.state then h.since else excluded.since end
returning since = looked_at
"""
# A look without an answer changes nothing that was known; its row grows old, and an alarm sees it.
_STORE_NO_ANSWER = """
insert into deliverer.number_health (number, "check", state, detail, looked_at, since)
values ($1, $2, 'unknown', $3, now(), now())
on conflict do nothing
"""
