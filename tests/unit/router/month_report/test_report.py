"""The report of a month: what it says, what it leaves out, and both of its forms."""

import csv
import io
import subprocess
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from router.billing.month_costs import Costs, MessageTotals, Row
from router.figures.month import Beside, CountedRow, JudgedRow, MonthCounts
from router.month_report.contents import MOST_RULES, Report, build_report, format_wait
from router.month_report.pdf import report_pdf
from router.month_report.spreadsheet import BEGINNING, report_csv
from tests.support.cli.counted_month import ALGORITHM, MONTH, OPEN_DATA, config, counted

FIRST = datetime(2026, 11, 2, 8, tzinfo=UTC)
COSTS = Costs(
    month="2026-11",
    currency="EUR",
    rate_from=MONTH,
    rates={},
    rows=[
        Row(tenant="almelo", department="kcc", delivered=1200, amount=Decimal("7.60")),
        Row(tenant="almelo", department="jeugd", delivered=40, amount=Decimal("2.00")),
    ],
    total=MessageTotals(),
    budgets=[],
    allowances=[],
)
CARE = [CountedRow("jeugd", "care_violence", 0, 6), CountedRow("kcc", "care_threat", 0, 4)]


def waits(department: str, *minutes: int) -> list[CountedRow]:
    return [CountedRow(department, "first_answer_open", each, 1) for each in minutes]


def judged(right: int, corrected: int, department: str = "kcc") -> list[JudgedRow]:
    verdicts = ("right", right), ("corrected", corrected)
    return [JudgedRow(department, what, "afval", "a1", n) for what, n in verdicts]


def report(
    figures: list[CountedRow], rows: list[JudgedRow], settings: str = OPEN_DATA + ALGORITHM
) -> Report:
    town, month = config(settings), counted("kcc", "groen", "jeugd")
    counts = MonthCounts(MONTH, False, [*month.figures, *figures], month.by_month, rows)
    return build_report(counts, town, town.tenants[0], Beside(COSTS, {"a1": FIRST}))


def row_of(made: Report, title: str, name: str) -> tuple[str, ...]:
    [table] = [table for table in made.tables if table.title == title]
    return next(row[1:] for row in table.rows if row[0] == name)


@pytest.mark.parametrize(
    ("right", "corrected", "share"),
    [
        (95, 5, "95 %"),
        (5, 95, "5 %"),
        (1995, 5, "99 %"),
        (96, 4, "<5 niet"),
        (5, 0, "<5 niet"),
        (4, 96, "<5 wel"),
        (4, 4, "–"),
        (0, 0, "–"),
    ],
)
def test_share_is_shown_if_both_of_its_parts_are_large_enough(
    right: int, corrected: int, share: str
) -> None:
    made = report([], judged(right, corrected))
    assert row_of(made, "Per afdeling", "Klantcontact")[-1] == share
    assert row_of(made, "Per afdeling", "Samen")[-1] == share
    if right or corrected:
        assert row_of(made, "Versies van de regels", "a1") == ("02-11-2026", share)


def test_share_of_a_department_is_hidden_with_the_corrections_of_one_of_its_rules() -> None:
    """The fallback corrected too few to show, and with the whole they could be worked out."""
    alone, both = judged(95, 5), [*judged(95, 5), JudgedRow("kcc", "right", "", "a1", 9)]
    assert row_of(report([], alone), "Per afdeling", "Klantcontact")[-1] == "95 %"
    assert row_of(report([], both), "Per afdeling", "Klantcontact")[-1] == "–"
    assert row_of(report([], both), "Regels", "Afval")[-1] == "95 %"


@pytest.mark.parametrize(
    ("corrected", "share"), [((0, 0), "–"), ((1, 3), "<5 niet"), ((4, 4), "–"), ((3, 4), "91 %")]
)
def test_share_of_a_department_is_shown_where_its_hidden_corrections_may_be_any(
    corrected: tuple[int, int], share: str
) -> None:
    rows = [
        JudgedRow("kcc", what, rule, "a1", n)
        for rule, wrong in zip(("", "_menu"), corrected, strict=True)
        for what, n in (("right", 40), ("corrected", wrong))
    ]
    assert row_of(report([], rows), "Per afdeling", "Klantcontact")[-1] == share


