"""What messages cost: what a municipality pays for one, by Meta's category, from a month on. Pure.

A status says how Meta charged a message and never how much: amounts are on its rate card. They are
decimals from the file to the total, and rounded where they are shown.
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
"""Service messages that a business number may have delivered in a month before they cost anything;
none of it is kept for the next month. Meta's page on non-template messages, September 2026."""
FREE_SERVICE_FROM = date(2026, 10, 1)
"""Before this month all service messages were free, without a number to them."""
CATEGORIES = frozenset(
    [
        "service", "utility", "marketing", "marketing_lite", "authentication",
        "authentication-international", "referral_conversion",
    ]
)  # fmt: skip
"""Categories of Meta's prices that we know. One that it adds counts where a rate has it."""
EXACT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")


def _exact(given: Any) -> Decimal:
    if not (isinstance(given, str) and EXACT.fullmatch(given)):
        raise PydanticCustomError("amount", 'An amount is written as text, such as "0.0456"')
    return Decimal(given)


Amount = Annotated[Decimal, BeforeValidator(_exact)]
"""As text: what TOML would make of it without quotes is not exact."""
Category = Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")]


class Rate(ConfigModel):
    """What messages cost that are delivered in this month and later ones, until the next rate."""

    first: date = Field(alias="from")
    """The first day of a month: Meta changes prices when a quarter begins, and a month has one."""
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    amounts: dict[Category, Amount] = Field(min_length=1, max_length=50)
    """Meta's category -> what a message of it costs."""

    @field_validator("first")
    @classmethod
    def _begins_a_month(cls, first: date) -> date:
        if first.day != 1:
            raise PydanticCustomError("from", "A rate holds from the first day of a month")
        return first

    def cost(self, category: str, messages: int = 1) -> Decimal | None:
        """None where it has no amount for this category."""
        amount = self.amounts.get(category)
        return None if amount is None else amount * messages


def rate_of(rates: Iterable[Rate], month: date) -> Rate | None:
    """The one that holds in a month; None before the first."""
    begun = (rate for rate in rates if rate.first <= month)
    return max(begun, key=lambda rate: rate.first, default=None)


def month_of(at: datetime) -> date:
    """The first day of the month in which it was in Amsterdam, where a Dutch account of Meta's has
    its clock: a price of Meta's begins at midnight in the account's zone, so a month will too."""
    return at.astimezone(AMSTERDAM).date().replace(day=1)


def following(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def span(month: date) -> tuple[datetime, datetime]:
    """From when, inclusive, till when, exclusive, a month lasts in Amsterdam."""
    return _midnight(month), _midnight(following(month))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM).astimezone(UTC)
