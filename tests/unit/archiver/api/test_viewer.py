"""Who looks, as they say it themselves, and what was shown, as it is written down."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.api.viewer import (
    EMPLOYEE,
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
def test_a_trace_is_taken_as_the_w3c_writes_it(header: str, expected: tuple[str, str]) -> None:
    assert parse_traceparent(header) == expected


def test_what_somebody_says_of_themselves_is_taken_without_spaces_around_it() -> None:
    headers = {EMPLOYEE: " m.devries ", REASON: "klacht", "traceparent": f"00-{TRACE}-{SPAN}-01"}
    assert read_viewer(headers, CRM) == Viewer(CRM, "m.devries", "klacht", TRACE, SPAN)


@pytest.mark.parametrize(
    ("headers", "rights", "wrong"),
    [
        ({}, CRM, []),
        ({}, PEOPLE, [EMPLOYEE]),
        ({EMPLOYEE: "  "}, PEOPLE, [EMPLOYEE]),
        ({EMPLOYEE: "é"}, PEOPLE, []),
        ({EMPLOYEE: "a\udc80"}, CRM, [EMPLOYEE]),
        ({REASON: "a\x7f"}, PEOPLE, [REASON, EMPLOYEE]),
    ],
)
def test_what_is_wrong_with_it_is_all_said(
    headers: dict[str, str], rights: Rights, wrong: list[str]
) -> None:
    assert [fault.parameter for fault in find_faults(headers, rights)] == wrong


def row(conversation: str, department: str, sequence: int, message: UUID | None) -> dict[str, Any]:
    return {
        "conversation": conversation,
        "department": department,
        "sequence": sequence,
        "message": message,
    }


def test_what_was_shown_is_told_by_conversation_and_department() -> None:
    rows = [
        row("a", "balie", 4, IDS[0]),
        row("a", "jeugd", 6, IDS[1]),
        row("b", "balie", 2, IDS[2]),
        row("a", "balie", 8, IDS[3]),
        row("", "", 0, IDS[4]),
    ]
    told = [
        (p.conversation, p.department, p.count, p.first, p.last, p.message)
        for p in shown_ranges(rows)
    ]
    assert told == [
        ("a", "balie", 2, 4, 8, None),
        ("a", "jeugd", 1, 6, 6, IDS[1]),
        ("b", "balie", 1, 2, 2, IDS[2]),
    ]
    assert [part.listed for part in shown_ranges(rows, listed=True)] == [
        (IDS[0], IDS[3]), (IDS[1],), (IDS[2],),
    ]  # fmt: skip


def test_the_parts_of_one_answer_stand_in_one_trace() -> None:
    shown = list(shown_ranges([row("a", "balie", 4, IDS[0]), row("b", "balie", 4, IDS[1])]))
    for trace in ("", TRACE):
        made = view_records(Viewer(CRM, trace=trace), "search", shown, IDS[2:4], AT)
        assert {msgspec.json.decode(one.data)["trace"] for one in made} == {trace or IDS[2].hex}
        assert [one.id for one in made] == IDS[2:4]
    (alone,) = view_records(Viewer(CRM), "message", shown[:1], IDS[2:3], AT)
    assert "trace" not in msgspec.json.decode(alone.data), "the message's own"
    assert view_records(Viewer(CRM), "message", [], [], AT) == []