def test_wait_is_shown_of_enough_answers_only() -> None:
    nine, four = waits("kcc", *range(1, 10)), waits("groen", 1, 2, 3, 4)
    made = report(nine + four, [])
    assert row_of(made, "Per afdeling", "Klantcontact")[3:5] == ("5 min", "–")
    assert row_of(made, "Per afdeling", "Openbare ruimte")[3:5] == ("–", "–")
    assert row_of(made, "Per afdeling", "Samen")[3:5] == ("4 min", "8 min")


def test_confidential_department_is_in_no_figure_but_danger() -> None:
    more = waits("jeugd", *[600] * 50), judged(50, 50, "jeugd")
    without, made = report(CARE, judged(95, 5)), report(CARE + more[0], judged(95, 5) + more[1])
    assert made == without
    assert made.key_figures[-1].value == "€ 8"
    assert made.key_figures[-1].about == "hele euro's; 1.200 berichten bezorgd"
    assert row_of(made, "Gevaar", "Geweld en misbruik") == ("6",)
    assert row_of(made, "Gevaar", "Bedreiging van medewerkers") == ("<5",)
    assert "Jeugdzorg" not in str(made) and "Team J" not in str(made)


def test_rule_has_the_counts_of_the_open_data_and_hides_its_share_with_them() -> None:
    made = report([], judged(30, 10))
    assert row_of(made, "Regels", "Afval") == ("22", "10", "75 %")
    raised = "[tenants.open_data]\nsmallest_count = 11\n"
    assert row_of(report([], judged(30, 10), raised), "Regels", "Afval")[1:] == ("<11", "<11 niet")
    [rules] = [table for table in made.tables if table.title == "Regels"]
    assert len(rules.rows) <= MOST_RULES and "–" not in rules.about


def test_sheet_has_a_row_for_each_figure_and_no_formula() -> None:
    made = report(waits("kcc", *range(200)), judged(95, 5))
    text = report_csv(made).decode()
    assert text.startswith(BEGINNING)
    head, *rows = csv.reader(io.StringIO(text.removeprefix(BEGINNING)), delimiter=";")
    assert head == ["maand", "onderdeel", "wat", "maat", "waarde"]
    cells = sum((len(table.columns) - 1) * len(table.rows) for table in made.tables)
    assert len(rows) == len(made.key_figures) + cells
    assert ["2026-11", "Kerncijfers", "Ontvangen", "berichten van inwoners", "116"] in rows
    assert ["2026-11", "Per afdeling", "Klantcontact", "9 van de 10 binnen", "2 u 59 min"] in rows
    assert ["2026-11", "Hoe gesprekken eindigden", "Klantcontact", "Samengevoegd", "<5"] in rows
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@")]


def test_pdf_says_the_same_and_is_the_same_each_time() -> None:
    made = report(CARE + waits("kcc", *range(200)), judged(95, 5))
    printed = report_pdf(made)
    assert printed == report_pdf(made)
    told = subprocess.run(["pdftotext", "-layout", "-", "-"], input=printed, capture_output=True)
    words = "".join(told.stdout.decode().split())
    for each in ("WhatsAppinnovember2026", "GemeenteAlmelo", "pagina1van2"):
        assert each in words
    for figure in made.key_figures:
        assert figure.name.replace(" ", "") in words and figure.value.replace(" ", "") in words
    assert b"pdfaid" in printed and b"pdfuaid" in printed


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(None, "–"), (0, "0 min"), (59, "59 min"), (60, "1 u"), (125, "2 u 5 min"), (845, "14 u")],
)
def test_wait_is_written_in_hours_and_minutes(minutes: int | None, words: str) -> None:
    assert format_wait(minutes) == words
