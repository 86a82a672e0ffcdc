"""The figures of a month, by department, of what was counted. Pure.

Small counts stay as they are: those who may ask are the municipality's own managers, and no figure
is of one citizen or employee. Only of danger they are left out, which is of few and of the worst;
so are waits of few answers, which are those of a person.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple, get_args

import msgspec

from router.billing.month_costs import Costs, MessageTotals
from router.figures import tally
from router.figures.judgement import CORRECTED, RIGHT
from router.figures.suppression import SMALLEST_COUNT
from router.rules.engine import MENU
from services.config.model import Configuration
from services.config.routing_rules import CareClass

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
SETTLED_DAYS = 7
"""Days after a month before it is published: what Meta repeats for as long, and what lay in a queue
or in quarantine, is counted in it by then. A month that grew would be published twice, and who has
both could subtract."""
NO_RULE, REMOVED, SAFETY = "_geen", "_verwijderd", "_veiligheid"
"""Rows of the table of rules that are no rule; no rule has such an id. Safety rules are counted
together: how many wrote of suicide is not for all to read."""
MOST_VERSIONS = 12
"""Versions of the rules that a month names, the newest; the others are counted as one. A page of
them, where someone changes the rules every other working day."""
EARLIER = "_eerder"
"""Id of those others."""


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


class JudgedRow(msgspec.Struct, frozen=True, order=True):
    """Placements by the rules that people showed in a month to be right or wrong."""

    department: str
    what: str
    rule: str
    version: str
    count: int


class MonthCounts(NamedTuple):
    """Counts of a month, of all departments."""

    month: date
    is_first: bool
    """True if counting may have begun during this month."""
    figures: Sequence[CountedRow]
    by_month: Sequence[CountedByMonth]
    judged: Sequence[JudgedRow] = ()


class Beside(NamedTuple):
    """Other tables of which a month shows something."""

    costs: Costs | None = None
    """Costs by department; None if they are too many to add up."""
    first_uses: Mapping[str, datetime] = {}
    """Version of the rules -> when it first decided."""


class FirstAnswers(msgspec.Struct, frozen=True, rename="camel"):
    count: int
    median_minutes: int | None
    p90_minutes: int | None


class RightAtOnce(msgspec.Struct, frozen=True, rename="camel"):
    """Placements by the rules, as people judged them by what they did."""

    right: int
    corrected: int


class JudgedRule(RightAtOnce, frozen=True, rename="camel"):
    rule: str


class JudgedVersion(RightAtOnce, frozen=True, rename="camel"):
    version: str
    first_at: datetime | None


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
    first_answers_open: FirstAnswers
    windows_missed: int
    transferred: int
    right_at_once: RightAtOnce
    closed: dict[str, int]
    without_message: int
    costs: MessageTotals | None


def month_bounds(month: str) -> tuple[date, date]:
    """Return the first day of a month, and the first one after it."""
    year, number = map(int, month.split("-"))
    return date(year, number, 1), date(year + number // 12, number % 12 + 1, 1)


def settled_on(month: str) -> date:
    """Return the first day on which a month can be published."""
    return month_bounds(month)[1] + timedelta(days=SETTLED_DAYS)


def sum_figures(
    rows: Iterable[CountedRow],
    judged: Iterable[JudgedRow] = (),
    costs: MessageTotals | None = None,
) -> Figures:
    """Return the figures of these rows, of whatever departments."""
    listed = list(rows)
    totals = Counter[str]()
    for row in listed:
        totals[row.what] += row.count
    return Figures(
        opened=totals[tally.OPENED],
        begun=totals[tally.BEGUN],
        reopened=totals[tally.REOPENED],
        received=totals[tally.RECEIVED],
        by_employees=totals[tally.SENT + tally.EMPLOYEE],
        by_systems=totals[tally.SENT + "system"],
        automatic=totals[tally.SENT + "automated"],
        undelivered=totals[tally.UNDELIVERED],
        first_answers=first_answers(listed, tally.FIRST_ANSWER),
        first_answers_open=first_answers(listed, tally.FIRST_ANSWER_OPEN),
        windows_missed=totals[tally.WINDOW_MISSED],
        transferred=totals[tally.TRANSFERRED],
        right_at_once=RightAtOnce(*sum_judged(judged)),
        closed={outcome: totals[tally.CLOSED + outcome] for outcome in OUTCOMES},
        without_message=totals[tally.WITHOUT_MESSAGE],
        costs=costs,
    )


def first_answers(rows: Iterable[CountedRow], what: str) -> FirstAnswers:
    """Return how many there were, and how long they took; of few, only the former."""
    waits = [(row.value, row.count) for row in rows if row.what == what]
    count = sum(count for _, count in waits)
    if count < SMALLEST_COUNT:
        return FirstAnswers(count, None, None)
    return FirstAnswers(count, percentile(waits, MEDIAN), percentile(waits, P90))


def sum_judged(rows: Iterable[JudgedRow]) -> tuple[int, int]:
    """Return how many placements were right, and how many were corrected."""
    totals = Counter[str]()
    for row in rows:
        totals[row.what] += row.count
    return totals[RIGHT], totals[CORRECTED]


def group_judged(
    rows: Iterable[JudgedRow], key: Callable[[JudgedRow], str]
) -> dict[str, tuple[int, int]]:
    """Return the same by a key, in the order in which keys come first."""
    groups: dict[str, list[JudgedRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {each: sum_judged(alike) for each, alike in groups.items()}


def rule_row(rule: str, config: Configuration) -> str:
    """Return the row of the table of rules in which a rule is counted."""
    if any(rule == each.id for each in config.care):
        return SAFETY
    if not rule:
        return NO_RULE
    is_known = rule == MENU or any(rule == each.id for each in config.rules)
    return rule if is_known else REMOVED


def leave_out_few_dangers(rows: Sequence[JudgedRow], config: Configuration) -> Sequence[JudgedRow]:
    """Return what was judged without the safety rules, if few of theirs were: a total with them
    would tell how many."""
    ordinary = [row for row in rows if rule_row(row.rule, config) != SAFETY]
    count = sum(row.count for row in rows) - sum(row.count for row in ordinary)
    return rows if count >= SMALLEST_COUNT else ordinary


def judged_rules(rows: Iterable[JudgedRow], config: Configuration) -> list[JudgedRule]:
    """Return what was judged by rule: what was corrected most comes first."""
    rows_of = {rule: rule_row(rule, config) for rule in {row.rule for row in rows}}
    by_rule = group_judged(rows, lambda row: rows_of[row.rule])
    listed = [JudgedRule(rule=rule, right=r, corrected=c) for rule, (r, c) in by_rule.items()]
    return sorted(listed, key=lambda each: (-each.corrected, -each.right, each.rule))


def judged_versions(
    rows: Iterable[JudgedRow], first_uses: Mapping[str, datetime]
) -> list[JudgedVersion]:
    """Return what was judged by version of the rules, the newest first. The oldest ones are one."""
    listed = list(rows)
    versions = sorted(
        {row.version for row in listed},
        key=lambda each: (first_uses[each].timestamp() if each in first_uses else 0.0, each),
        reverse=True,
    )
    named = set(versions[:MOST_VERSIONS])
    by_version = group_judged(listed, lambda row: row.version if row.version in named else EARLIER)
    return [
        JudgedVersion(version=each, first_at=first_uses.get(each), right=r, corrected=c)
        for each in (*versions[:MOST_VERSIONS], EARLIER)
        if each in by_version
        for r, c in [by_version[each]]
    ]


def count_dangers(rows: Iterable[CountedRow]) -> dict[str, int]:
    """Return the dangers of which a person was to be alarmed, by class."""
    totals = Counter[str]()
    for row in rows:
        totals[row.what] += row.count
    return {each: totals[tally.CARE + each] for each in get_args(CareClass)}


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
    counts: MonthCounts, config: Configuration, tenant: str, beside: Beside, **about: Any
) -> dict[str, Any]:
    """Return the figures of a month. The departments are in their order; one that left the
    configuration follows under its id."""
    counts = counts._replace(judged=leave_out_few_dangers(counts.judged, config))
    names = {each.id: each.name for each in config.departments if each.tenant == tenant}
    costs = {row.department: row for row in beside.costs.rows} if beside.costs else {}
    counted = {row.department for row in counts.figures} | costs.keys()
    counted |= {row.department for row in counts.judged}
    left = {id: id for id in sorted(counted - names.keys()) if id}
    dangers = count_dangers(counts.figures)

    def figures_of(department: str) -> Figures:
        rows = [row for row in counts.figures if row.department == department]
        judged = [row for row in counts.judged if row.department == department]
        own = MessageTotals() if beside.costs else None
        if own and department in costs:
            own = own.plus(costs[department])
        return sum_figures(rows, judged, own)

    return about | {
        "departments": [
            {"id": id, "name": name, "figures": figures_of(id)}
            for id, name in (names | left).items()
        ],
        "total": sum_figures(
            counts.figures, counts.judged, beside.costs.total if beside.costs else None
        ),
        "rules": judged_rules(counts.judged, config),
        "versions": judged_versions(counts.judged, beside.first_uses),
        "care": {each: n if n >= SMALLEST_COUNT else None for each, n in dangers.items()},
        "currency": beside.costs.currency if beside.costs else None,
    }
