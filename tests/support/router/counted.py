"""Figures that decisions counted, as the tables have them."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from router.billing.charges import Charge
from router.billing.costs import ChargeGroup
from router.billing.month_costs import Costs, CostsFilter, compute_costs
from router.figures.judgement import CORRECTED
from router.figures.month import (
    CountedByMonth,
    CountedRow,
    JudgedRow,
    MonthCounts,
    month_bounds,
)
from router.figures.tally import month_of
from router.model.changes import DecidedUnit
from router.model.figure import Figure, MonthFigure, RuleFigure
from services.config.model import Configuration


class Counts:
    """Tables of figures in memory."""

    def __init__(self, done: Iterable[DecidedUnit] = ()) -> None:
        self._figures = Counter[Figure]()
        self._month_figures = Counter[MonthFigure]()
        self._rule_figures = Counter[RuleFigure]()
        self.first_uses: dict[str, datetime] = {}
        self.add(done)

    def add(self, done: Iterable[DecidedUnit]) -> None:
        for _, _, changes in done:
            self._figures.update(changes.figures)
            self._month_figures.update(changes.month_figures)
            self._rule_figures.update(changes.rule_figures)

    def month(self, first: date, *, is_first: bool = False) -> MonthCounts:
        """Return the counts of a month, as the router loads them."""
        _, end = month_bounds(f"{first:%Y-%m}")
        rows, by_month, judged = Counter[tuple[str, str, int]](), list[CountedByMonth](), []
        for figure, n in self._figures.items():
            if first <= figure.day < end:
                rows[figure.department, figure.what, figure.value] += n
        for each, n in self._month_figures.items():
            if each.month == first:
                by_month.append(CountedByMonth(each.department, each.what, each.hour, each.rule, n))
        for one, n in self._rule_figures.items():
            if one.month == first:
                judged.append(JudgedRow(one.department, one.what, one.rule, one.version, n))
                if one.what == CORRECTED:
                    by_month.append(CountedByMonth(one.department, one.what, -1, one.rule, n))
        return MonthCounts(
            first, is_first, [CountedRow(*row, n) for row, n in rows.items()], by_month, judged
        )


def month_costs(
    charges: Iterable[Charge], config: Configuration, tenant: str, month: date
) -> Costs:
    """Return the costs of a month by department, of charges that the router keeps."""
    delivered = (
        each for each in charges if each.delivered_at and month_of(each.delivered_at) == month
    )
    groups = Counter(
        (each.tenant, each.number, each.department, each.category, each.type, each.billable)
        for each in delivered
        if each.tenant == tenant
    )
    listed = [
        ChargeGroup(
            tenant=key[0],
            number=key[1],
            department=key[2],
            category=key[3],
            type=key[4],
            billable=key[5],
            count=n,
        )
        for key, n in groups.items()
    ]
    return compute_costs(
        listed, CostsFilter(month=month, tenant=tenant, by=("department",)), config
    )
