"""A message that the record does not contain: either none exists, or it is still in transit."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from archiver.api.routes import TRANSIT_TIME, is_still_in_transit
from services.ids import uuid7

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAYS = timedelta(days=2)


@pytest.mark.parametrize(
    ("age", "behind", "expected"),
    [
        (timedelta(), timedelta(), True),
        (TRANSIT_TIME - SECOND, timedelta(), True),
        (TRANSIT_TIME + SECOND, timedelta(), False),
        (DAYS + TRANSIT_TIME - SECOND, DAYS, True),
        (DAYS + TRANSIT_TIME + SECOND, DAYS, False),
        (SECOND - TRANSIT_TIME, timedelta(), True),
        (-SECOND - TRANSIT_TIME, timedelta(days=365), False),
    ],
)
def test_message_is_in_transit_while_its_id_is_newer_than_what_the_archiver_has_reached(
    age: timedelta, behind: timedelta, expected: bool
) -> None:
    assert is_still_in_transit(uuid7(NOON - age, bytes(10)), NOON, behind) == expected


def test_id_without_a_time_is_never_in_transit() -> None:
    assert not is_still_in_transit(uuid4(), NOON, timedelta(days=365_000))
