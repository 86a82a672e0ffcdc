"""A month's messages, counted by what they were charged as, and what these cost. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from router.billing.charges import kind
from services.config.pricing import Rate


class ChargeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """So many messages that were delivered, alike in all of this."""

    tenant: str
    number: str
    department: str
    category: str
    type: str
    billable: bool | None
    count: int

    @property
    def charged(self) -> int:
        return self.count if kind(self.type, self.billable) == "charged" else 0


def cost(groups: Iterable[ChargeGroup], rate: Rate) -> Decimal:
    """Of what is charged and has an amount."""
    costs = (rate.cost(group.category, group.charged) for group in groups)
    return sum((each for each in costs if each is not None), Decimal(0))


def budget_ratio(spent: Decimal, budget: Decimal) -> float:
    """The share of a budget that is spent; of none at all, all of it."""
    return float(spent / budget) if budget else float(spent > 0)


def budget_ratios(
    groups: Sequence[ChargeGroup], rate: Rate, budgets: Mapping[str, Decimal]
) -> dict[str, float]:
    """Municipality -> the share of its budget that it used."""
    return {
        tenant: budget_ratio(
            cost([group for group in groups if group.tenant == tenant], rate), budget
        )
        for tenant, budget in budgets.items()
    }
