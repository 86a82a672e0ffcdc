"""Pages for managers: figures as tables and as a file, and orders to send again."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from desk.pages.forms import Form
from desk.pages.management.destinations import REFUSALS, resend_body
from desk.pages.management.figure_table import (
    CSV_BEGINNING,
    TABLES,
    WAITS,
    bars,
    csv_text,
    formatted,
    months_to_choose,
)
from desk.pages.management.figures import NO_REPORT
from desk.postkamer.destinations import Delivery
from desk.postkamer.figures import (
    Costs,
    DepartmentFigures,
    Figures,
    FirstAnswers,
    Month,
    RightAtOnce,
)
from desk.web.words import load_words, words_in
from router.figures.month import NO_RULE, REMOVED, SAFETY
from router.rules.engine import MENU
from services.roles import ROLES

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
BUSY = Figures(
    received=12,
    by_employees=9,
    first_answers=FirstAnswers(4, 31, 260),
    right_at_once=RightAtOnce(3, 1),
    costs=Costs(21, 21, Decimal("1.05")),
)
QUIET = Figures(received=3, closed={"answered": 2, "of_a_later_version": 1})
MONTH = Month(
    "2026-11",
    (
        DepartmentFigures("groen", "Openbare ruimte", QUIET),
        DepartmentFigures("kcc", '=HYPERLINK("x")', BUSY),
        DepartmentFigures("leeg", "Leeg", Figures()),
    ),
    Figures(received=15),
)
EVENTS = [UUID(int=n) for n in range(4)]
PARKED = [
    Delivery(EVENTS[0], NOW, status=422, reason="refused: 422"),
    Delivery(EVENTS[1], NOW, status=422, reason="refused: 422"),
    Delivery(EVENTS[2], NOW, status=400, reason="refused: 400"),
    Delivery(EVENTS[3], NOW),
]


def test_each_table_and_column_and_role_has_words() -> None:
    known, columns = load_words("nl"), [name for table in TABLES.values() for name in table]
    assert {f"figures_table.{table}" for table in TABLES} <= known.keys()
    assert {f"figures.{name}" for name in columns} <= known.keys()
    assert set(columns) > WAITS
    assert {f"role.{role}" for role in ROLES} <= known.keys()
    assert set(REFUSALS.values()) <= known.keys()
    refused = {*NO_REPORT.values(), "figures.no_report"}
    assert refused | {f"{each}_title" for each in refused} <= known.keys()
    assert {f"figures_rule.{each}" for each in (MENU, NO_RULE, REMOVED, SAFETY)} <= known.keys()


def test_busiest_department_has_the_longest_bar_and_an_idle_one_none() -> None:
    listed, longest = bars(MONTH)
    assert ([(bar.name, bar.value) for bar in listed], longest) == (
        [('=HYPERLINK("x")', 12), ("Openbare ruimte", 3)],
        12,
    )
    assert bars(Month("2026-11", (), Figures())) == ([], 0)


def test_file_has_a_row_for_each_department_and_no_formula() -> None:
    text = csv_text(MONTH, words_in("nl"))
    assert text.startswith(CSV_BEGINNING)
    head, *rows = csv.reader(io.StringIO(text.removeprefix(CSV_BEGINNING)), delimiter=";")
    assert [row[:2] for row in rows] == [
        ["2026-11", "Openbare ruimte"],
        ["2026-11", '\'=HYPERLINK("x")'],
        ["2026-11", "Leeg"],
        ["2026-11", "Samen"],
    ]
    assert {len(row) for row in rows} == {len(head)}
    by_name = dict(zip(head, rows[1], strict=True))
    assert (by_name["Van inwoners"], by_name["Helft binnen (minuten)"]) == ("12", "31")
    assert dict(zip(head, rows[0], strict=True))["Helft binnen (minuten)"] == ""
    assert (by_name["Deel meteen goed (%)"], by_name["Bedrag"]) == ("75", "1,05")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("right_share", 75, "75 %"),
        ("right_share", None, "–"),
        ("amount", Decimal("1.055"), "€ 1,06"),
        ("open_p90", 75, "75 minuten"),
        ("received", 1200, "1200"),
    ],
)
def test_cell_is_shown_as_its_column_asks(
    name: str, value: int | Decimal | None, shown: str
) -> None:
    assert formatted(name, value, "EUR", lambda minutes: f"{minutes} minuten") == shown


@pytest.mark.parametrize(
    ("since", "first", "count"),
    [
        (None, "2026-11", 1),
        (date(2026, 11, 3), "2026-11", 1),
        (date(2025, 12, 31), "2025-12", 12),
        (date(2020, 1, 1), "2024-11", 25),
        (date(2027, 1, 1), "2026-11", 1),
    ],
)
def test_months_to_choose_begin_with_the_first_that_was_counted(
    since: date | None, first: str, count: int
) -> None:
    months = months_to_choose(NOW.date(), since)
    assert (months[0], months[-1], len(months)) == ("2026-11", first, count)


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"all": "yes"}, {"since": NOW, "state": "parked"}),
        ({"event": str(EVENTS[2])}, {"events": [EVENTS[2]], "state": "parked"}),
        ({"event": str(UUID(int=9))}, None),
        (
            {"refused": "422", "reason": "refused: 422"},
            {"events": EVENTS[:2], "state": "parked"},
        ),
        ({"refused": "0", "reason": ""}, {"events": [EVENTS[3]], "state": "parked"}),
        ({"refused": "422", "reason": "another"}, None),
    ],
)
def test_order_names_what_is_parked_now(
    fields: dict[str, str], body: dict[str, object] | None
) -> None:
    assert resend_body(Form(fields), PARKED) == body
    assert resend_body(Form(fields), []) is None
