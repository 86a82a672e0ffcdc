"""The course of a month's messages as one network, in which small counts are hidden. Pure.

A message comes to a department at some hour. It may place a conversation there, by a rule, and an
employee may give that to another department. So each step bounds the one before it: the
conversations that the rules of a department placed are messages that it received. A reader who
knows whose rule it is can use that, so what lies between two published counts is a link as well,
one that is never published.

A conversation that was placed in one month and given on in the next breaks the bound. The reader
then computes nothing, or something that is not true: where more was given on than was placed, the
one does not bound the other.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from router.figures.suppression import Link, Name, Point, Published, suppress, table_links

PLACED, CORRECTED = "placed", "corrected"
UNBOUNDED = 1
"""Value of a link that can go up and down by one."""


class Course(NamedTuple):
    received: Sequence[Sequence[int]]
    """Messages by department and hour. A department is the number of its row."""
    rules: Mapping[str, Collection[int]]
    """Rule -> departments to which it leads; none for what no message does."""
    placed: Mapping[tuple[int, str], int]
    """Conversations by department and rule."""
    corrected: Mapping[str, int]
    """Conversations that were given to another department, by rule."""


class PublishedCourse(NamedTuple):
    """Without lines both tables are withheld."""

    received: Sequence[Sequence[Published]] = ()
    """With a row and a column of totals."""
    rules: Sequence[tuple[Published, ...]] = ()
    """Placed and corrected, by rule; then the total of those that were placed. One of those that
    were corrected would be one more count to hide others for."""


def publish_course(course: Course, smallest: int) -> PublishedCourse:
    """Return what may be published of both tables, or nothing of either."""
    if not course.received:
        return PublishedCourse()
    links = _link_rules(course, table_links(course.received))
    shown = suppress(links, smallest)
    if shown is None:
        return PublishedCourse()
    lines = [(shown[PLACED, rule], shown[CORRECTED, rule]) for rule in course.rules]
    return PublishedCourse(_rows(shown, course), (*lines, (shown[PLACED, None],)))


def _rows(shown: Mapping[Name, Published], course: Course) -> Sequence[Sequence[Published]]:
    rows, columns = range(len(course.received) + 1), range(len(course.received[0]) + 1)
    return [[shown[row, column] for column in columns] for row in rows]


def _link_rules(course: Course, by_hour: Mapping[Name, Link]) -> dict[Name, Link]:
    """Return the network by hour, in which the total of each department is divided into what each
    rule placed, and messages that placed nothing."""
    links = dict(by_hour)
    total = len(course.received[0])
    source: Point = ("column", total)
    left = {number: by_hour[number, total].value for number in range(len(course.received))}
    sums = Counter[str]()
    for (department, rule), count in course.placed.items():
        sums[rule] += count
        if course.rules[rule]:
            left[department] -= count
            links["of", department, rule] = _link_part(department, rule, count)
    for department, rest in left.items():
        own = "department", department
        links[department, total] = by_hour[department, total]._replace(start=own)
        links["other", department] = _never(source, own, rest)
    for rule, departments in course.rules.items():
        for each in departments:
            links.setdefault(("of", each, rule), _link_part(each, rule, 0))
        if not departments:
            links["no message", rule] = _never(("rule", rule), source, sums[rule])
        corrected = course.corrected.get(rule, 0)
        links[PLACED, rule] = Link((PLACED, rule), ("rule", rule), sums[rule])
        links[CORRECTED, rule] = Link(PLACED, (PLACED, rule), corrected)
        links["kept", rule] = _never(PLACED, (PLACED, rule), sums[rule] - corrected)
    links[PLACED, None] = Link(source, PLACED, sums.total())
    return links


def _link_part(department: int, rule: str, count: int) -> Link:
    return _never(("rule", rule), ("department", department), count)


def _never(start: Point, end: Point, value: int) -> Link:
    """Return a link that is not published. One below nothing is of two months: it may go either
    way, as one that is not bounded by the other."""
    return Link(start, end, value if value >= 0 else UNBOUNDED, is_published=False)
