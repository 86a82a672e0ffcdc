"""A report as JSON, and the words of it that we choose."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from archiver.subject_access import legal_notice
from archiver.subject_access.pdf import labels, tables
from archiver.subject_access.pdf.layout import page_layout
from archiver.subject_access.report import Report, count_messages, encode_report
from services.language import readability
from tests.support.archiver.reports import CONVERSATION, IN, REPORT, at, nasty

ROOT = Path(__file__).parents[4]
PAPER = (ROOT / "docs" / "integrators" / "subject-access-report.md").read_text()
EXAMPLE = re.findall(r"^```json\n(.*?)^```", PAPER, re.MULTILINE | re.DOTALL)[0]


def test_it_can_be_read_back() -> None:
    assert msgspec.json.decode(encode_report(REPORT), type=Report) == REPORT
    assert count_messages(REPORT) == 4


def test_the_example_in_the_paper_is_a_report_with_every_member() -> None:
    report = msgspec.json.decode(EXAMPLE, type=Report)
    assert json.loads(encode_report(report)) == json.loads(EXAMPLE)
    assert paths(json.loads(EXAMPLE)) == paths(json.loads(encode_report(REPORT)))


def paths(value: object, above: str = "") -> set[str]:
    """Of every member, however deep."""
    if isinstance(value, list):
        return set().union(*(paths(each, above) for each in value))
    if not isinstance(value, dict):
        return {above}
    return {above}.union(*(paths(each, f"{above}.{name}") for name, each in value.items()))


OURS = [
    *(right.text for right in legal_notice.RIGHTS),
    legal_notice.AUTOMATED,
    legal_notice.SOURCE,
    labels.INTRODUCTION,
    labels.BOXES,
    labels.EMPTY,
    *(
        text
        for words in (
            tables.CONSENTS,
            tables.CHANGES,
            tables.DELIVERIES,
            tables.VIEWS,
            tables.COPIES,
        )
        for text in (words[0], words[2])
    ),
]


@pytest.mark.parametrize("text", [*OURS, legal_notice.COMPLAINT])
def test_what_we_say_is_plain(text: str) -> None:
    assert list(readability.readability_faults(text)) == []


@pytest.mark.parametrize(
    ("octets", "said"),
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
def test_sizes_are_said_as_people_do(octets: int | None, said: str) -> None:
    assert labels.format_size(octets) == said


def test_days_are_those_of_amsterdam() -> None:
    late = msgspec.structs.replace(IN, at=at(11 * 60 + 30))
    assert late.at.day == 20
    told = msgspec.structs.replace(CONVERSATION, messages=(IN, late))
    days = page_layout(msgspec.structs.replace(REPORT, conversations=(told,)))["conversations"][0][
        "days"
    ]
    assert [each["day"] for each in days] == [
        "Vrijdag 20 november 2026",
        "Zaterdag 21 november 2026",
    ]
    assert [each["messages"][0]["number"] for each in days] == ["1.1", "1.2"]


def test_what_is_not_known_is_shown_as_it_is_called() -> None:
    message = page_layout(nasty())["conversations"][0]["days"][0]["messages"][0]
    assert message["type"] == "soort" * 9


def test_a_table_of_contents_is_for_what_is_long() -> None:
    assert page_layout(REPORT)["contents"] is False
    assert page_layout(nasty())["contents"] is False
    many = msgspec.structs.replace(REPORT, conversations=(CONVERSATION,) * 4)
    assert page_layout(many)["contents"] is True
