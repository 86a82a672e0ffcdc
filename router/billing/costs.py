"""The cost of a month's messages, grouped by how Meta charged them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from router.billing.charges import classify_charge
from services.config.pricing import Rate


class ChargeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The number of delivered messages with the same values in all other fields."""

    tenant: str
    number: str
    department: str
    category: str
    type: str
    billable: bool | None
    count: int

    @property
    def charged_count(self) -> int:
        return self.count if classify_charge(self.type, self.billable) == "charged" else 0


def total_cost(groups: Iterable[ChargeGroup], rate: Rate) -> Decimal:
    """Return the cost of the charged messages whose category has an amount."""
    costs = (rate.cost(group.category, group.charged_count) for group in groups)
    return sum((each for each in costs if each is not None), Decimal(0))


def budget_ratio(spent: Decimal, budget: Decimal) -> float:
    """Return the share of a budget that is spent; 1 for any cost without a budget."""
    return float(spent / budget) if budget else float(spent > 0)


def budget_ratios(
    groups: Sequence[ChargeGroup], rate: Rate, budgets: Mapping[str, Decimal]
) -> dict[str, float]:
    """Return the share of its budget that each municipality has spent."""
    return {
        tenant: budget_ratio(
            total_cost([group for group in groups if group.tenant == tenant], rate), budget
        )
        for tenant, budget in budgets.items()
    }
