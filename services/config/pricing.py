"""Prices of messages: the amount per message, by Meta's category, from a month on. Pure.

A status gives the category under which Meta charged a message, never the amount: amounts are on its
rate card. They are decimals from the file to the total, and are rounded only for display.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from services.calendar.opening_hours import AMSTERDAM
from services.toml.model import ConfigModel

FREE_SERVICE = 1000
"""Free service messages per business number and month; the unused part does not carry over. Source:
Meta's page on non-template messages, September 2026."""
FREE_SERVICE_FROM = date(2026, 10, 1)
"""First month with a limit; before it all service messages were free."""
CATEGORIES = frozenset(
    [
        "service", "utility", "marketing", "marketing_lite", "authentication",
        "authentication-international", "referral_conversion",
    ]
)  # fmt: skip
"""Known categories of Meta's prices. A new one counts if a rate has an amount for it."""
AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


def _parse_amount(value: Any) -> Decimal:
    if not (isinstance(value, str) and AMOUNT.fullmatch(value)):
        raise PydanticCustomError("amount", 'An amount is written as text, such as "0.0456"')
    return Decimal(value)


Amount = Annotated[Decimal, BeforeValidator(_parse_amount)]
"""Amount written as text: without quotes TOML would read an inexact float."""
Category = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class Rate(ConfigModel):
    """Prices of messages delivered in this month and later, until the next rate."""

    first: date = Field(alias="from")
    """First day of a month: Meta changes prices at the start of a quarter, and one month has one
    price."""
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    amounts: dict[Category, Amount] = Field(min_length=1, max_length=50)
    """Meta's category -> price of one message."""

    @field_validator("first")
    @classmethod
    def _check_first_day(cls, first: date) -> date:
        if first.day != 1:
            raise PydanticCustomError("from", "A rate holds from the first day of a month")
        return first

    def cost(self, category: str, messages: int = 1) -> Decimal | None:
        """Return the cost of messages of a category; None if this rate has no amount for it."""
        amount = self.amounts.get(category)
        return None if amount is None else amount * messages


def find_rate(rates: Iterable[Rate], month: date) -> Rate | None:
    """Return the rate that applies in a month; None before the first rate."""
    started = (rate for rate in rates if rate.first <= month)
    return max(started, key=lambda rate: rate.first, default=None)


def month_of(at: datetime) -> date:
    """Return the first day of the month of `at` in Amsterdam.

    Meta's prices change at midnight in the time zone of the account, which is Amsterdam for a Dutch
    account; a month is taken to begin then too.
    """
    return at.astimezone(AMSTERDAM).date().replace(day=1)


def next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def span(month: date) -> tuple[datetime, datetime]:
    """Return the start (inclusive) and the end (exclusive) of a month in Amsterdam."""
    return _midnight(month), _midnight(next_month(month))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM).astimezone(UTC)
