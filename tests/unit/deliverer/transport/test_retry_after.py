"""Seconds that a `Retry-After` asks for, in each of its forms."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.transport.retry_after import retry_after_seconds

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DATE = "Thu, 26 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("9" * 5000, float("inf")),
        ("Thu, 26 Nov 2026 12:02:00 GMT", 120.0),
        ("Thursday, 26-Nov-26 12:02:00 GMT", 120.0),
        ("Thu Nov 26 12:02:00 2026", 120.0),
        ("Tue Dec  1 12:00:00 2026", 5 * 86400.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 0.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0.0),  # of the century before
        ("Thursday, 26-Nov-76 12:00:00 GMT", 18263 * 86400.0),  # 50 years ahead at most
        ("Mon, 29 Feb 2028 12:00:00 GMT", 460 * 86400.0),
    ],
)
def test_retry_after_is_read_in_each_form(asked: str, seconds: float) -> None:
    assert retry_after_seconds(asked, DATE, NOW) == seconds


@pytest.mark.parametrize(
    "asked",
    [
        "", " ", "-1", "1.5", "1e3", "0x10", "12 ", "\u0661\u0662", "\u00b2", "soon",
        "2026-11-26T12:02:00Z", "Thu, 26 Nov 2026 12:02:00", "Thu, 26 Nov 2026 12:02:00 CET",
        "Thu, 26 Nov 2026 12:02:00 +0100", "Thu, 26 Nov 26 12:02:00 GMT",
        "Don, 26 Nov 2026 12:02:00 GMT", "Thu, 26 nov 2026 12:02:00 GMT",
        "Mon, 30 Feb 2026 12:02:00 GMT", "Thu, 26 Nov 2026 25:02:00 GMT",
        "Thu, 00 Nov 2026 12:02:00 GMT", "Thu, 26 Nov 0000 12:02:00 GMT",
        "Thu, 26 Nov 2026 12:02:00 GMT, 5", "Thu, 2\u0666 Nov 2026 12:02:00 GMT", "\udcff",
    ],
)  # fmt: skip
def test_malformed_retry_after_asks_for_no_wait(asked: str) -> None:
    assert retry_after_seconds(asked, DATE, NOW) is None


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        (DATE, 60.0),
        ("Thu, 26 Nov 2026 11:00:00 GMT", 3660.0),  # its clock is an hour late
        ("Thursday, 26-Nov-26 11:59:00 GMT", 120.0),
        ("Thu, 26 Nov 2026 13:00:00 GMT", 0.0),
        ("", 60.0),  # it has none: by ours
        ("yesterday", 60.0),
    ],
)
def test_date_in_retry_after_counts_from_the_date_of_the_answer(date: str, seconds: float) -> None:
    assert retry_after_seconds("Thu, 26 Nov 2026 12:01:00 GMT", date, NOW) == seconds
    assert retry_after_seconds("7", date, NOW) == 7


@given(st.text(), st.text(), st.datetimes(timezones=st.just(UTC)))
def test_any_retry_after_gives_a_wait_or_none(asked: str, date: str, now: datetime) -> None:
    waits = retry_after_seconds(asked, date, now)
    assert waits is None or waits >= 0
