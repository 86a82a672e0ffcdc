"""What a month cost, made of the counts: rows, totals, free messages, budgets. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import reduce
from typing import Any

import msgspec

from router.billing.charges import kind
from router.billing.costs import ChargeGroup, budget_ratio, cost
from services.config.model import Configuration
from services.config.pricing import FREE_SERVICE, FREE_SERVICE_FROM, Rate, find_rate

BY = ("department", "number", "category")
"""By which messages can be counted, beside the municipality."""
SERVICE = "service"
FREE_OF_THE_THOUSAND = "free_customer_service"
"""Meta's `type` of a service message within the allowance; others are free for other reasons."""


class Sum(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Messages that were delivered; `unknown` were, and no status said what they were charged as.
    Without a rate for the category there is no `amount`, and these are `unrated`."""

    delivered: int = 0
    free: int = 0
    charged: int = 0
    unknown: int = 0
    amount: Decimal | None = None
    unrated: int = 0

    def plus(self, other: "Sum") -> "Sum":
        amounts = [each for each in (self.amount, other.amount) if each is not None]
        return Sum(
            delivered=self.delivered + other.delivered,
            free=self.free + other.free,
            charged=self.charged + other.charged,
            unknown=self.unknown + other.unknown,
            amount=sum(amounts, Decimal(0)) if amounts else None,
            unrated=self.unrated + other.unrated,
        )


class Row(Sum, frozen=True, rename="camel", kw_only=True):
    """A part of them; '' where nothing is told apart by it."""

    tenant: str
    department: str = ""
    number: str = ""
    category: str = ""


class Allowance(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The free service messages of a number, of all its departments. `agrees` unless Meta charged
    some while others were free still, or gave more of them than it says that it gives."""

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
    total: Sum
    budgets: list[Budget]
    allowances: list[Allowance]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    month: date
    tenant: str | None = None
    department: str | None = None
    number: str | None = None
    by: tuple[str, ...] = BY

    def has(self, group: ChargeGroup) -> bool:
        return self.department in (None, group.department) and self.number in (None, group.number)


def costs(groups: Sequence[ChargeGroup], wanted: Wanted, config: Configuration | None) -> Costs:
    """Of all groups of the month and municipality: some of them tell rows, all of them budgets and
    what is free."""
    rate = find_rate(config.rates, wanted.month) if config else None
    chosen = [group for group in groups if wanted.has(group)]
    told = [group for group in groups if group.number in {each.number for each in chosen}]
    return Costs(
        month=f"{wanted.month:%Y-%m}",
        currency=rate.currency if rate else None,
        rate_from=rate.first if rate else None,
        rates=rate.amounts if rate else {},
        rows=[
            Row(**named, **msgspec.structs.asdict(total))
            for named, total in _summed(chosen, wanted.by, rate)
        ],
        total=_total(chosen, rate),
        budgets=list(_budgets(groups, wanted, config, rate)) if config and rate else [],
        allowances=list(_allowances(told)) if wanted.month >= FREE_SERVICE_FROM else [],
    )


def _summed(
    groups: Iterable[ChargeGroup], by: Sequence[str], rate: Rate | None
) -> Iterator[tuple[dict[str, Any], Sum]]:
    keys = ("tenant", *(each for each in BY if each in by))

    def key(group: ChargeGroup) -> tuple[str, ...]:
        return tuple(getattr(group, name) for name in keys)

    for values, alike in _split(groups, key):
        yield dict(zip(keys, values, strict=True)), _total(alike, rate)


def _split(
    groups: Iterable[ChargeGroup], key: Callable[[ChargeGroup], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[ChargeGroup]]]:
    found: dict[tuple[str, ...], list[ChargeGroup]] = {}
    for group in groups:
        found.setdefault(key(group), []).append(group)
    return sorted(found.items())


def _total(groups: Iterable[ChargeGroup], rate: Rate | None) -> Sum:
    return reduce(Sum.plus, (_sum(group, rate) for group in groups), Sum())


def _sum(group: ChargeGroup, rate: Rate | None) -> Sum:
    charged = group.charged
    amount = rate.cost(group.category, charged) if rate else None
    what = kind(group.type, group.billable)
    return Sum(
        delivered=group.count,
        free=group.count if what == "free" else 0,
        charged=charged,
        unknown=group.count if what == "unknown" else 0,
        # What is free costs nothing, whatever stands on the rate card.
        amount=Decimal(0) if rate and what == "free" else amount,
        unrated=charged if amount is None else 0,
    )


def _allowances(groups: Iterable[ChargeGroup]) -> Iterator[Allowance]:
    for (tenant, number), alike in _split(groups, lambda group: (group.tenant, group.number)):
        services = [group for group in alike if group.category == SERVICE]
        free = sum(group.count for group in services if group.type == FREE_OF_THE_THOUSAND)
        charged = sum(group.charged for group in services)
        agrees = free == FREE_SERVICE if charged else free <= FREE_SERVICE
        yield Allowance(tenant=tenant, number=number, used=free, charged=charged, agrees=agrees)


def _budgets(
    groups: Sequence[ChargeGroup], wanted: Wanted, config: Configuration, rate: Rate
) -> Iterator[Budget]:
    for tenant in config.tenants:
        if tenant.budget is not None and wanted.tenant in (None, tenant.id):
            spent = cost([group for group in groups if group.tenant == tenant.id], rate)
            share = budget_ratio(spent, tenant.budget)
            yield Budget(tenant=tenant.id, budget=tenant.budget, spent=spent, used=share)
