"""Suppression of small counts in tables that are published with their totals. Pure.

A count below the bound is shown as small. A reader who has the totals could subtract what is shown,
so other cells are hidden as well, until each cell that is not shown has at least two values that
fit all that is published: the shown cells, the totals, and that a small count is below the bound
while a hidden one is not.

The counts of a table and its totals form a network. Each row and each column is a point, and each
cell a link between two: one more in a cell takes a change in another cell of its row and of its
column. So a cell can have another value exactly if it lies on a cycle of cells that are not shown
and that can each go up or down by one. A table of which the counts bound those of another is part
of the same network: what is left of the greater count is a link that is never published.

Not defended: narrowing a cell to two or three values, what a reader knows from elsewhere, and a
guess at why this cell was hidden and not another.
"""

from collections.abc import Hashable, Mapping, Sequence
from enum import Enum
from heapq import heappop, heappush
from typing import NamedTuple

SMALLEST_COUNT = 5
"""Smallest count that may be published. Of fewer, one who knows some of them knows the others: two
persons of a household and two of a street are four. A municipality can only raise it."""


class Mark(Enum):
    """Published instead of a count."""

    SMALL = "small"
    """Below the bound."""
    HIDDEN = "hidden"
    """Not below it; shown, it would tell a small one."""


Published = int | Mark
Name = Hashable
Point = Hashable


class Link(NamedTuple):
    """A count, as what goes from one point to another: what comes to a point also leaves it."""

    start: Point
    end: Point
    value: int
    is_published: bool = True


class Cycle(NamedTuple):
    cost: int
    """Sum of the counts that it hides beyond those that are hidden already."""
    names: tuple[Name, ...]


def suppress(links: Mapping[Name, Link], smallest: int) -> dict[Name, Published] | None:
    """Return the published counts of a network as they may be; None if none may be."""
    network = _Network(links, smallest)
    for name in network.hidden_counts():
        if not network.protect(name):
            return None
    return {name: network.published(name) for name, link in links.items() if link.is_published}


def suppress_table(
    counts: Sequence[Sequence[int]], smallest: int
) -> tuple[tuple[Published, ...], ...] | None:
    """Return the rows with their totals, and a row of the totals of the columns, as they may be
    published; None if nothing of the table may be. Rows have the same length, at least one."""
    links = table_links(counts)
    if (shown := suppress(links, smallest)) is None:
        return None
    height, width = len(counts) + 1, len(counts[0]) + 1
    return tuple(tuple(shown[row, column] for column in range(width)) for row in range(height))


def table_links(counts: Sequence[Sequence[int]]) -> dict[Name, Link]:
    """Return a table as a network. A count is named by its row and column, of which the last are
    the totals; it goes from its row to its column, and a total the other way round."""
    rows = [[*row, sum(row)] for row in counts]
    rows.append([sum(column) for column in zip(*rows, strict=True)])
    last = len(rows) - 1, len(rows[0]) - 1
    links: dict[Name, Link] = {}
    for number, row in enumerate(rows):
        for column, count in enumerate(row):
            start, end = ("row", number), ("column", column)
            if (number == last[0]) != (column == last[1]):
                start, end = end, start
            links[number, column] = Link(start, end, count)
    return links


class _Network:
    """Counts of which some are not shown."""

    def __init__(self, links: Mapping[Name, Link], smallest: int) -> None:
        self._of, self._smallest = links, smallest
        self._ways: Ways = {}
        self._hidden_ways: Ways = {}
        self._hidden: dict[Name, None] = {}
        """In order, so that the same counts give the same tables."""
        self._protected: set[Name] = set()
        for name, link in links.items():
            self._add_ways(name, self._ways)
            if not link.is_published or self._is_small(name):
                self._hide(name)

    def hidden_counts(self) -> list[Name]:
        """Return what would be published, were it not small."""
        return [name for name in self._hidden if self._of[name].is_published]

    def published(self, name: Name) -> Published:
        if self._is_small(name):
            return Mark.SMALL
        return Mark.HIDDEN if name in self._hidden else self._of[name].value

    def protect(self, name: Name) -> bool:
        """Hide the counts that give this one a second value, at the lowest cost. Return False if
        there are none: the bound alone then tells it, even if no number were shown."""
        if name in self._protected:
            return True
        for ways in (self._hidden_ways, self._ways):
            cycles = [self._find_cycle(name, step, ways) for step in (1, -1)]
            if cheapest := min((cycle for cycle in cycles if cycle), key=_cost, default=None):
                for each in cheapest.names:
                    self._hide(each)
                self._protected.update(cheapest.names)
                return True
        return False

    def _is_small(self, name: Name) -> bool:
        return self._of[name].value < self._smallest

    def _hide(self, name: Name) -> None:
        if name not in self._hidden:
            self._hidden[name] = None
            self._add_ways(name, self._hidden_ways)

    def _add_ways(self, name: Name, ways: "Ways") -> None:
        """Add the ways in which a count can change: along its link it goes up by one, and back it
        goes down."""
        link = self._of[name]
        if self._may_change(name, 1):
            ways.setdefault(link.start, []).append((link.end, name))
        if self._may_change(name, -1):
            ways.setdefault(link.end, []).append((link.start, name))

    def _may_change(self, name: Name, step: int) -> bool:
        """Return True if a reader may take one more, or one less, for a count that is not shown."""
        link = self._of[name]
        changed = link.value + step
        if not link.is_published:
            return changed >= 0
        return changed >= 0 and (changed < self._smallest) == self._is_small(name)

    def _find_cycle(self, name: Name, step: int, ways: "Ways") -> Cycle | None:
        """Return the cheapest cycle of these ways on which this count changes by `step`."""
        if not self._may_change(name, step):
            return None
        link = self._of[name]
        start, end = (link.end, link.start) if step == 1 else (link.start, link.end)
        # Of equal costs the longest path goes first: one search then protects many counts. The
        # number keeps the order of those that are alike.
        number = 0
        waiting: list[tuple[int, int, int, Point, tuple[Name, ...]]] = [(0, -1, 0, start, (name,))]
        seen = set[Point]()
        while waiting:
            cost, _, _, point, path = heappop(waiting)
            if point == end:
                return Cycle(cost, path)
            if point in seen:
                continue
            seen.add(point)
            for other, way in ways.get(point, ()):
                if other not in seen and way != name:
                    number += 1
                    price = 0 if way in self._hidden else self._of[way].value
                    order = cost + price, -len(path) - 1, number
                    heappush(waiting, (*order, other, (*path, way)))
        return None


def _cost(cycle: Cycle) -> int:
    return cycle.cost


Ways = dict[Point, list[tuple[Point, Name]]]
"""From each point: the point that can be reached, and the count between them that changes."""
