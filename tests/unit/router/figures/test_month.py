"""The figures of a month, of what was counted."""

from datetime import date

import pytest

from router.api.figure_routes import chosen_month
from router.figures.month import CountedRow, month_bounds, month_json, percentile

TODAY = date(2026, 11, 30)
NAMES = [("groen", "Openbare ruimte"), ("kcc", "Klantcontact")]


def test_month_ends_where_the_next_one_begins() -> None:
    assert month_bounds("2026-11") == (date(2026, 11, 1), date(2026, 12, 1))
    assert month_bounds("2026-12") == (date(2026, 12, 1), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("given", "month"),
    [
        ([], "2026-11"),
        (["2026-10"], "2026-10"),
        (["2026-11"], "2026-11"),
        (["2026-12"], None),
        (["2026-13"], None),
        (["2026-1"], None),
        (["november"], None),
        (["2026-10", "2026-11"], None),
        (["2026-10\n"], None),
    ],
)
def test_month_that_is_asked_for_has_begun(given: list[str], month: str | None) -> None:
    assert chosen_month(given, TODAY) == month


def test_percentile_is_a_wait_that_was_waited() -> None:
    assert percentile([], 0.5) is None
    assert percentile([(7, 1)], 0.9) == 7
    tenth = [(n, 1) for n in range(1, 11)]
    assert (percentile(tenth, 0.5), percentile(tenth, 0.9)) == (5, 9)
    assert percentile([(60, 1), (1, 8), (5, 1)], 0.9) == 5


def test_departments_keep_their_order_and_add_up() -> None:
    rows = [
        CountedRow("oud", "received", 0, 2),
        CountedRow("kcc", "received", 0, 3),
        CountedRow("kcc", "first_answer", 4, 1),
        CountedRow("kcc", "first_answer", 90, 1),
        CountedRow("oud", "first_answer", 5, 1),
        CountedRow("kcc", "closed_handled", 0, 1),
        CountedRow("kcc", "closed_of_a_later_version", 0, 1),
        CountedRow("kcc", "sent_employee", 0, 2),
        CountedRow("kcc", "sent_automated", 0, 7),
    ]
    made = month_json(rows, NAMES, month="2026-11")
    assert [(each["id"], each["name"]) for each in made["departments"]] == [*NAMES, ("oud", "oud")]
    groen, kcc, _ = (each["figures"] for each in made["departments"])
    assert (groen.received, groen.first_answers.median_minutes) == (0, None)
    assert (kcc.received, kcc.by_employees, kcc.automatic, kcc.closed["handled"]) == (3, 2, 7, 1)
    total = made["total"]
    assert (total.received, total.first_answers.count) == (5, 3)
    assert (total.first_answers.median_minutes, total.first_answers.p90_minutes) == (5, 90)
