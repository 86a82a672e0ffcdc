"""The figures of a month, by department, of what was counted. Pure.

Small counts stay as they are: those who may ask are the municipality's own managers, and no figure
is of one citizen or employee.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from math import ceil
from operator import attrgetter
from typing import Any

import msgspec

from router.figures import tally

MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
OUTCOMES = (
    "answered",
    "handled",
    "forwarded",
    "redirected",
    tally.UNSAID,
    tally.IDLE,
    tally.MERGED,
)
MEDIAN, P90 = 0.5, 0.9


class CountedRow(msgspec.Struct, frozen=True, order=True):
    """Things of one kind that were counted in a month at a department."""

    department: str
    what: str
    value: int
    count: int


class CountedByMonth(msgspec.Struct, frozen=True, order=True):
    """Things of one kind that were counted in a month at a department, by hour or by rule."""

    department: str
    what: str
    hour: int
    rule: str
    count: int


class FirstAnswers(msgspec.Struct, frozen=True, rename="camel"):
    count: int
    median_minutes: int | None
    p90_minutes: int | None


class Figures(msgspec.Struct, frozen=True, rename="camel"):
    """Figures of a department, or of all."""

    opened: int
    begun: int
    reopened: int
    received: int
    by_employees: int
    by_systems: int
    automatic: int
    undelivered: int
    first_answers: FirstAnswers
    windows_missed: int
    transferred: int
    closed: dict[str, int]


def month_bounds(month: str) -> tuple[date, date]:
    """Return the first day of a month, and the first one after it."""
    year, number = map(int, month.split("-"))
    return date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)


def sum_figures(rows: Iterable[CountedRow]) -> Figures:
    """Return the figures of these rows, of whatever departments."""
    listed = list(rows)

    def total(what: str) -> int:
        return sum(row.count for row in listed if row.what == what)

    waits = [(row.value, row.count) for row in listed if row.what == tally.FIRST_ANSWER]
    return Figures(
        opened=total(tally.OPENED),
        begun=total(tally.BEGUN),
        reopened=total(tally.REOPENED),
        received=total(tally.RECEIVED),
        by_employees=total(tally.SENT + tally.EMPLOYEE),
        by_systems=total(tally.SENT + "system"),
        automatic=total(tally.SENT + "automated"),
        undelivered=total(tally.UNDELIVERED),
        first_answers=FirstAnswers(
            sum(count for _, count in waits), percentile(waits, MEDIAN), percentile(waits, P90)
        ),
        windows_missed=total(tally.WINDOW_MISSED),
        transferred=total(tally.TRANSFERRED),
        closed={outcome: total(tally.CLOSED + outcome) for outcome in OUTCOMES},
    )


def percentile(waits: Iterable[tuple[int, int]], part: float) -> int | None:
    """Return the shortest wait that at least this part of all did not exceed (nearest rank); None
    without any. `waits` are values with their counts."""
    listed = sorted(waits)
    rank, seen = ceil(sum(count for _, count in listed) * part), 0
    for value, count in listed:
        seen += count
        if seen >= rank:
            return value
    return None


def month_json(
    rows: Iterable[CountedRow], names: Sequence[tuple[str, str]], **about: Any
) -> dict[str, Any]:
    """Return the figures of a month. `names` are the departments in their order; one that left the
    configuration follows under its id."""
    by_department = {
        id: list(own) for id, own in groupby(sorted(rows), key=attrgetter("department"))
    }
    known = dict(names)
    left = [(id, id) for id in by_department if id not in known]
    every = [row for own in by_department.values() for row in own]
    return about | {
        "departments": [
            {"id": id, "name": name, "figures": sum_figures(by_department.get(id, []))}
            for id, name in (*names, *left)
        ],
        "total": sum_figures(every),
    }
