"""A change of a conversation or a number becomes a command for the router, or a refusal."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.commands.builder import (
    CommandContext,
    build_change,
    build_number_command,
    change_faults,
    merge_faults,
    number_command_faults,
    time_faults,
)
from gateway.requests import changes
from services.api.json_body import parse_body
from services.contract import Author
from tests.support.gateway.contact_centre import (
    AT,
    CONFIG,
    CONVERSATION,
    HELD,
    NEIGHBOUR,
    NUMBER,
    OTHER,
    OTHER_CONVERSATION,
    body,
    rights,
)
from tests.support.router.commands import build_command

CHANGES: list[tuple[TypeAdapter[Any], dict[str, Any], dict[str, Any]]] = [
    (
        changes.TRANSFER,
        {"department": "zorg", "reason": "Wmo", "from": "kcc"},
        {"type": "transfer", "to_department": "zorg", "reason": "Wmo", "department": "kcc"},
    ),
    (changes.TRANSFER, {"reason": "x"}, {"type": "transfer", "reason": "x"}),
    (
        changes.TRANSFER,
        {"reason": "x", "department": "zorg", "employee": "m.devries"},
        {"type": "transfer", "reason": "x", "to_department": "zorg", "employee": "m.devries"},
    ),
    (changes.CLOSE, {}, {"type": "close"}),
    (changes.CLOSE, {"reason": "klaar"}, {"type": "close", "reason": "klaar"}),
    (changes.NOTE, {"text": "Belde ook al"}, {"type": "note", "text": "Belde ook al"}),
    (changes.CLOSE, {"outcome": "handled"}, {"type": "close", "outcome": "handled"}),
    (changes.CLOSE, {"retentionCode": "6.1.3"}, {"type": "close", "code": "6.1.3"}),
    (changes.REOPEN, {}, {"type": "reopen"}),
    (changes.REOPEN, {"reason": "wacht"}, {"type": "reopen", "reason": "wacht"}),
    (changes.LINK_CASE, {"zaak": "ZAAK-12"}, {"type": "link", "zaak": "ZAAK-12"}),
    (changes.READ, {}, {"type": "read"}),
    (changes.READ, {"typing": False}, {"type": "read"}),
    (changes.READ, {"typing": True}, {"type": "read", "typing": True}),
    (changes.CONFIRM, {}, {"type": "confirm"}),
    (changes.RELEASE, {}, {"type": "release"}),
    (
        changes.MERGE,
        {"with": OTHER_CONVERSATION},
        {"type": "merge", "other": OTHER_CONVERSATION},
    ),
]


@pytest.mark.parametrize(("kind", "given", "expected"), CHANGES)
def test_a_change_is_a_command_of_its_conversation(
    kind: TypeAdapter[Any], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    by = CommandContext(rights=rights("kcc"), id=uuid.UUID(OTHER), at=AT)
    author = {"author": {"kind": "employee", "id": "sanne"}}
    said = build_change(body(kind, given | author), HELD, by)
    assert said == build_command(
        id=by.id,
        received_at=AT,
        conversation=CONVERSATION,
        number=NUMBER,
        tenant="almelo",
        departments=["kcc"],
        author=Author(kind="employee", id="sanne", identified="stated"),
        **expected,
    )


@pytest.mark.parametrize("code", ["6.1.99", "7.1.20", "6", "6.1.3 ", "", "6.1.3.1"])
def test_result_that_the_selection_list_has_not_is_refused(code: str) -> None:
    faults = parse_body(json.dumps({"retentionCode": code}).encode(), changes.CLOSE)
    assert isinstance(faults, list)
    [fault] = faults
    assert fault.pointer == "/retentionCode" and "selection list" in fault.detail


def test_transfer_to_another_municipality_is_refused() -> None:
    away = body(changes.TRANSFER, {"department": "balie", "reason": "x"})
    assert [f.pointer for f in change_faults(away, rights(), CONFIG)] == ["/department"]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (OTHER_CONVERSATION, []),
        (CONVERSATION, ["must be another conversation"]),
        (f"{NEIGHBOUR}-{'b3' * 13}", ["must be a conversation of the same number"]),
        (f"{NUMBER}9-{'b3' * 13}", ["must be a conversation of the same number"]),
    ],
)
def test_conversations_of_one_number_are_put_together(other: str, expected: list[str]) -> None:
    found = merge_faults(body(changes.MERGE, {"with": other}), HELD)
    assert [(fault.pointer, fault.detail) for fault in found] == [("/with", it) for it in expected]


UNTIL = "2026-11-26T01:00:00+02:00"
SAYINGS: list[tuple[TypeAdapter[Any], dict[str, Any], dict[str, Any]]] = [
    (
        changes.NOTICE,
        {"text": "Het is druk.", "until": UNTIL},
        {"type": "notice", "text": "Het is druk.", "until": AT + timedelta(hours=11)},
    ),
    (changes.CLEAR_NOTICE, {}, {"type": "notice"}),
    (
        changes.STATE,
        {"state": "closed", "text": "Wij zijn dicht.", "until": UNTIL},
        {
            "type": "state",
            "state": "closed",
            "text": "Wij zijn dicht.",
            "until": AT + timedelta(hours=11),
        },
    ),
    (changes.STATE, {"state": "receive-only"}, {"type": "state", "state": "receive-only"}),
    (changes.STATE, {"state": "open"}, {"type": "state", "state": "open"}),
]


@pytest.mark.parametrize(("kind", "given", "expected"), SAYINGS)
def test_number_notice_is_a_command_of_the_number(
    kind: TypeAdapter[Any], given: dict[str, Any], expected: dict[str, Any]
) -> None:
    by = CommandContext(rights=rights("kcc"), id=uuid.UUID(OTHER), at=AT)
    author = {"author": {"kind": "employee", "id": "sanne"}}
    said = build_number_command(body(kind, given | author), NUMBER, by)
    assert said == build_command(
        id=by.id,
        received_at=AT,
        number=NUMBER,
        tenant="almelo",
        departments=["kcc"],
        author=Author(kind="employee", id="sanne", identified="stated"),
        **expected,
    )
    assert said.action.until is None or said.action.until.tzinfo is UTC


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        (None, []),
        (AT, ["must lie in the future"]),
        (AT + timedelta(microseconds=1), []),
        (AT + timedelta(days=31), []),
        (AT + timedelta(days=31, microseconds=1), ["must lie within 31 days"]),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))), ["must lie within 31 days"]),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), ["must lie in the future"]),
    ],
)
def test_number_notice_ends_in_the_future_and_within_a_month(
    until: datetime | None, expected: list[str]
) -> None:
    assert [fault.detail for fault in time_faults(until, AT)] == expected


def test_people_who_order_say_who_they_are() -> None:
    woken, cleared = body(changes.CONFIRM, {}), body(changes.CLEAR_NOTICE, {})
    found = [*change_faults(woken, rights(people=True), CONFIG)]
    assert [fault.pointer for fault in found] == ["/author"]
    found = number_command_faults(cleared, rights(people=True), AT)
    assert [fault.pointer for fault in found] == ["/author"]
    assert number_command_faults(cleared, rights(), AT) == []


@pytest.mark.parametrize(
    ("given", "pointers"),
    [
        ({}, []),
        ({"kind": "employee"}, []),
        ({"kind": "employee", "id": "s.jansen"}, []),
        ({"kind": "employee", "id": "S.Jansen"}, ["/author/id"]),
        ({"kind": "employee", "id": "m.devries"}, ["/author/id"]),
        ({"kind": "system", "id": "s.jansen"}, ["/author/kind"]),
        ({"kind": "automated"}, ["/author/kind"]),
    ],
)
def test_author_with_the_token_of_a_person_is_that_person(
    given: dict[str, str], pointers: list[str]
) -> None:
    person = rights("kcc", person="s.jansen")
    noted = body(changes.NOTE, {"text": "x"} | ({"author": given} if given else {}))
    assert [fault.pointer for fault in change_faults(noted, person, CONFIG)] == pointers
    if not pointers:
        by = CommandContext(rights=person, id=uuid.UUID(OTHER), at=AT)
        author = build_change(noted, HELD, by).author
        assert author == Author(kind="employee", id="s.jansen", identified="proven")


@pytest.mark.parametrize("kind", ["system", "automated", "employee"])
def test_author_who_names_no_employee_is_neither_proven_nor_stated(kind: str) -> None:
    noted = body(changes.NOTE, {"text": "x", "author": {"kind": kind}})
    by = CommandContext(rights=rights("kcc"), id=uuid.UUID(OTHER), at=AT)
    assert build_change(noted, HELD, by).author == Author(kind=kind)  # type: ignore[arg-type]
