"""Cost of messages: decimals, rates, months by the clock of Amsterdam."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.config.model import ConfigError, parse
from services.config.pricing import Rate, find_rate, month_of, next_month, span
from tests.support.cli.command_line import TOML

AS_TEXT = "An amount is written as text"
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
def test_month_begins_and_ends_at_midnight_in_amsterdam(at: datetime, month: date) -> None:
    assert month_of(at) == month


def test_month_is_an_hour_longer_or_shorter_when_the_clock_changes() -> None:
    for month, hours in ((3, 31 * 24 - 1), (10, 31 * 24 + 1), (11, 30 * 24)):
        start, end = span(date(2026, month, 1))
        assert end - start == timedelta(hours=hours)


@given(st.integers(946_684_800, 3_786_912_000))
def test_each_moment_is_in_the_span_of_its_month_only(second: int) -> None:
    at = datetime.fromtimestamp(second, UTC)
    start, end = span(month_of(at))
    assert start <= at < end
    assert span(next_month(month_of(at)))[0] == end


def test_rate_holds_until_the_next_one_begins() -> None:
    rates = parse(TOML + RATES, "postkamer.toml").rates
    assert find_rate(rates, date(2026, 9, 1)) is None
    assert find_rate(rates, date(2026, 10, 1)) == find_rate(rates, date(2026, 12, 1)) == rates[0]
    assert find_rate(rates[::-1], date(2027, 3, 1)) == rates[1]
    assert (rates[0].first, rates[0].currency) == (date(2026, 10, 1), "EUR")


def test_cost_is_exact() -> None:
    rate = Rate.model_validate({"from": "2026-10-01", "amounts": {"utility": "0.0456"}})
    assert rate.cost("utility") == Decimal("0.0456")
    assert rate.cost("utility", 3) == Decimal("0.1368")
    assert str(rate.cost("utility", 1_000_000)) == "45600.0000"
    assert rate.cost("marketing", 3) is None


@pytest.mark.parametrize(
    ("wrong", "fault_words"),
    [
        *((wrong, f"rates.0.amounts.service: {AS_TEXT}") for wrong in (
            "{service = 0.05}", '{service = "-1"}', '{service = "NaN"}', '{service = "1,5"}')),
        ('{"Een Soort" = "1"}', "rates.0.amounts.Een Soort"),
        ("{}", "rates.0.amounts: "),
    ],
)  # fmt: skip
def test_wrong_amount_is_a_fault_with_its_line(wrong: str, fault_words: str) -> None:
    text = TOML + f"[[rates]]\nfrom = 2026-10-01\namounts = {wrong}\n"
    with pytest.raises(ConfigError, match=fault_words) as caught:
        parse(text, "postkamer.toml")
    assert [fault.line for fault in caught.value.faults] == [text.count("\n")]


def test_rate_must_begin_on_the_first_of_a_month_and_once() -> None:
    with pytest.raises(ConfigError, match=r"rates\.0\.from: A rate holds from the first day"):
        parse(TOML + RATES.replace("2026-10-01", "2026-10-02"), "postkamer.toml")
    with pytest.raises(ConfigError, match=r"rates\.1\.from: 2026-10-01 stands here for the sec"):
        parse(TOML + RATES.replace("2027-01-01", "2026-10-01"), "postkamer.toml")


def test_budget_is_an_exact_amount_written_as_text() -> None:
    text = TOML.replace('name = "Gemeente Almelo"', 'name = "Gemeente Almelo"\nbudget = "250.00"')
    assert parse(text, "postkamer.toml").tenants[0].budget == Decimal("250.00")
    with pytest.raises(ConfigError, match=rf"tenant almelo: budget: {AS_TEXT}"):
        parse(text.replace('"250.00"', "250.0"), "postkamer.toml")
