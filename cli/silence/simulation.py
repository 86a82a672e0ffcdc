"""A year of simulated traffic under the rule of silence: false alarms, and how soon a real silence
is found. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import median

import msgspec

from cli.silence.traffic import FIRST, LAST, simulate_traffic
from router.silence.detection import (
    LEAST_SECONDS,
    USUAL_GAPS,
    NumberSilence,
    Profile,
    find_alarm_time,
    look_at_number,
)
from router.silence.open_time import HOUR, OpenTime, find_open_time
from router.silence.usual_gap import HISTORY, learn_usual_gaps
from services.calendar.opening_hours import AMSTERDAM, Hours

DEATHS = 24
"""Moments in the year at which the number is assumed to go dead, spread evenly with some chance."""
LOOK = timedelta(minutes=5)
"""Interval of the looks. The router looks each minute."""
MOST_FALSE = 1
"""False alarms in a month that are accepted."""
BEGIN = datetime(2026, 1, 1, tzinfo=AMSTERDAM)
YEAR = timedelta(days=365)
OUTLOOK = timedelta(weeks=26)


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """A real silence: when it began, and the hours until the alarm."""

    dead_at: datetime
    hours: float
    open_hours: float
    """Open time from the last message to the alarm."""
    bound_hours: float
    """Five times the longest usual gap of the hours in between, at least two hours."""


class SimulatedYear(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    per_day: float
    seed: int
    messages: int
    false_alarms: list[int]
    """False alarms of each month, January first."""
    found: list[Found]

    @property
    def is_on_target(self) -> bool:
        latest = LOOK.total_seconds() / 3600
        in_time = all(each.open_hours <= each.bound_hours + latest for each in self.found)
        return max(self.false_alarms) <= MOST_FALSE and in_time and len(self.found) == DEATHS

    @property
    def median_hours(self) -> float:
        return median(each.open_hours for each in self.found)

    @property
    def longest_hours(self) -> float:
        return max(each.open_hours for each in self.found)


class Town:
    """The messages of a simulated year, and what a router would know at each moment."""

    def __init__(self, messages: Sequence[datetime], hours: Hours) -> None:
        self._messages = messages
        self._minutes = sorted({each.replace(second=0, microsecond=0) for each in messages})
        first, last = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (FIRST, LAST))
        self.open_time: OpenTime = find_open_time(hours, first, last + OUTLOOK)

    def count_false_alarms(self) -> list[int]:
        months = [0] * 12
        for last, following in pairwise(self._messages):
            if last >= BEGIN and self.open_time.seconds(last, following) > LEAST_SECONDS:
                alarm_at = find_alarm_time(last, self._profile(last))
                if alarm_at and alarm_at < following:
                    months[alarm_at.astimezone(AMSTERDAM).month - 1] += 1
        return months

    def find_silence(self, dead_at: datetime) -> Found | None:
        """Look about the time of the alarm at a number that goes dead; None if none comes."""
        last = self._messages[bisect_left(self._messages, dead_at) - 1]
        profile = self._profile(last)
        alarm_at = find_alarm_time(last, profile)
        if alarm_at is None:
            return None
        now = max(dead_at, alarm_at - HOUR)
        state = NumberSilence(number="", heard_at=last, counts_from=BEGIN, looked_at=now)
        while state.silent_since is None and now < alarm_at + HOUR:
            now += LOOK
            state = look_at_number(state, last, profile, False, now)
        gaps = [profile.gaps.at(start) for start, _ in self.open_time.pieces(last, now)]
        bound = max(LEAST_SECONDS, USUAL_GAPS * max(gap for gap in gaps if gap))
        seconds = (now - dead_at).total_seconds()
        return Found(dead_at, seconds / 3600, state.silent_seconds / 3600, bound / 3600)

    def _profile(self, last: datetime) -> Profile:
        start, end = bisect_left(self._minutes, last - HISTORY), bisect_right(self._minutes, last)
        gaps = learn_usual_gaps(self._minutes[start:end], self.open_time)
        return Profile(self.open_time, gaps)


def simulate_year(per_day: float, seed: int, hours: Hours) -> SimulatedYear:
    random = Random(seed)
    messages = simulate_traffic(per_day, random)
    town = Town(messages, hours)
    deaths = [BEGIN + YEAR * (n + random.random()) / DEATHS for n in range(DEATHS)]
    return SimulatedYear(
        per_day=per_day,
        seed=seed,
        messages=sum(each >= BEGIN for each in messages),
        false_alarms=town.count_false_alarms(),
        found=list(_found(town, deaths)),
    )


def _found(town: Town, deaths: Sequence[datetime]) -> Iterator[Found]:
    for dead_at in deaths:
        if found := town.find_silence(dead_at):
            yield found
