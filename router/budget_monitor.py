"""A month's charged messages, and the metric of how much of its budget a municipality has used."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

import structlog

from router.billing.costs import ChargeGroup, budget_ratios
from router.model.work import RoutingContext
from services import clock, metrics
from services.config.pricing import find_rate, month_of, span
from services.postgres.database import Pool, retry_while_unavailable
from services.stops.stopped_numbers import stopped_tenants

POLL_SECONDS = 300.0
"""Interval of the count, which reads all of the month's messages; money is spent slowly."""
GROUPS = 20_000
"""Maximum groups of a month; a municipality has some hundreds. More is an error, so that no report
shows only a part."""
log = structlog.get_logger()


class TooManyGroups(Exception):
    """More groups than municipalities can have: the statuses must contain wrong values."""


async def load_charges(pool: Pool, month: date, tenant: str | None) -> list[ChargeGroup]:
    """Load the charges of one month, of one municipality or of all; TooManyGroups for nonsense."""
    rows = await pool.fetch(_GROUPS, *span(month), tenant, GROUPS + 1)
    if len(rows) > GROUPS:
        raise TooManyGroups(f"{month:%Y-%m} has more than {GROUPS} kinds of messages")
    return [ChargeGroup(**row) for row in rows]


class BudgetMonitor:
    """Keeps the metric of each municipality's budget up to date."""

    def __init__(self, pool: Pool, current: Callable[[], Awaitable[RoutingContext]]) -> None:
        self._pool, self._current = pool, current

    async def run(self) -> None:
        """Refresh the metric for as long as the service runs."""
        while True:
            try:
                await retry_while_unavailable(self.refresh, "budgets")
            except TooManyGroups as error:
                log.error("budgets.uncounted", reason=str(error))
            await asyncio.sleep(POLL_SECONDS)

    async def refresh(self) -> None:
        """Set the metric of each municipality; remove it for lack of a budget or a rate, and while
        the municipality is stopped."""
        config = (await self._current()).config
        month = month_of(clock.now())
        resting = await stopped_tenants(self._pool)
        budgets = {
            t.id: t.budget for t in config.tenants if t.budget is not None and t.id not in resting
        }
        rate = find_rate(config.rates, month)
        groups = await load_charges(self._pool, month, None) if budgets and rate else []
        metrics.budget_used.clear()
        if rate:
            for tenant, ratio in budget_ratios(groups, rate, budgets).items():
                metrics.budget_used.labels(tenant=tenant).set(ratio)


_GROUPS = """
select tenant, number, department, category, type, billable, count(*) as count
from router.charge
where delivered_at >= $1 and delivered_at < $2 and ($3::text is null or tenant = $3)
group by tenant, number, department, category, type, billable
order by tenant, number, department, category, type, billable limit $4
"""
