"""Sizes and costs of three towns: those of the page on scale, and those that the page shows."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.town_costs import (
    MEMORY_GB,
    SERVER_GB,
    TOWNS,
    Town,
    archive_gb,
    files_gb,
    format_table,
    log_gb,
    message_euros,
    peak_cores,
    sent_messages,
    server_euros,
    show_number,
    show_range,
    tables,
    total_euros,
    yearly_messages,
)
from services.config.pricing import FREE_SERVICE

ROOT = Path(__file__).parents[3]
SCALE = (ROOT / "docs/operators/scale.md").read_text()
PAGE = (ROOT / "docs/compliance/kosten.md").read_text()
SMALL, MIDDLE, LARGE = TOWNS
EVERYBODY = Town("alle 342", 17_000)


def scale_row(name: str) -> list[str]:
    """Cells of a row of "Four sizes": a village, Almelo, all 342, a hundred times that."""
    [row] = re.findall(rf"^\| {name}.*? \| (.*) \|$", SCALE, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


def gigabytes(cell: str) -> Decimal:
    number, unit = cell.split()
    return Decimal(number) * {"MB": Decimal("0.001"), "GB": Decimal(1)}[unit]


def test_daily_messages_are_those_of_the_page_on_scale() -> None:
    shown = [int(cell.replace(",", "")) for cell in scale_row("messages from citizens")[:3]]
    assert [SMALL.daily, MIDDLE.daily, EVERYBODY.daily] == shown


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("archive, a year", archive_gb),
        ("write-ahead log, a year", log_gb),
        ("files, a year", files_gb),
    ],
)
def test_sizes_are_those_of_the_page_on_scale(name: str, size: Callable[[Town], Decimal]) -> None:
    """The page rounds the village up."""
    village, almelo, everybody = (gigabytes(cell) for cell in scale_row(name)[:3])
    assert size(SMALL) <= village <= 2 * size(SMALL)
    for town, shown in ((MIDDLE, almelo), (EVERYBODY, everybody)):
        assert abs(size(town) / shown - 1) < Decimal("0.05"), town


def test_cores_are_those_of_the_page_on_scale() -> None:
    shown = [int(cell) for cell in scale_row("cores for that minute")[:3]]
    assert [peak_cores(town) for town in (SMALL, MIDDLE, EVERYBODY)] == shown


def test_memory_fits_the_machine_that_is_priced() -> None:
    shown = scale_row("memory: services, broker, database")[:2]
    assert shown == ["2 GB", "2 GB"] and 2 < MEMORY_GB < SERVER_GB


def test_year_has_usual_days_and_storms() -> None:
    assert yearly_messages(MIDDLE) == 250 * 50 + 5 * 2_500


def test_free_messages_cost_nothing_and_the_next_one_does() -> None:
    assert sent_messages(SMALL, 0) < FREE_SERVICE and message_euros(SMALL, 0) == 0
    assert message_euros(MIDDLE, 0) == (1_562 - 1_000) * Decimal("0.05") / Decimal("1.1133")
    assert message_euros(MIDDLE, 1) > message_euros(MIDDLE, 0)


def test_total_adds_up_at_both_ends() -> None:
    low, high = total_euros(LARGE, 3)
    assert server_euros(3)[0] < low < high
    assert low - server_euros(3)[0] > message_euros(LARGE, 0)


def test_numbers_and_amounts_are_written_as_in_dutch() -> None:
    assert show_number(Decimal("1562.5"), 2) == "1.562,50"
    assert show_range((Decimal("37.38"), Decimal("42.99"))) == "€ 37 tot € 43"
    assert show_range((Decimal("24.9"), Decimal("25.1"))) == "€ 25"


def test_table_has_a_column_for_each_town() -> None:
    heading, rule, row = format_table("maat", [("dag", ["1", "2", "3"], "bron")])
    assert heading.count("|") == rule.count("|") == row.count("|") == 6


def test_page_shows_the_tables_that_are_computed() -> None:
    assert f"<!-- kosten -->\n{tables()}\n<!-- /kosten -->" in PAGE
