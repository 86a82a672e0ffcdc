"""What messages cost, and in which month: decimals, rates, months by the clock of Amsterdam."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.config.model import ConfigError, parse
from services.config.pricing import Rate, find_rate, month_of, next_month, span
from tests.support.cli.command_line import TOML

RATES = """
[[rates]]
from = 2026-10-01
amounts = {service = "0.05", utility = "0.0456"}
[[rates]]
from = 2027-01-01
amounts = {service = "0.07"}
"""


def utc(year: int, month: int, day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (utc(2026, 10, 31, 22, 59, 59), date(2026, 10, 1)),
        (utc(2026, 10, 31, 23), date(2026, 11, 1)),  # winter time since the 25th
        (utc(2026, 8, 31, 21, 59, 59), date(2026, 8, 1)),
        (utc(2026, 8, 31, 22), date(2026, 9, 1)),  # summer time
        (utc(2026, 12, 31, 22, 59, 59), date(2026, 12, 1)),
        (utc(2026, 12, 31, 23), date(2027, 1, 1)),
        (utc(2028, 2, 29, 22, 59, 59), date(2028, 2, 1)),
    ],
)
def test_a_month_begins_and_ends_at_midnight_in_amsterdam(at: datetime, month: date) -> None:
    assert month_of(at) == month


def test_a_month_is_longer_or_shorter_by_an_hour_when_the_clock_changes() -> None:
    hours = {
        month: (span(date(2026, month, 1))[1] - span(date(2026, month, 1))[0]) // timedelta(hours=1)
        for month in (3, 10, 11)
    }
    assert hours == {3: 31 * 24 - 1, 10: 31 * 24 + 1, 11: 30 * 24}


@given(st.integers(946_684_800, 3_786_912_000))
def test_each_moment_is_in_the_span_of_its_month_and_of_no_other(second: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    start, end = span(month_of(at))
    assert start <= at < end
    assert span(next_month(month_of(at)))[0] == end


def test_a_rate_holds_until_the_next_one_begins() -> None:
    rates = parse(TOML + RATES, "postkamer.toml").rates
    found = [find_rate(rates, date(2026, month, 1)) for month in (9, 10, 12)]
    later = find_rate(rates[::-1], date(2027, 3, 1))
    assert [rate and rate.first for rate in [*found, later]] == [
        None,
        date(2026, 10, 1),
        date(2026, 10, 1),
        date(2027, 1, 1),
    ]
    assert found[1] and found[1].currency == "EUR"


def test_amounts_are_exact() -> None:
    rate = Rate.model_validate({"from": "2026-10-01", "amounts": {"utility": "0.0456"}})
    assert rate.cost("utility", 3) == Decimal("0.1368")
    assert str(rate.cost("utility", 1_000_000)) == "45600.0000"
    assert rate.cost("marketing", 3) is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("{service = 0.05}", "rates.0.amounts.service: An amount is written as text"),
        ('{service = "-1"}', "rates.0.amounts.service: An amount is written as text"),
        ('{service = "NaN"}', "rates.0.amounts.service: An amount is written as text"),
        ('{service = "1,5"}', "rates.0.amounts.service: An amount is written as text"),
        ('{"Een Soort" = "1"}', "rates.0.amounts.Een Soort"),
        ("{}", "rates.0.amounts: "),
    ],
)
def test_an_amount_that_is_none_is_a_fault_with_its_line(wrong: str, told: str) -> None:
    text = TOML + f"[[rates]]\nfrom = 2026-10-01\namounts = {wrong}\n"
    with pytest.raises(ConfigError, match=told) as caught:
        parse(text, "postkamer.toml")
    assert [fault.line for fault in caught.value.faults] == [text.count("\n")]


def test_a_rate_from_within_a_month_or_twice_from_the_same_is_a_fault() -> None:
    with pytest.raises(ConfigError, match=r"rates\.0\.from: A rate holds from the first day"):
        parse(TOML + RATES.replace("2026-10-01", "2026-10-02"), "postkamer.toml")
    with pytest.raises(ConfigError, match=r"rates\.1\.from: 2026-10-01 stands here for the sec"):
        parse(TOML + RATES.replace("2027-01-01", "2026-10-01"), "postkamer.toml")


def test_a_budget_is_exact_too() -> None:
    text = TOML.replace('name = "Gemeente Almelo"', 'name = "Gemeente Almelo"\nbudget = "250.00"')
    assert parse(text, "postkamer.toml").tenants[0].budget == Decimal("250.00")
    with pytest.raises(ConfigError, match=r"tenants\.0\.budget: An amount is written as text"):
        parse(text.replace('"250.00"', "250.0"), "postkamer.toml")
