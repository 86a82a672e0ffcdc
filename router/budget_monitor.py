"""What messages were charged as in a month, counted; and an alarm's figure of what it may cost."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

import structlog

from router.billing.costs import ChargeGroup, budget_ratios
from router.model.decision import RoutingContext
from services import clock, metrics
from services.config.pricing import find_rate, month_of, span
from services.postgres.database import Pool, retry_while_unavailable

LOOK_SECONDS = 300.0
"""Between two looks: each counts the month's messages, and money is spent slowly."""
GROUPS = 20_000
"""At most, of one month: a town has some hundreds. More is told, and not half of it shown."""
log = structlog.get_logger()


class TooManyGroups(Exception):
    """More groups than towns can have: something is wrong with what statuses say."""


async def spent(pool: Pool, month: date, tenant: str | None) -> list[ChargeGroup]:
    """All of one month, of one municipality or of all of them."""
    rows = await pool.fetch(_GROUPS, *span(month), tenant, GROUPS + 1)
    if len(rows) > GROUPS:
        raise TooManyGroups(f"{month:%Y-%m} has more than {GROUPS} kinds of messages")
    return [ChargeGroup(**row) for row in rows]


class BudgetMonitor:
    """How much of its budget each municipality has used this month, for whoever is to be told."""

    def __init__(self, pool: Pool, current: Callable[[], Awaitable[RoutingContext]]) -> None:
        self._pool, self._current = pool, current

    async def run(self) -> None:
        """For as long as the service runs."""
        while True:
            try:
                await retry_while_unavailable(self.refresh, "budgets")
            except TooManyGroups as error:
                log.error("budgets.uncounted", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def refresh(self) -> None:
        """What cannot be said, without a budget or a rate, is not told."""
        config = (await self._current()).config
        month = month_of(clock.now())
        budgets = {t.id: t.budget for t in config.tenants if t.budget is not None}
        rate = find_rate(config.rates, month)
        groups = await spent(self._pool, month, None) if budgets and rate else []
        metrics.budget_used.clear()
        if rate:
            for tenant, share in budget_ratios(groups, rate, budgets).items():
                metrics.budget_used.labels(tenant=tenant).set(share)


_GROUPS = """
select tenant, number, department, category, type, billable, count(*) as count
from router.charge
where delivered_at >= $1 and delivered_at < $2 and ($3::text is null or tenant = $3)
group by tenant, number, department, category, type, billable
order by tenant, number, department, category, type, billable limit $4
"""
