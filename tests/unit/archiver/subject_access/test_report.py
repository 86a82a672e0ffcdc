"""A report as JSON and on pages, and its fixed texts."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from archiver.printing import labels
from archiver.subject_access import legal_notice
from archiver.subject_access.pdf import phrases, tables
from archiver.subject_access.pdf.layout import page_layout
from archiver.subject_access.report import Report, count_messages, encode_report
from services.language import readability
from tests.support.archiver.reports import CONVERSATION, IN, REPORT, at, nasty

ROOT = Path(__file__).parents[4]
PAPER = (ROOT / "docs" / "integrators" / "subject-access-report.md").read_text()
EXAMPLE = re.findall(r"^```json\n(.*?)^```", PAPER, re.MULTILINE | re.DOTALL)[0]


def paths(value: object, above: str = "") -> set[str]:
    """Path of every member, however deep."""
    if isinstance(value, list):
        return set().union(*(paths(each, above) for each in value))
    if not isinstance(value, dict):
        return {above}
    return {above}.union(*(paths(each, f"{above}.{name}") for name, each in value.items()))


def test_report_can_be_read_back() -> None:
    assert msgspec.json.decode(encode_report(REPORT), type=Report) == REPORT
    assert count_messages(REPORT) == 4


def test_example_in_the_documentation_is_a_report_with_every_member() -> None:
    report = msgspec.json.decode(EXAMPLE, type=Report)
    assert json.loads(encode_report(report)) == json.loads(EXAMPLE)
    assert paths(json.loads(EXAMPLE)) == paths(json.loads(encode_report(REPORT)))


TABLES = (tables.CONSENTS, tables.CHANGES, tables.DELIVERIES, tables.VIEWS, tables.COPIES)


@pytest.mark.parametrize(
    "text",
    [
        *(right.text for right in legal_notice.RIGHTS),
        *(legal_notice.AUTOMATED, legal_notice.SOURCE, legal_notice.COMPLAINT),
        *(phrases.INTRODUCTION, phrases.BOXES, phrases.EMPTY),
        *(table[n] for table in TABLES for n in (0, 2)),
    ],
)
def test_fixed_text_of_the_report_is_readable(text: str) -> None:
    assert list(readability.readability_faults(text)) == []


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (None, ""),
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (48_213, "48 kB"),
        (1_248_213, "1,2 MB"),
        (5 * 10**13, "50000 GB"),
    ],
)
def test_size_is_written_in_dutch_units(octets: int | None, expected: str) -> None:
    assert labels.format_size(octets) == expected


def test_count_has_the_singular_or_plural_of_its_noun() -> None:
    counts = [labels.format_count(n, "gesprek", "gesprekken") for n in (0, 1, 1204)]
    assert counts == ["0 gesprekken", "1 gesprek", "1.204 gesprekken"]


def test_messages_are_numbered_by_day_in_amsterdam() -> None:
    late = msgspec.structs.replace(IN, at=at(11 * 60 + 30))
    assert late.at.day == 20
    conversation = msgspec.structs.replace(CONVERSATION, messages=(IN, late))
    report = msgspec.structs.replace(REPORT, conversations=(conversation,))
    days = page_layout(report)["conversations"][0]["days"]
    assert [(day["day"], day["messages"][0]["number"]) for day in days] == [
        ("Vrijdag 20 november 2026", "1.1"),
        ("Zaterdag 21 november 2026", "1.2"),
    ]


def test_unknown_type_is_shown_as_it_is() -> None:
    message = page_layout(nasty())["conversations"][0]["days"][0]["messages"][0]
    assert message["type"] == "soort" * 9


def test_only_a_long_report_has_a_table_of_contents() -> None:
    long = msgspec.structs.replace(REPORT, conversations=(CONVERSATION,) * 4)
    contents = [page_layout(report)["contents"] for report in (REPORT, nasty(), long)]
    assert contents == [False, False, True]
