"""Alarms for numbers that have fallen silent: when they come, and when they end."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from router.silence.detection import (
    UNATTENDED,
    NumberSilence,
    Profile,
    find_alarm_time,
    look_at_number,
)
from router.silence.open_time import find_open_time
from router.silence.usual_gap import HISTORY, learn_usual_gaps
from services.calendar.opening_hours import compile_hours

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
MONDAY = datetime(2026, 11, 9, 8, tzinfo=UTC)
"""09:00 in Amsterdam."""
OFFICE = "Mo-Fr 09:00-17:00"


def profile(step: timedelta, hours: str = OFFICE, last: datetime = MONDAY) -> Profile:
    """The profile of a number that had a message at each step until `last`."""
    start = last - HISTORY
    open_time = find_open_time(compile_hours(hours, ()), start, last + HISTORY)
    moments = [start + n * step for n in range(HISTORY // step + 1)]
    return Profile(open_time, learn_usual_gaps(moments, open_time))


@pytest.mark.parametrize(
    ("step", "since", "alarm_at"),
    [
        (HOUR, MONDAY, MONDAY + 5 * HOUR),
        (HOUR / 2, MONDAY, MONDAY + 2.5 * HOUR),
        (HOUR / 6, MONDAY, MONDAY + 2 * HOUR),
        (HOUR, MONDAY - 12 * HOUR, MONDAY + 5 * HOUR),
        (HOUR, MONDAY + 6 * HOUR, MONDAY + 27 * HOUR),
        (HOUR, MONDAY + (4 * 24 + 5) * HOUR, MONDAY + (7 * 24 + 2) * HOUR),
        # Christmas, Boxing Day and the weekend that follows, although the hours do not name them.
        (HOUR, datetime(2026, 12, 24, 13, tzinfo=UTC), datetime(2026, 12, 28, 10, tzinfo=UTC)),
    ],
)
def test_alarm_comes_after_five_usual_gaps_and_two_hours_of_open_time(
    step: timedelta, since: datetime, alarm_at: datetime
) -> None:
    last = MONDAY if since < MONDAY + timedelta(weeks=1) else since - timedelta(days=7)
    assert find_alarm_time(since, profile(step, last=last)) == alarm_at


def state(**more: object) -> NumberSilence:
    before = NumberSilence(number="1", heard_at=MONDAY, counts_from=MONDAY - HOUR, looked_at=MONDAY)
    return msgspec.structs.replace(before, **more)


def look(
    before: NumberSilence, now: datetime, heard_at: datetime = MONDAY, is_closed: bool = False
) -> NumberSilence:
    """Look a minute after the last look, at `now`."""
    before = msgspec.structs.replace(before, looked_at=now - MINUTE)
    return look_at_number(before, heard_at, profile(HOUR), is_closed, now)


def test_alarm_lasts_through_the_night_until_a_message_comes() -> None:
    quiet = look(state(), MONDAY + 5 * HOUR - MINUTE)
    assert (quiet.silent_since, quiet.alarm_at) == (None, MONDAY + 5 * HOUR)
    assert (quiet.silent_seconds, quiet.usual_gap_seconds) == (5 * 3600 - 60, 3600)
    silent = look(quiet, MONDAY + 5 * HOUR)
    assert silent.silent_since == MONDAY
    night = look(silent, MONDAY + 15 * HOUR)
    assert (night.silent_since, night.silent_seconds) == (MONDAY, 8 * 3600)
    heard = look(night, MONDAY + 16 * HOUR, heard_at=MONDAY + 15.5 * HOUR)
    assert (heard.silent_since, heard.silent_seconds) == (None, 0)


def test_new_number_has_no_alarm_before_it_counts() -> None:
    counts_from = MONDAY + 7 * HOUR
    new = look(state(counts_from=counts_from), MONDAY + 6 * HOUR)
    assert (new.silent_since, new.counts_from, new.alarm_at) == (None, counts_from, counts_from)
    assert look(new, counts_from).silent_since == MONDAY
    night = look(state(counts_from=MONDAY + 12 * HOUR), MONDAY + 13 * HOUR)
    assert (night.silent_since, night.alarm_at) == (None, MONDAY + 24 * HOUR)
    unheard = look(state(counts_from=None), MONDAY + 6 * HOUR)
    assert (unheard.silent_since, unheard.alarm_at) == (None, None)


def test_closed_number_is_not_silent_and_starts_again_when_it_opens() -> None:
    silent = look(state(), MONDAY + 5 * HOUR)
    closed = look(silent, MONDAY + 6 * HOUR, is_closed=True)
    assert closed.silent_since is None
    assert look(closed, MONDAY + 8 * HOUR).silent_seconds == 2 * 3600
    assert look(closed, MONDAY + 27 * HOUR - MINUTE).silent_since is None
    assert look(closed, MONDAY + 27 * HOUR).silent_since == MONDAY + 6 * HOUR


def test_open_time_in_which_no_router_ran_does_not_count_and_what_was_before_does() -> None:
    now = MONDAY + 6 * HOUR
    away = look_at_number(state(looked_at=now - 4 * HOUR), MONDAY, profile(HOUR), False, now)
    assert (away.silent_seconds, away.clock_from) == (2 * 3600, MONDAY + 4 * HOUR)
    assert look(away, now + 2 * HOUR).silent_since is None
    assert look(away, MONDAY + 25 * HOUR).silent_since == MONDAY + 4 * HOUR
    restarted = state(looked_at=now - UNATTENDED)
    assert look_at_number(restarted, MONDAY, profile(HOUR), False, now).silent_since == MONDAY
    silent = state(silent_since=MONDAY, looked_at=now - 2 * UNATTENDED)
    still = look_at_number(silent, MONDAY, profile(HOUR), False, now)
    assert (still.silent_since, still.silent_seconds) == (MONDAY, 6 * 3600)
    heard = look_at_number(silent, now - HOUR / 2, profile(HOUR), False, now)
    assert (heard.silent_seconds, heard.silent_since) == (0, None)


def test_number_is_found_dead_although_the_routers_stop_each_night() -> None:
    """Five usual gaps of three hours are two days, and each night has a stop of twenty minutes."""
    rare, number, now = profile(3 * HOUR), state(), MONDAY
    while number.silent_since is None and now < MONDAY + timedelta(days=5):
        is_stop = now.hour == 2 and now.minute < 20
        now += timedelta(minutes=5)
        if not is_stop:
            number = look_at_number(number, MONDAY, rare, False, now)
    assert (number.silent_since, number.silent_seconds) == (MONDAY, 15 * 3600)


def test_messages_on_few_days_make_no_alarm() -> None:
    """Three messages while the number is set up, and two conversations in a month."""
    open_time = find_open_time(compile_hours(OFFICE, ()), MONDAY - HISTORY, MONDAY + 3 * HISTORY)
    for days in ([0], [-14, 0], [*range(-6, 1)]):
        moments = [MONDAY + timedelta(days=day, minutes=n) for day in days for n in (0, 3, 9)]
        few = Profile(open_time, learn_usual_gaps(moments, open_time))
        assert find_alarm_time(moments[-1], few) is None
        later = look_at_number(
            state(looked_at=MONDAY + HISTORY), MONDAY, few, False, MONDAY + HISTORY
        )
        assert (later.silent_since, later.usual_gap_seconds) == (None, None)


def test_morning_after_a_night_without_messages_is_no_alarm_where_it_is_always_open() -> None:
    start = MONDAY - HISTORY
    open_time = find_open_time(compile_hours("", ()), start, MONDAY + HISTORY)
    days = [start + timedelta(days=n) for n in range(28)]
    moments = [day + n * HOUR / 2 for day in days for n in range(25)]
    always = Profile(open_time, learn_usual_gaps([*moments, MONDAY], open_time))
    evening = MONDAY - 12 * HOUR
    assert always.gaps.at(MONDAY - 6 * HOUR) == 12 * 3600
    assert always.gaps.at(MONDAY + 3 * HOUR) == 1800
    alarm_at = find_alarm_time(evening, always)
    assert alarm_at is not None and MONDAY + HOUR < alarm_at < MONDAY + 3 * HOUR
