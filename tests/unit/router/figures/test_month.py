"""The figures of a month, of what was counted."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from router.api.figure_routes import chosen_month
from router.billing.month_costs import Costs, MessageTotals, Row
from router.figures.month import (
    EARLIER,
    MOST_VERSIONS,
    Beside,
    CountedRow,
    FirstAnswers,
    JudgedRow,
    JudgedRule,
    MonthCounts,
    first_answers,
    judged_versions,
    month_bounds,
    month_json,
    percentile,
    settled_on,
)
from tests.support.cli.counted_month import config

TODAY = date(2026, 11, 30)
NAMES = [("kcc", "Klantcontact"), ("groen", "Openbare ruimte"), ("jeugd", "Jeugdzorg")]
NOVEMBER = date(2026, 11, 1)
FIRST, SECOND = (datetime(2026, 11, day, tzinfo=UTC) for day in (2, 16))
COSTS = Costs(
    month="2026-11",
    currency="EUR",
    rate_from=NOVEMBER,
    rates={},
    rows=[Row(tenant="almelo", department="kcc", delivered=12, amount=Decimal("0.40"))],
    total=MessageTotals(delivered=12, amount=Decimal("0.40")),
    budgets=[],
    allowances=[],
)


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
        CountedRow("oud", "first_answer", 5, 3),
        CountedRow("kcc", "closed_handled", 0, 1),
        CountedRow("kcc", "closed_of_a_later_version", 0, 1),
        CountedRow("kcc", "sent_employee", 0, 2),
        CountedRow("kcc", "sent_automated", 0, 7),
    ]
    judged = [
        JudgedRow("kcc", "right", "afval", "b", 7),
        JudgedRow("kcc", "corrected", "afval", "a", 2),
        JudgedRow("weg", "right", "dood", "b", 5),
        JudgedRow("kcc", "right", "oude-regel", "b", 1),
        JudgedRow("kcc", "right", "", "b", 1),
    ]
    rows += [CountedRow("kcc", "care_threat", 0, 5), CountedRow("groen", "care_suicide", 0, 4)]
    counts = MonthCounts(NOVEMBER, False, rows, [], judged)
    beside = Beside(COSTS, {"a": FIRST, "b": SECOND})
    made = month_json(counts, config(), "almelo", beside, month="2026-11")
    left = [("oud", "oud"), ("weg", "weg")]
    assert [(each["id"], each["name"]) for each in made["departments"]] == [*NAMES, *left]
    kcc, groen, *_ = (each["figures"] for each in made["departments"])
    assert (groen.received, groen.first_answers.median_minutes) == (0, None)
    assert (kcc.received, kcc.by_employees, kcc.automatic, kcc.closed["handled"]) == (3, 2, 7, 1)
    assert (kcc.right_at_once.right, kcc.right_at_once.corrected) == (9, 2)
    assert (kcc.costs.amount, groen.costs.delivered) == (Decimal("0.40"), 0)
    total = made["total"]
    assert (total.received, total.first_answers.count, total.costs.delivered) == (5, 5, 12)
    assert (total.first_answers.median_minutes, total.first_answers.p90_minutes) == (5, 90)
    assert made["rules"] == [
        JudgedRule(rule="afval", right=7, corrected=2),
        JudgedRule(rule="_veiligheid", right=5, corrected=0),
        JudgedRule(rule="_geen", right=1, corrected=0),
        JudgedRule(rule="_verwijderd", right=1, corrected=0),
    ]
    assert [(each.version, each.first_at, each.right) for each in made["versions"]] == [
        ("b", SECOND, 14),
        ("a", FIRST, 0),
    ]
    assert made["care"] == {"emergency": None, "suicide": None, "violence": None, "threat": 5}


def test_few_judged_dangers_are_in_no_row_and_in_no_total() -> None:
    rows = [
        JudgedRow("kcc", "right", "afval", "b", 3),
        JudgedRow("kcc", "right", "dood", "b", 3),
        JudgedRow("groen", "corrected", "dood", "a", 1),
    ]
    made = month_json(MonthCounts(NOVEMBER, False, [], [], rows), config(), "almelo", Beside())
    parts = [each["figures"].right_at_once for each in made["departments"]]
    parts += [made["total"].right_at_once, *made["rules"], *made["versions"]]
    assert [(each.right, each.corrected) for each in parts] == [
        (3, 0), (0, 0), (0, 0), (3, 0), (3, 0), (3, 0),
    ]  # fmt: skip


def test_wait_of_fewer_than_five_answers_is_not_told() -> None:
    four = [CountedRow("kcc", "first_answer", minutes, 1) for minutes in (1, 2, 3, 4)]
    assert first_answers(four, "first_answer") == FirstAnswers(4, None, None)
    five = [*four, CountedRow("kcc", "first_answer", 5, 1)]
    assert first_answers(five, "first_answer") == FirstAnswers(5, 3, 5)


def test_oldest_versions_are_counted_as_one() -> None:
    count = MOST_VERSIONS + 3
    rows = [JudgedRow("kcc", "right", "afval", f"{n:02}", n) for n in range(count)]
    uses = {f"{n:02}": FIRST + timedelta(days=n) for n in range(count)}
    listed = judged_versions(rows, uses)
    newest = [f"{n:02}" for n in range(count - 1, 2, -1)]
    assert [each.version for each in listed] == [*newest, EARLIER]
    assert (listed[-1].right, listed[-1].first_at) == (0 + 1 + 2, None)


def test_month_is_settled_on_the_eighth_day_after_its_end() -> None:
    assert settled_on("2026-12") == date(2027, 1, 8)
