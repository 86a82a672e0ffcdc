"""The usual gap of a weekday and hour: regular traffic, bursts, storms and outages."""

from datetime import UTC, datetime, timedelta

import pytest

from router.silence.open_time import OpenTime, find_open_time
from router.silence.usual_gap import HISTORY, HeardHour, UsualGaps, learn_usual_gaps
from services.calendar.opening_hours import compile_hours

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 11, 2, 8, tzinfo=UTC)
"""A Monday, 09:00 in Amsterdam."""
OFFICE = compile_hours("Mo-Fr 09:00-17:00", ())
OPEN = find_open_time(OFFICE, START, START + HISTORY)
HALF_HOURLY = [START + n * HOUR / 2 for n in range(HISTORY // HOUR * 2)]


def hours_at(gaps: UsualGaps, moment: datetime) -> float:
    gap = gaps.at(moment)
    assert gap is not None
    return gap / 3600


def test_gap_of_regular_messages_is_the_time_between_them() -> None:
    gaps = learn_usual_gaps(HALF_HOURLY, OPEN)
    assert {hours_at(gaps, START + n * HOUR) for n in range(200)} == {0.5}


def test_gap_is_measured_in_open_time() -> None:
    mornings = [START + n * DAY + HOUR for n in range(28)]
    assert hours_at(learn_usual_gaps(mornings, OPEN), START) == 8


@pytest.mark.parametrize(
    "burst",
    [
        [at + n * HOUR / 60 for at in HALF_HOURLY for n in range(4)],
        sorted({*HALF_HOURLY, *(START + n * HOUR / 60 for n in range(480))}),
    ],
)
def test_bursts_and_a_storm_do_not_make_the_usual_gap_shorter(burst: list[datetime]) -> None:
    assert hours_at(learn_usual_gaps(burst, OPEN), START + 7 * DAY) >= 0.45


@pytest.mark.parametrize("days", [3, 10])
def test_outage_does_not_make_the_usual_gap_longer(days: int) -> None:
    heard = [at for at in HALF_HOURLY if not START + DAY < at < START + (1 + days) * DAY]
    assert hours_at(learn_usual_gaps(heard, OPEN), START) == 0.5


def test_hours_and_kinds_of_days_have_gaps_of_their_own() -> None:
    always = OpenTime([(START, START + HISTORY)])
    busy = [at for at in HALF_HOURLY if at.hour < 12 and at.weekday() < 5]
    rare = [at for at in HALF_HOURLY if at.hour % 6 == 0 and at.minute == 0]
    gaps = learn_usual_gaps(sorted({*busy, *rare}), always)
    assert hours_at(gaps, START + HOUR) == 0.5
    assert hours_at(gaps, START + 7 * HOUR) == 6
    assert hours_at(gaps, START + 5 * DAY + HOUR) == 6


def test_hour_without_history_takes_all_of_it_and_no_history_has_no_gap() -> None:
    gaps = learn_usual_gaps(HALF_HOURLY, OPEN)
    assert hours_at(gaps, START + 5 * DAY) == 0.5
    assert learn_usual_gaps(HALF_HOURLY[:1], OPEN).at(START) is None


def test_minutes_of_an_hour_are_moments() -> None:
    heard = HeardHour(START, 1 << 0 | 1 << 59)
    assert list(heard.moments()) == [START, START + 59 * HOUR / 60]
