"""Simulated messages of citizens to a town like Almelo, for more than a year. Pure: the random
numbers come in.

A citizen writes one or more messages within some minutes. How many write depends on the hour, the
weekday, the season and the day.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random

from router.silence.open_time import HOLIDAYS
from services.calendar.opening_hours import AMSTERDAM

FIRST, LAST = date(2025, 12, 1), date(2026, 12, 31)
"""The simulated days: four weeks of history and the year 2026."""
WEEKDAYS = (1.25, 1.05, 1.0, 1.0, 0.7, 0.3, 0.2)
"""Share of each weekday, Monday first: an ordinary working day is 1."""
DAY = (
    *(0.3, 0.2, 0.1, 0.1, 0.1, 0.3, 0.8, 2.5, 6.0, 10.0, 10.5, 9.0),
    *(7.0, 8.0, 8.0, 7.0, 6.0, 5.0, 4.0, 5.0, 4.5, 3.0, 1.8, 0.8),
)
"""Weight of each hour: most is written in the morning, some in the evening."""
SCHOOL_HOLIDAYS = (
    (date(2025, 12, 20), date(2026, 1, 4)),
    (date(2026, 2, 21), date(2026, 3, 1)),
    (date(2026, 4, 25), date(2026, 5, 3)),
    (date(2026, 7, 4), date(2026, 8, 16)),
    (date(2026, 10, 10), date(2026, 10, 18)),
    (date(2026, 12, 19), date(2027, 1, 3)),
)
"""First and last days in the region Noord, to which Almelo belongs."""
HOLIDAY, AUGUST, PUBLIC_HOLIDAY = 0.75, 0.6, 0.3
"""Shares of the messages of an ordinary day."""
STORMS, STORM = 6, 5.0
"""Storm days in the year, and how much more is written on one."""
SATURDAY = 5
DEAD_WEEKEND = (-7, 56)
"""Hours of a Saturday between which nothing comes: from Friday 17:00 to Monday 8:00."""
CHANGE = 16.0
"""Shape of the gamma distribution by which days differ: a quarter more or less is usual."""
ANOTHER, PAUSE = 0.4, timedelta(minutes=4)
"""Chance that a citizen writes another message, and the mean time until then."""


def simulate_traffic(per_day: float, random: Random) -> list[datetime]:
    """Return when messages came, in order; `per_day` is the mean of an ordinary working day."""
    days = [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    storms = {random.choice(days) for _ in range(STORMS)}
    dead = random.choice([day for day in days if day.weekday() == SATURDAY])
    dead_from, dead_until = (_instant(dead, 0) + timedelta(hours=hours) for hours in DEAD_WEEKEND)
    messages: list[datetime] = []
    for day in days:
        change = random.gammavariate(CHANGE, 1 / CHANGE) * (STORM if day in storms else 1.0)
        for hour in range(24):
            begun = expected_conversations(per_day, day, hour) * change
            messages += _hour(_instant(day, hour), begun, random)
    return sorted(each for each in messages if not dead_from <= each < dead_until)


def expected_conversations(per_day: float, day: date, hour: int) -> float:
    """Return how many citizens begin to write in an hour, in the mean of many such days."""
    return per_day * (1 - ANOTHER) * _share(day) * DAY[hour] / sum(DAY)


@cache
def _share(day: date) -> float:
    season = AUGUST if day.month == 8 else 1.0
    if any(first <= day <= last for first, last in SCHOOL_HOLIDAYS):
        season = min(season, HOLIDAY)
    if HOLIDAYS.is_open(_instant(day, 12)):
        season *= PUBLIC_HOLIDAY
    return WEEKDAYS[day.weekday()] * season


def _instant(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=AMSTERDAM).astimezone(UTC)


def _hour(start: datetime, begun: float, random: Random) -> Iterator[datetime]:
    """Yield the messages of the citizens who begin to write in an hour: a Poisson process."""
    passed = random.expovariate(begun)
    while passed < 1.0:
        at = start + timedelta(hours=passed)
        yield at
        while random.random() < ANOTHER:
            at += random.expovariate(1.0) * PAUSE
            yield at
        passed += random.expovariate(begun)
