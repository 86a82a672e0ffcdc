"""No count follows from the tables by hour and by rule together."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest

from router.figures.course import Course, PublishedCourse, publish_course
from router.figures.suppression import SMALLEST_COUNT, Mark, Published, suppress_table

RULES = {"afval": [0], "paspoort": [1], "menu": [0, 1], "waiting": []}
"""Rule -> its departments. There are two, with two hours; no message places by waiting."""
Part = tuple[int, str]


def month(
    received: Sequence[Sequence[int]],
    placed: Mapping[Part, int],
    corrected: Mapping[str, int] | None = None,
) -> Course:
    return Course(received, RULES, placed, corrected or {})


def random_month(random: Random) -> Course:
    """A month with few messages that place nothing, where one table tells most of the other."""
    counts = [0, 0, 1, 3, 4, 5, 6, 9, 30]
    placed = {(each, rule): random.choice(counts)
              for rule, departments in RULES.items() for each in departments or [0]}  # fmt: skip
    received = []
    for each in range(2):
        by_message = sum(placed[each, rule] for rule in RULES if each in RULES[rule])
        number = by_message + random.choice([0, 0, 0, 1, 4])
        early = random.choice([0, number, random.randint(0, number)])
        received.append([early, number - early])
    sums = sum_by_rule(placed)
    corrected = {rule: random.choice([0, sums[rule], random.randint(0, sums[rule])])
                 for rule in RULES}  # fmt: skip
    return month(received, placed, corrected)


def sum_by_rule(placed: Mapping[Part, int]) -> dict[str, int]:
    return {rule: sum(count for part, count in placed.items() if part[1] == rule)
            for rule in RULES}  # fmt: skip


def is_as(value: int, cell: Published) -> bool:
    """True if a reader may take this for the count."""
    if isinstance(cell, Mark):
        return value >= 0 and (value < SMALLEST_COUNT) == (cell is Mark.SMALL)
    return value == cell


def near(values: Mapping[Any, int]) -> Iterator[dict[Any, int]]:
    """Counts that differ by one at most from these."""
    for steps in product((-1, 0, 1), repeat=len(values)):
        near = {key: count + step for (key, count), step in zip(values.items(), steps, strict=True)}
        if min(near.values()) >= 0:
            yield near


def other_hours(course: Course, shown: PublishedCourse) -> Iterator[dict[Any, int]]:
    """Tables by hour with their totals that a reader may think of."""
    cells = {(row, column): course.received[row][column] for row in (0, 1) for column in (0, 1)}
    for each in near(cells):
        for row in (0, 1):
            each[row, 2] = each[row, 0] + each[row, 1]
        for column in (0, 1, 2):
            each[2, column] = each[0, column] + each[1, column]
        if all(is_as(each[cell], shown.received[cell[0]][cell[1]]) for cell in each):
            yield each


def other_rules(course: Course, shown: PublishedCourse) -> Iterator[dict[Part, int]]:
    """Parts of the table by rule that a reader may think of."""
    for parts in near(course.placed):
        sums = sum_by_rule(parts)
        columns = zip((*sums.values(), sum(sums.values())), shown.rules, strict=True)
        if all(is_as(value, line[0]) for value, line in columns):
            yield parts


def computed(course: Course, shown: PublishedCourse) -> set[Any]:
    """Cells that are not shown, and have one value in all that fits both tables: a department
    received what its rules placed at least, and what was given on had been placed."""
    values: dict[Any, set[int]] = {}
    hours, parts = list(other_hours(course, shown)), list(other_rules(course, shown))
    for by_hour, by_rule in product(hours, parts):
        if any(
            sum(by_rule[each, rule] for rule in RULES if each in RULES[rule]) > by_hour[each, 2]
            for each in (0, 1)
        ):
            continue
        sums = sum_by_rule(by_rule)
        given = {
            rule: {count + step for step in (-1, 0, 1)
                   if is_as(count + step, line[1]) and count + step <= sums[rule]}
            for (rule, count), line in zip(course.corrected.items(), shown.rules, strict=False)
        }  # fmt: skip
        if all(given.values()):
            for cell, value in (by_hour | sums | {"total": sum(sums.values())}).items():
                values.setdefault(cell, set()).add(value)
            for rule, possible in given.items():
                values.setdefault(("given on", rule), set()).update(possible)
    cells: dict[Any, Published] = {(row, column): cell for row, cells in enumerate(shown.received)
             for column, cell in enumerate(cells)}  # fmt: skip
    for name, line in zip((*RULES, "total"), shown.rules, strict=True):
        cells |= dict(zip((name, ("given on", name)), line, strict=False))
    assert values, "the truth itself fits"
    return {cell for cell, mark in cells.items()
            if isinstance(mark, Mark) and len(values[cell]) == 1}  # fmt: skip


def made_apart(course: Course) -> PublishedCourse:
    """The attack: each table without what would follow from its own totals alone."""
    sums = sum_by_rule(course.placed)
    hours = suppress_table(course.received, SMALLEST_COUNT)
    placed = suppress_table([list(sums.values())], SMALLEST_COUNT)
    assert hours and placed
    given = [course.corrected.get(rule, 0) for rule in RULES]
    corrected = [count if count >= SMALLEST_COUNT else Mark.SMALL for count in given]
    lines = zip(placed[0], corrected, strict=False)
    return PublishedCourse(hours, (*lines, (placed[0][-1],)))


NONE = dict.fromkeys(RULES, 0)
PLACED: dict[Part, int] = {
    (0, "afval"): 0, (1, "paspoort"): 0, (0, "menu"): 0, (1, "menu"): 0, (0, "waiting"): 0,
}  # fmt: skip


@pytest.mark.parametrize(
    "course",
    [
        # All that the second department received is 10: so its rule placed no more, and the other
        # rule of the 14 that both placed exactly 4.
        month([[22, 22], [5, 5]],
              PLACED | {(0, "afval"): 4, (1, "paspoort"): 10, (0, "menu"): 40, (0, "waiting"): 20},
              NONE),
        # What was given on is all that can have been placed: so the small ones are none.
        month([[30, 30], [30, 30]], PLACED | {(0, "afval"): 12, (1, "paspoort"): 30},
              NONE | {"afval": 12}),
    ],
)  # fmt: skip
def test_tables_that_are_made_apart_tell_small_counts(course: Course) -> None:
    assert computed(course, made_apart(course)) != set()
    shown = publish_course(course, SMALLEST_COUNT)
    assert shown.rules and computed(course, shown) == set()


def test_nothing_of_a_random_month_can_be_computed() -> None:
    published = apart = 0
    for seed in range(150):
        course = random_month(Random(seed))
        shown = publish_course(course, SMALLEST_COUNT)
        counts = [cell for line in (*shown.received, *shown.rules) for cell in line]
        assert all(cell >= SMALLEST_COUNT for cell in counts if isinstance(cell, int))
        if shown.rules:
            assert computed(course, shown) == set(), seed
            published += 1
            apart += computed(course, made_apart(course)) != set()
    assert published == 150 and apart > 10, (published, apart)


def test_both_tables_are_withheld_if_the_bound_alone_tells() -> None:
    """Four departments received five each, of which four late, and fewer than five were early."""
    assert publish_course(month([[1, 4]] * 4, PLACED, NONE), SMALLEST_COUNT) == PublishedCourse()
    assert publish_course(month([], {}), SMALLEST_COUNT) == PublishedCourse()


def test_month_with_corrections_of_the_month_before_is_not_withheld() -> None:
    """The rule placed four, and five were corrected: one of them had been placed in October."""
    placed = PLACED | {(0, "afval"): 4, (1, "paspoort"): 30}
    shown = publish_course(month([[30, 30], [30, 30]], placed, NONE | {"afval": 5}), SMALLEST_COUNT)
    assert shown.rules[0] == (Mark.SMALL, 5)


def test_month_with_placements_of_messages_of_the_month_before_is_not_withheld() -> None:
    """A silence placed a conversation just after midnight, of which the message came before it."""
    placed = PLACED | {(0, "afval"): 7, (1, "paspoort"): 30}
    assert publish_course(month([[3, 3], [30, 30]], placed, NONE), SMALLEST_COUNT).rules
