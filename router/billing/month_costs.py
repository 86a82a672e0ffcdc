"""Compute the costs of a month from the counts: rows, totals, free messages, budgets. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import reduce
from typing import Any

import msgspec

from router.billing.charges import classify_charge
from router.billing.costs import ChargeGroup, budget_ratio, total_cost
from services.config.model import Configuration
from services.config.pricing import FREE_SERVICE, FREE_SERVICE_FROM, Rate, find_rate

GROUPINGS = ("department", "number", "category")
"""Members by which messages can be grouped, besides the municipality."""
SERVICE = "service"
FREE_ALLOWANCE = "free_customer_service"
"""Meta's `type` of a service message within the free allowance; other types are free for other
reasons."""


class MessageTotals(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Counts and costs of delivered messages.

    `unknown`: no status said how they were charged. `unrated`: charged messages of a category
    without a rate, which have no `amount`.
    """

    delivered: int = 0
    free: int = 0
    charged: int = 0
    unknown: int = 0
    amount: Decimal | None = None
    unrated: int = 0

    def plus(self, other: "MessageTotals") -> "MessageTotals":
        amounts = [each for each in (self.amount, other.amount) if each is not None]
        return MessageTotals(
            delivered=self.delivered + other.delivered,
            free=self.free + other.free,
            charged=self.charged + other.charged,
            unknown=self.unknown + other.unknown,
            amount=sum(amounts, Decimal(0)) if amounts else None,
            unrated=self.unrated + other.unrated,
        )


class Row(MessageTotals, frozen=True, rename="camel", kw_only=True):
    """The totals of one group; '' for a member by which the rows are not grouped."""

    tenant: str
    department: str = ""
    number: str = ""
    category: str = ""


class Allowance(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The free service messages of a number, of all its departments.

    `agrees` is False if Meta charged messages before the allowance was used up, or gave more free
    messages than it promises.
    """

    tenant: str
    number: str
    used: int
    free: int = FREE_SERVICE
    charged: int
    agrees: bool


class Budget(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    tenant: str
    budget: Decimal
    spent: Decimal
    used: float


class Costs(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    month: str
    currency: str | None
    rate_from: date | None
    rates: dict[str, Decimal]
    rows: list[Row]
    total: MessageTotals
    budgets: list[Budget]
    allowances: list[Allowance]


class CostsFilter(msgspec.Struct, frozen=True, kw_only=True):
    month: date
    tenant: str | None = None
    department: str | None = None
    number: str | None = None
    by: tuple[str, ...] = GROUPINGS

    def matches(self, group: ChargeGroup) -> bool:
        return self.department in (None, group.department) and self.number in (None, group.number)


def compute_costs(
    groups: Sequence[ChargeGroup], criteria: CostsFilter, config: Configuration | None
) -> Costs:
    """Compute the costs from all groups of the month and the municipality.

    The rows are of the matching groups; budgets and allowances need all groups.
    """
    rate = find_rate(config.rates, criteria.month) if config else None
    matching = [group for group in groups if criteria.matches(group)]
    numbers = {group.number for group in matching}
    of_numbers = [group for group in groups if group.number in numbers]
    return Costs(
        month=f"{criteria.month:%Y-%m}",
        currency=rate.currency if rate else None,
        rate_from=rate.first if rate else None,
        rates=rate.amounts if rate else {},
        rows=list(_rows(matching, criteria.by, rate)),
        total=_total(matching, rate),
        budgets=list(_budgets(groups, criteria, config, rate)) if config and rate else [],
        allowances=list(_allowances(of_numbers)) if criteria.month >= FREE_SERVICE_FROM else [],
    )


def _rows(groups: Iterable[ChargeGroup], by: Sequence[str], rate: Rate | None) -> Iterator[Row]:
    keys = ("tenant", *(each for each in GROUPINGS if each in by))
    for values, alike in _split(groups, keys):
        members: dict[str, Any] = dict(zip(keys, values, strict=True))
        yield Row(**members, **msgspec.structs.asdict(_total(alike, rate)))


def _split(
    groups: Iterable[ChargeGroup], keys: Sequence[str]
) -> list[tuple[tuple[str, ...], list[ChargeGroup]]]:
    by_key: dict[tuple[str, ...], list[ChargeGroup]] = {}
    for group in groups:
        by_key.setdefault(tuple(getattr(group, key) for key in keys), []).append(group)
    return sorted(by_key.items())


def _total(groups: Iterable[ChargeGroup], rate: Rate | None) -> MessageTotals:
    return reduce(MessageTotals.plus, (_sum(group, rate) for group in groups), MessageTotals())


def _sum(group: ChargeGroup, rate: Rate | None) -> MessageTotals:
    charged = group.charged_count
    amount = rate.cost(group.category, charged) if rate else None
    charge = classify_charge(group.type, group.billable)
    return MessageTotals(
        delivered=group.count,
        free=group.count if charge == "free" else 0,
        charged=charged,
        unknown=group.count if charge == "unknown" else 0,
        # A free message costs nothing, whatever the rate card says.
        amount=Decimal(0) if rate and charge == "free" else amount,
        unrated=charged if amount is None else 0,
    )


def _allowances(groups: Iterable[ChargeGroup]) -> Iterator[Allowance]:
    for (tenant, number), alike in _split(groups, ("tenant", "number")):
        services = [group for group in alike if group.category == SERVICE]
        free = sum(group.count for group in services if group.type == FREE_ALLOWANCE)
        charged = sum(group.charged_count for group in services)
        agrees = free == FREE_SERVICE if charged else free <= FREE_SERVICE
        yield Allowance(tenant=tenant, number=number, used=free, charged=charged, agrees=agrees)


def _budgets(
    groups: Sequence[ChargeGroup], criteria: CostsFilter, config: Configuration, rate: Rate
) -> Iterator[Budget]:
    for tenant in config.tenants:
        if tenant.budget is not None and criteria.tenant in (None, tenant.id):
            spent = total_cost([group for group in groups if group.tenant == tenant.id], rate)
            share = budget_ratio(spent, tenant.budget)
            yield Budget(tenant=tenant.id, budget=tenant.budget, spent=spent, used=share)
