"""Suppression of small counts in a table that is published with its totals. Pure.

A count below the bound is shown as small. A reader who has the totals could subtract what is shown,
so other cells are hidden as well, until each cell that is not shown has at least two values that
fit all that is published: the shown cells, the totals, and that a small count is below the bound
while a hidden one is not.

The counts of a table and its totals form a network. Each row and each column is a point, and each
cell a link between two: one more in a cell takes a change in another cell of its row and of its
column. So a cell can have another value exactly if it lies on a cycle of cells that are not shown
and that can each go up or down by one.

Not defended: narrowing a cell to two or three values, what a reader knows from elsewhere, and a
guess at why this cell was hidden and not another.
"""

from collections.abc import Sequence
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
Cell = tuple[int, int]
"""Row and column; the last of each are the totals."""


class Cycle(NamedTuple):
    cost: int
    """Sum of the counts that it hides beyond those that are hidden already."""
    cells: tuple[Cell, ...]


def suppress_table(
    counts: Sequence[Sequence[int]], smallest: int
) -> tuple[tuple[Published, ...], ...] | None:
    """Return the rows with their totals, and a row of the totals of the columns, as they may be
    published; None if nothing of the table may be. Rows have the same length, at least one."""
    table = _Table(counts, smallest)
    for cell in list(table.hidden):
        if not table.protect(cell):
            return None
    return tuple(
        tuple(table.published((row, column)) for column in range(table.width))
        for row in range(table.height)
    )


def suppress_list(counts: Sequence[int], smallest: int) -> tuple[Published, ...] | None:
    """Return a list of counts with its total, as they may be published."""
    table = suppress_table([counts], smallest)
    return table[0] if table else None


def hide_small(counts: Sequence[int], smallest: int) -> tuple[Published, ...]:
    """Return counts that another published column bounds, as they may be published: with their
    total, a bound could tell the small ones. So the total is hidden."""
    shown = [Mark.SMALL if count < smallest else count for count in counts]
    return (*shown, Mark.HIDDEN)


class _Table:
    """Counts with their totals, and the cells that are not shown."""

    def __init__(self, counts: Sequence[Sequence[int]], smallest: int) -> None:
        rows = [[*row, sum(row)] for row in counts]
        self._values: list[list[int]] = [*rows, [sum(column) for column in zip(*rows, strict=True)]]
        self.height, self.width = len(self._values), len(self._values[0])
        self._smallest = smallest
        self._links: Links = [[] for _ in range(self.height + self.width)]
        self._hidden_links: Links = [[] for _ in range(self.height + self.width)]
        self.hidden: dict[Cell, None] = {}
        """In order, so that the same counts give the same table."""
        self._protected: set[Cell] = set()
        for cell in ((row, column) for row in range(self.height) for column in range(self.width)):
            self._link(cell, self._links)
            if self._is_small(cell):
                self._hide(cell)

    def published(self, cell: Cell) -> Published:
        if self._is_small(cell):
            return Mark.SMALL
        return Mark.HIDDEN if cell in self.hidden else self._value(cell)

    def protect(self, cell: Cell) -> bool:
        """Hide the cells that give this one a second value, at the lowest cost. Return False if
        there are none: the bound alone then tells it, even if no number were shown."""
        if cell in self._protected:
            return True
        for links in (self._hidden_links, self._links):
            cycles = [self._find_cycle(cell, step, links) for step in (1, -1)]
            if cheapest := min((cycle for cycle in cycles if cycle), default=None):
                for each in cheapest.cells:
                    self._hide(each)
                self._protected.update(cheapest.cells)
                return True
        return False

    def _value(self, cell: Cell) -> int:
        return self._values[cell[0]][cell[1]]

    def _is_small(self, cell: Cell) -> bool:
        return self._value(cell) < self._smallest

    def _hide(self, cell: Cell) -> None:
        if cell not in self.hidden:
            self.hidden[cell] = None
            self._link(cell, self._hidden_links)

    def _link(self, cell: Cell, links: "Links") -> None:
        """Add the ways in which a cell can change: from its row to its column it goes up by one,
        and back it goes down; a total the other way round."""
        row, column = cell[0], self.height + cell[1]
        if self._may_change(cell, self._sign(cell)):
            links[row].append((column, cell))
        if self._may_change(cell, -self._sign(cell)):
            links[column].append((row, cell))

    def _may_change(self, cell: Cell, step: int) -> bool:
        """Return True if a reader may take one more, or one less, for the value of a cell that is
        not shown."""
        changed = self._value(cell) + step
        return changed >= 0 and (changed < self._smallest) == self._is_small(cell)

    def _sign(self, cell: Cell) -> int:
        """Return -1 for the total of a row or of a column, which goes up with its cells."""
        row, column = cell
        return 1 if (row == self.height - 1) == (column == self.width - 1) else -1

    def _find_cycle(self, cell: Cell, step: int, links: "Links") -> Cycle | None:
        """Return the cheapest cycle of these links on which this cell changes by `step`."""
        if not self._may_change(cell, step):
            return None
        row, column = cell[0], self.height + cell[1]
        start, end = (column, row) if step == self._sign(cell) else (row, column)
        # Of equal costs the longest path goes first: one search then protects many cells.
        waiting: list[tuple[int, int, int, tuple[Cell, ...]]] = [(0, -1, start, (cell,))]
        seen = set[int]()
        while waiting:
            cost, _, point, path = heappop(waiting)
            if point == end:
                return Cycle(cost, path)
            if point in seen:
                continue
            seen.add(point)
            for other, link in links[point]:
                if other not in seen and link != cell:
                    price = 0 if link in self.hidden else self._value(link)
                    heappush(waiting, (cost + price, -len(path) - 1, other, (*path, link)))
        return None


Links = list[list[tuple[int, Cell]]]
"""From each row, then from each column: the column or row that can be reached, and the cell between
them that changes."""
