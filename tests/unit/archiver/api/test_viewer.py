"""Viewers as their requests describe them, and the view records of an answer."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from archiver.api.viewer import (
    BOTH_NEEDED,
    EMPLOYEE,
    OPENING,
    REASON,
    Viewer,
    find_faults,
    parse_traceparent,
    read_viewer,
    shown_ranges,
    view_records,
)
from services.http.rights import Rights
from services.ids import uuid7

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CRM = Rights(name="crm", tenant="almelo", roles=frozenset(["read"]))
PEOPLE = msgspec.structs.replace(CRM, people=True)
PERSON = msgspec.structs.replace(PEOPLE, person="s.jansen")
IDS = [uuid7(AT, bytes([n] * 10)) for n in range(1, 9)]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{TRACE}-{SPAN}-01", (TRACE, SPAN)),
        (f" 00-{TRACE}-{SPAN}-00 ", (TRACE, SPAN)),
        (f"01-{TRACE}-{SPAN}-01-more", (TRACE, SPAN)),
        (f"00-{TRACE}-{SPAN}-01-more", ("", "")),
        (f"ff-{TRACE}-{SPAN}-01", ("", "")),
        (f"00-{'0' * 32}-{SPAN}-01", ("", "")),
        (f"00-{TRACE}-{'0' * 16}-01", ("", "")),
        (f"00-{TRACE.upper()}-{SPAN}-01", ("", "")),
        (f"00-{TRACE}-{SPAN}", ("", "")),
        ("", ("", "")),
    ],
)
def test_traceparent_is_read_as_the_w3c_defines_it(header: str, expected: tuple[str, str]) -> None:
    assert parse_traceparent(header) == expected


@pytest.mark.parametrize(
    ("headers", "rights", "wrong"),
    [
        ({}, CRM, [EMPLOYEE, REASON]),
        ({EMPLOYEE: "m.devries"}, CRM, [REASON]),
        ({EMPLOYEE: "m.devries", REASON: "  "}, CRM, [REASON]),
        ({REASON: "klacht"}, PEOPLE, [EMPLOYEE]),
        ({REASON: "klacht"}, PERSON, []),
        ({EMPLOYEE: "m.devries", REASON: "klacht"}, PERSON, [EMPLOYEE]),
        ({EMPLOYEE: "m.devries", REASON: "klacht"}, CRM, []),
    ],
)
def test_viewer_says_who_and_why_where_that_is_needed(
    headers: dict[str, str], rights: Rights, wrong: list[str]
) -> None:
    assert [each.parameter for each in find_faults(headers, rights, BOTH_NEEDED)] == wrong


def test_viewer_is_read_from_headers_without_surrounding_spaces() -> None:
    headers = {EMPLOYEE: " m.devries ", REASON: "klacht", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    assert read_viewer(headers, CRM) == Viewer(CRM, "m.devries", "klacht", TRACE, SPAN)
    assert read_viewer({OPENING: f" {IDS[0]}"}, CRM) == Viewer(CRM, opening=IDS[0].hex)


@pytest.mark.parametrize(
    ("headers", "rights", "wrong"),
    [
        ({}, CRM, []),
        ({}, PEOPLE, [EMPLOYEE]),
        ({EMPLOYEE: "  "}, PEOPLE, [EMPLOYEE]),
        ({EMPLOYEE: ""}, CRM, [EMPLOYEE]),
        ({REASON: ""}, CRM, []),
        ({EMPLOYEE: "é"}, PEOPLE, []),
        ({EMPLOYEE: "a\udc80"}, CRM, [EMPLOYEE]),
        ({EMPLOYEE: "a\tb"}, CRM, [EMPLOYEE]),
        ({REASON: "a\x7f"}, PEOPLE, [REASON, EMPLOYEE]),
        ({REASON: "x" * 501, EMPLOYEE: "x" * 201}, CRM, [EMPLOYEE, REASON]),
        ({EMPLOYEE: "x" * 200, REASON: "é" * 500}, CRM, []),
        ({}, PERSON, []),
        ({EMPLOYEE: " s.jansen "}, PERSON, []),
        ({EMPLOYEE: "S.Jansen"}, PERSON, [EMPLOYEE]),
        ({EMPLOYEE: ""}, PERSON, [EMPLOYEE]),
        ({OPENING: str(IDS[0])}, CRM, []),
        ({OPENING: ""}, CRM, [OPENING]),
        ({OPENING: "one"}, CRM, [OPENING]),
    ],
)
def test_every_wrong_header_of_a_viewer_is_named(
    headers: dict[str, str], rights: Rights, wrong: list[str]
) -> None:
    assert [fault.parameter for fault in find_faults(headers, rights)] == wrong


def row(conversation: str, department: str, sequence: int, nth: int) -> dict[str, Any]:
    names = ("conversation", "department", "sequence", "message")
    return dict(zip(names, (conversation, department, sequence, IDS[nth]), strict=True))


def test_shown_messages_are_grouped_by_conversation_and_department() -> None:
    rows = [
        row("a", "balie", 4, 0),
        row("a", "jeugd", 6, 1),
        row("b", "balie", 2, 2),
        row("a", "balie", 8, 3),
        row("", "", 0, 4),
    ]
    names = ("conversation", "department", "count", "first", "last", "message")
    assert [tuple(getattr(part, name) for name in names) for part in shown_ranges(rows)] == [
        ("a", "balie", 2, 4, 8, None),
        ("a", "jeugd", 1, 6, 6, IDS[1]),
        ("b", "balie", 1, 2, 2, IDS[2]),
    ]
    listed = [part.listed for part in shown_ranges(rows, listed=True)]
    assert listed == [(IDS[0], IDS[3]), (IDS[1],), (IDS[2],)]


def test_view_records_of_one_answer_share_a_trace() -> None:
    parts = list(shown_ranges([row("a", "balie", 4, 0), row("b", "balie", 4, 1)]))
    for trace in ("", TRACE):
        records = view_records(Viewer(CRM, trace=trace), "search", parts, IDS[2:4], AT)
        traces = {msgspec.json.decode(record.data)["trace"] for record in records}
        assert (traces, [record.id for record in records]) == ({trace or IDS[2].hex}, IDS[2:4])
    [alone] = view_records(Viewer(CRM), "message", parts[:1], IDS[2:3], AT)
    assert "trace" not in msgspec.json.decode(alone.data), "the trace of the message is used"
    assert view_records(Viewer(CRM), "message", [], [], AT) == []


@pytest.mark.parametrize(
    ("rights", "headers", "said"),
    [
        (CRM, {EMPLOYEE: "m.devries"}, {"employee": "m.devries", "identified": "stated"}),
        (PERSON, {}, {"employee": "s.jansen", "identified": "proven"}),
        (PERSON, {EMPLOYEE: "s.jansen"}, {"employee": "s.jansen", "identified": "proven"}),
        (CRM, {}, {}),
    ],
)
def test_view_says_if_the_employee_was_proven(
    rights: Rights, headers: dict[str, str], said: dict[str, str]
) -> None:
    [shown] = shown_ranges([row("a", "balie", 4, 0)])
    [record] = view_records(read_viewer(headers, rights), "messages", [shown], IDS[:1], AT)
    data = msgspec.json.decode(record.data)
    assert {name: data[name] for name in ("employee", "identified") if name in data} == said
