"""The stand-in charges messages as Meta does since October 2026."""

from datetime import UTC, datetime

import pytest

from sandbox.meta.pricing import MonthlyPrices
from sandbox.meta.webhook_payloads import Sent
from sandbox.organisation import Number

NOVEMBER = datetime(2026, 11, 20, 8, 14, 3, tzinfo=UTC)
DECEMBER = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
"""Midnight in Amsterdam."""
FREE, CHARGED = ("service", "free_customer_service"), ("service", "regular")


def price(
    prices: MonthlyPrices,
    type: str = "text",
    at: datetime = NOVEMBER,
    number: str = "1",
    *,
    arrives: bool = True,
) -> tuple[str, str]:
    to = Sent(wamid="wamid.X", number=Number(number, "almelo"), phone="316", bsuid="NL.A")
    pricing = prices.price(to, type, at, arrives=arrives)
    assert pricing["billable"] is (pricing["type"] == "regular")
    return pricing["category"], pricing["type"]


def test_a_thousand_service_messages_of_a_number_are_free_in_a_month() -> None:
    prices = MonthlyPrices()
    assert {price(prices) for _ in range(1000)} == {FREE}
    assert price(prices) == CHARGED
    assert price(prices, number="2") == FREE
    assert price(prices, at=DECEMBER) == FREE


@pytest.mark.parametrize(
    ("type", "arrives", "expected"),
    [("template", True, ("utility", "regular")), ("text", False, FREE)],
)
def test_a_template_and_a_message_that_does_not_arrive_use_no_free_messages(
    type: str, arrives: bool, expected: tuple[str, str]
) -> None:
    prices = MonthlyPrices()
    assert {price(prices, type, arrives=arrives) for _ in range(1001)} == {expected}
    assert price(prices) == FREE
