"""How the stand-in charges messages: as Meta does since October 2026."""

from datetime import UTC, datetime

from sandbox.meta.pricing import MonthlyPrices
from sandbox.meta.webhook_payloads import Sent
from sandbox.organisation import Number

AT = datetime(2026, 11, 20, 8, 14, 3, tzinfo=UTC)
DECEMBER = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
"""Midnight in Amsterdam."""


def to(number: str) -> Sent:
    return Sent(wamid="wamid.X", number=Number(number, "almelo"), phone="31600000011", bsuid="NL.A")


def of(
    prices: MonthlyPrices, number: str = "1", type: str = "text", at: datetime = AT
) -> tuple[str, str]:
    pricing = prices.price(to(number), type, at)
    assert pricing["billable"] is (pricing["type"] == "regular")
    return pricing["category"], pricing["type"]


def test_a_thousand_service_messages_of_a_number_are_free_in_a_month() -> None:
    prices = MonthlyPrices()
    assert {of(prices) for _ in range(1000)} == {("service", "free_customer_service")}
    assert of(prices) == ("service", "regular")
    assert of(prices, number="2") == ("service", "free_customer_service")
    assert of(prices, at=DECEMBER) == ("service", "free_customer_service")


def test_a_template_is_charged_and_takes_nothing_of_what_is_free() -> None:
    prices = MonthlyPrices()
    assert {of(prices, type="template") for _ in range(1001)} == {("utility", "regular")}
    assert of(prices) == ("service", "free_customer_service")


def test_what_does_not_arrive_takes_nothing_of_what_is_free() -> None:
    prices = MonthlyPrices()
    told = [prices.price(to("1"), "text", AT, arrives=False)["type"] for _ in range(1001)]
    assert {*told} == {"free_customer_service"}
    assert of(prices) == ("service", "free_customer_service")
