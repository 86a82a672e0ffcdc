"""What messages were charged as in a month, counted; and an alarm's figure of what it may cost."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

import structlog

from router.billing.costs import Group, shares
from router.model.decision import Ground
from services import clock, metrics
from services.config.pricing import month_of, rate_of, span
from services.postgres.database import Pool, until_it_answers

LOOK_SECONDS = 300.0
"""Between two looks: each counts the month's messages, and money is spent slowly."""
GROUPS = 20_000
"""At most, of one month: a town has some hundreds. More is told, and not half of it shown."""
log = structlog.get_logger()


class TooMany(Exception):
    """More groups than towns can have: something is wrong with what statuses say."""


async def spent(pool: Pool, month: date, tenant: str | None) -> list[Group]:
    """All of one month, of one municipality or of all of them."""
    rows = await pool.fetch(_GROUPS, *span(month), tenant, GROUPS + 1)
    if len(rows) > GROUPS:
        raise TooMany(f"{month:%Y-%m} has more than {GROUPS} kinds of messages")
    return [Group(**row) for row in rows]


class Budgets:
    """How much of its budget each municipality has used this month, for whoever is to be told."""

    def __init__(self, pool: Pool, current: Callable[[], Awaitable[Ground]]) -> None:
        self._pool, self._current = pool, current

    async def run(self) -> None:
        """For as long as the service runs."""
        while True:
            try:
                await until_it_answers(self.look, "budgets")
            except TooMany as error:
                log.error("budgets.uncounted", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """What cannot be said, without a budget or a rate, is not told."""
        config = (await self._current()).config
        month = month_of(clock.now())
        budgets = {t.id: t.budget for t in config.tenants if t.budget is not None}
        rate = rate_of(config.rates, month)
        groups = await spent(self._pool, month, None) if budgets and rate else []
        metrics.budget_used.clear()
        if rate:
            for tenant, share in shares(groups, rate, budgets).items():
                metrics.budget_used.labels(tenant=tenant).set(share)


_GROUPS = """
select tenant, number, department, category, type, billable, count(*) as count
from router.charge
where delivered_at >= $1 and delivered_at < $2 and ($3::text is null or tenant = $3)
group by tenant, number, department, category, type, billable
order by tenant, number, department, category, type, billable limit $4
"""
