"""A year of simulated traffic under the rule of silence: false alarms, and how soon a real silence
is found. Pure."""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from statistics import mean, median

import msgspec

from cli.silence.traffic import FIRST, LAST, expected_conversations, simulate_traffic
from router.silence.detection import (
    LEAST_SECONDS,
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
TRUE_BOUND = 15.0
"""Conversations in five true usual gaps: if citizens come at random, four fifths of the time lie in
gaps of at most three mean ones. It comes from the town and not from the rule."""
MIDDLE_BOUND, LONGEST_BOUND = TRUE_BOUND * 4 / 3, TRUE_BOUND * 3
"""Conversations that may be missed until the middle silence is found, and the longest. Four weeks
tell the true gap by about a third; with a storm or a dead weekend in them, less well."""
BEGIN = datetime(2026, 1, 1, tzinfo=AMSTERDAM)
WEEK, YEAR = timedelta(weeks=1), timedelta(days=365)
OUTLOOK = timedelta(weeks=26)


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """A real silence: when it began, and the hours until the alarm."""

    dead_at: datetime
    hours: float
    open_hours: float
    """Open time from the last message to the alarm."""
    missed: float
    """Conversations that would have begun in that time, by the true rates of the town and not by
    what was learnt; 0 if the alarm came after two hours, the least."""


class SimulatedYear(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    per_day: float
    seed: int
    messages: int
    false_alarms: list[int]
    """False alarms of each month, January first."""
    found: list[Found]
    unjudged: int
    """Silences after four weeks with messages on too few days, so that no alarm is due."""

    @property
    def is_on_target(self) -> bool:
        middle = median([each.missed for each in self.found] or [0.0])
        in_time = middle <= MIDDLE_BOUND and self.most_missed <= LONGEST_BOUND
        all_found = len(self.found) + self.unjudged == DEATHS
        return max(self.false_alarms) <= MOST_FALSE and in_time and all_found

    @property
    def most_missed(self) -> float:
        return max((each.missed for each in self.found), default=0.0)

    @property
    def median_hours(self) -> float:
        return median(each.open_hours for each in self.found) if self.found else 0.0

    @property
    def longest_hours(self) -> float:
        return max((each.open_hours for each in self.found), default=0.0)


class Town:
    """The messages of a simulated year, and what a router would know at each moment."""

    def __init__(self, per_day: float, random: Random, hours: Hours) -> None:
        self._per_day = per_day
        self._messages = messages = simulate_traffic(per_day, random)
        self._minutes = sorted({each.replace(second=0, microsecond=0) for each in messages})
        first, last = (datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (FIRST, LAST))
        self.open_time: OpenTime = find_open_time(hours, first, last + OUTLOOK)

    def count_messages(self) -> int:
        return sum(each >= BEGIN for each in self._messages)

    def count_false_alarms(self) -> list[int]:
        months = [0] * 12
        for last, following in pairwise(self._messages):
            if last >= BEGIN and self.open_time.seconds(last, following) > LEAST_SECONDS:
                alarm_at = find_alarm_time(last, self._profile(last))
                if alarm_at and alarm_at < following:
                    months[alarm_at.astimezone(AMSTERDAM).month - 1] += 1
        return months

    def is_judged(self, dead_at: datetime) -> bool:
        return self._profile(self._last(dead_at)).gaps.at(dead_at) is not None

    def find_silence(self, dead_at: datetime) -> Found | None:
        """Look about the time of the alarm at a number that goes dead; None if none comes."""
        last = self._last(dead_at)
        profile = self._profile(last)
        alarm_at = find_alarm_time(last, profile)
        if alarm_at is None:
            return None
        now = max(dead_at, alarm_at - HOUR)
        state = NumberSilence(number="", heard_at=last, counts_from=BEGIN, looked_at=now)
        while state.silent_since is None and now < alarm_at + HOUR:
            now += LOOK
            state = look_at_number(state, last, profile, False, now)
        silent = state.silent_seconds
        is_least = silent <= LEAST_SECONDS + LOOK.total_seconds()
        missed = 0.0 if is_least else self._count_missed(last, now)
        return Found(dead_at, (now - dead_at) / HOUR, silent / 3600, missed)

    def _last(self, before: datetime) -> datetime:
        return self._messages[bisect_left(self._messages, before) - 1]

    def _count_missed(self, last: datetime, now: datetime) -> float:
        """Return how many conversations are expected in the open time of a silence, by the true
        rates of the four weeks before."""
        missed = 0.0
        for start, end in self.open_time.pieces(last, now):
            local = start.astimezone(AMSTERDAM)
            weeks = (start - last) // WEEK
            days = [local.date() - (weeks + n) * WEEK for n in range(1, HISTORY // WEEK + 1)]
            begun = [expected_conversations(self._per_day, day, local.hour) for day in days]
            missed += mean(begun) * ((end - start) / HOUR)
        return missed

    def _profile(self, last: datetime) -> Profile:
        start, end = bisect_left(self._minutes, last - HISTORY), bisect_right(self._minutes, last)
        gaps = learn_usual_gaps(self._minutes[start:end], self.open_time)
        return Profile(self.open_time, gaps)


def simulate_year(per_day: float, seed: int, hours: Hours) -> SimulatedYear:
    random = Random(seed)
    town = Town(per_day, random, hours)
    deaths = [BEGIN + YEAR * (n + random.random()) / DEATHS for n in range(DEATHS)]
    judged = [dead_at for dead_at in deaths if town.is_judged(dead_at)]
    found = [found for dead_at in judged if (found := town.find_silence(dead_at))]
    return SimulatedYear(
        per_day=per_day,
        seed=seed,
        messages=town.count_messages(),
        false_alarms=town.count_false_alarms(),
        found=found,
        unjudged=DEATHS - len(judged),
    )
