"""A message that the record does not have: is there none, or none yet?"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from archiver.api.routes import TRANSIT_TIME, is_still_in_transit
from services.ids import uuid7

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def made(at: datetime) -> UUID:
    return uuid7(at, bytes(10))


@pytest.mark.parametrize("behind", [timedelta(), timedelta(minutes=3), timedelta(days=2)])
def test_what_is_newer_than_what_is_written_now_may_be_on_its_way(behind: timedelta) -> None:
    edge = behind + TRANSIT_TIME
    assert is_still_in_transit(made(NOON), NOON, behind)
    assert is_still_in_transit(made(NOON - edge + SECOND), NOON, behind)
    assert not is_still_in_transit(made(NOON - edge - SECOND), NOON, behind)


def test_nothing_is_on_its_way_from_the_future() -> None:
    assert is_still_in_transit(made(NOON + TRANSIT_TIME - SECOND), NOON, timedelta())
    assert not is_still_in_transit(made(NOON + TRANSIT_TIME + SECOND), NOON, timedelta(days=365))


def test_an_id_that_does_not_say_when_it_was_made_is_of_nothing() -> None:
    assert not is_still_in_transit(uuid4(), NOON, timedelta(days=365_000))
