"""No count that was suppressed follows from what is published."""

from collections.abc import Iterator, Sequence
from itertools import product
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from router.figures.suppression import (
    SMALLEST_COUNT,
    Mark,
    Published,
    suppress_table,
)

Counts = Sequence[Sequence[int]]
Shown = Sequence[Sequence[Published]]


@st.composite
def tables(draw: st.DrawFn) -> list[list[int]]:
    """Small tables, mostly of counts near the bound, where totals give most away."""
    counts = st.one_of(st.integers(0, 7), st.sampled_from([0, 0, 4, 5, 30]))
    width = draw(st.integers(1, 3))
    return draw(st.lists(st.lists(counts, min_size=width, max_size=width), min_size=1, max_size=3))


def with_totals(counts: Counts) -> list[list[int]]:
    rows = [[*row, sum(row)] for row in counts]
    return [*rows, [sum(column) for column in zip(*rows, strict=True)]]


def fits(values: Counts, shown: Shown, smallest: int) -> bool:
    """True if a reader may take these for the counts."""
    return all(
        value >= 0
        and (value == cell if isinstance(cell, int) else (value < smallest) == (cell is Mark.SMALL))
        for row, cells in zip(values, shown, strict=True)
        for value, cell in zip(row, cells, strict=True)
    )


def others(counts: Counts, shown: Shown, smallest: int) -> Iterator[list[list[int]]]:
    """Tables that differ by one at most in each cell, and give the same publication."""
    height, width = len(counts), len(counts[0])
    steps = [
        (0,) if isinstance(shown[row][column], int) else (-1, 0, 1)
        for row, column in product(range(height), range(width))
    ]
    for changes in product(*steps):
        changed = [
            [counts[row][column] + changes[row * width + column] for column in range(width)]
            for row in range(height)
        ]
        if fits(values := with_totals(changed), shown, smallest):
            yield values


def computed_cells(counts: Counts, shown: Shown, smallest: int) -> set[tuple[int, int]]:
    """Cells that are not shown, and have the same value in all these tables."""
    alike = {
        (row, column)
        for row, cells in enumerate(shown)
        for column, cell in enumerate(cells)
        if isinstance(cell, Mark)
    }
    truth = with_totals(counts)
    for other in others(counts, shown, smallest):
        alike = {(row, column) for row, column in alike if other[row][column] == truth[row][column]}
        if not alike:
            break
    return alike


@given(tables())
@example([[0, 0, 7]])
@example([[0], [5]])
@example([[4, 4], [30, 30]])
@example([[2, 30, 30], [30, 30, 30], [30, 30, 3]])
def test_no_cell_that_is_not_shown_can_be_computed(counts: list[list[int]]) -> None:
    shown = suppress_table(counts, SMALLEST_COUNT)
    assert shown is not None
    assert computed_cells(counts, shown, SMALLEST_COUNT) == set()


@given(tables(), st.integers(SMALLEST_COUNT, 9))
def test_shown_count_is_true_and_a_small_one_is_never_shown(
    counts: list[list[int]], smallest: int
) -> None:
    shown = suppress_table(counts, smallest)
    assert shown is not None and fits(with_totals(counts), shown, smallest)
    for values, cells in zip(with_totals(counts), shown, strict=True):
        assert [value < smallest for value in values] == [cell is Mark.SMALL for cell in cells]
    if all(value >= smallest for row in counts for value in row):
        assert shown == tuple(map(tuple, with_totals(counts)))


@pytest.mark.parametrize(
    ("counts", "gives_away"),
    [
        ([[3, 30], [30, 30]], {(0, 0)}),
        ([[0, 0, 30]], {(0, 0), (0, 1), (1, 0), (1, 1)}),
        ([[4, 4, 30]], {(0, 0), (0, 1), (1, 0), (1, 1)}),
    ],
)
def test_hiding_small_counts_alone_would_tell_them(
    counts: list[list[int]], gives_away: set[tuple[int, int]]
) -> None:
    """The attack: subtract what is shown from a total, or see that only one sum of small counts is
    possible."""
    alone = [
        [value if value >= SMALLEST_COUNT else Mark.SMALL for value in row]
        for row in with_totals(counts)
    ]
    assert computed_cells(counts, alone, SMALLEST_COUNT) == gives_away
    shown = suppress_table(counts, SMALLEST_COUNT)
    assert shown is not None and computed_cells(counts, shown, SMALLEST_COUNT) == set()


def test_list_hides_the_smallest_other_count() -> None:
    shown = suppress_table([[3, 40, 9]], SMALLEST_COUNT), suppress_table([[12, 40]], SMALLEST_COUNT)
    firsts = [each[0] for each in shown if each]
    assert firsts == [(Mark.SMALL, 40, Mark.HIDDEN, 52), (12, 40, 52)]


def test_table_that_the_bound_alone_gives_away_is_withheld_whole() -> None:
    """Each row is five or more of counts below five, and the first column is below five itself: so
    its four counts are one each, even if no number were shown."""
    counts = [[1, 4]] * 4
    marks = [
        [Mark.SMALL if value < SMALLEST_COUNT else Mark.HIDDEN for value in row]
        for row in with_totals(counts)
    ]
    assert computed_cells(counts, marks, SMALLEST_COUNT) >= {(row, 0) for row in range(4)}
    assert suppress_table(counts, SMALLEST_COUNT) is None


def narrow(shown: Shown, smallest: int) -> dict[tuple[int, int], tuple[int, int]]:
    """Bounds of each cell, as a reader narrows them by all rows and columns until nothing moves."""
    far = 10**6
    bounds = {
        (row, column): (
            (cell, cell)
            if isinstance(cell, int)
            else (0, smallest - 1)
            if cell is Mark.SMALL
            else (smallest, far)
        )
        for row, cells in enumerate(shown)
        for column, cell in enumerate(cells)
    }
    height, width = len(shown), len(shown[0])
    lines = [[(row, column) for column in range(width)] for row in range(height)]
    lines += [[(row, column) for row in range(height)] for column in range(width)]
    moved = True
    while moved:
        moved = False
        for *parts, total in lines:
            lows, highs = (sum(bounds[part][side] for part in parts) for side in (0, 1))
            low, high = bounds[total]
            tighter = {total: (max(low, lows), min(high, highs))}
            for part in parts:
                least, most = bounds[part]
                tighter[part] = max(least, low - highs + most), min(most, high - lows + least)
            moved = moved or any(bounds[cell] != tighter[cell] for cell in tighter)
            bounds |= tighter
    return bounds


def test_month_of_a_town_gives_no_cell_away_and_is_quick() -> None:
    """Eight departments by the hours of a week, of which most are empty."""
    random = Random(7)
    counts = [
        [int(random.expovariate(1 / (1 + department))) * (8 <= hour % 24 < 20)
         for hour in range(168)]
        for department in range(8)
    ]  # fmt: skip
    shown = suppress_table(counts, SMALLEST_COUNT)
    assert shown is not None
    marks = {
        (row, column): cell
        for row, cells in enumerate(shown)
        for column, cell in enumerate(cells)
        if isinstance(cell, Mark)
    }
    assert len(marks) > 800
    narrowed = narrow(shown, SMALLEST_COUNT)
    assert [cell for cell in marks if narrowed[cell][0] == narrowed[cell][1]] == []
