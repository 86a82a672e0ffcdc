"""Records as the API shows them."""

import json
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.api import presenter
from tests.support.archiver.record_rows import (
    DECISION,
    MARKED,
    MESSAGE,
    NOON,
    NOT_MARKED,
    RECEIVED,
    SENT,
    SHOWN,
    row,
    sent,
    shown,
    told,
)


def test_a_message_of_a_citizen_is_shown_with_its_decision_and_its_original() -> None:
    raw = '{"id":"wamid.theirs","text":{"body":"Één"}}'
    assert shown(RECEIVED, raw=raw.encode()) == {
        "id": str(MESSAGE),
        "wamid": "wamid.theirs",
        "conversationId": "10000001-x",
        "direction": "in",
        "type": "text",
        "text": "Één",
        "from": {"identities": [{"kind": "phone", "value": "31611111111"}], "name": "Anna"},
        "department": "groen",
        "decision": SHOWN,
        **NOT_MARKED,
        "author": None,
        "status": "received",
        "statuses": [],
        "media": [],
        "annotations": [],
        "deliveries": [],
        "sequence": 1,
        "receivedAt": "2026-11-25T12:00:00Z",
        "sentAt": "2026-11-25T11:59:59Z",
        "raw": json.loads(raw),
    }


def test_a_message_of_ours_has_the_wamid_that_was_heard_of_it() -> None:
    assert shown(SENT)["wamid"] is None
    assert shown(SENT, sent("sent", "accepted", "wamid.ours"))["wamid"] == "wamid.ours"
    assert shown(SENT, told("delivered"))["wamid"] == "wamid.ours"
    ours = shown(SENT, sent("failed", "failed", reason="131026: kan niet"), told("sent"))
    assert ours["wamid"] == "wamid.ours"
    assert (ours["author"], ours["raw"], ours["sentAt"]) == (SENT["author"], None, None)
    assert ours["from"] is None


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read", "failed"])))
def test_in_any_order_the_furthest_status_shows_and_all_are_listed(order: tuple[str, ...]) -> None:
    about = [told(word, second) for second, word in enumerate(order)]
    made = shown(SENT, *about)
    assert made["status"] == "read"
    assert [status["status"] for status in made["statuses"]] == list(order)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([], "accepted"),
        (["sent"], "sent"),
        (["sent", "failed"], "failed"),
        (["failed", "sent"], "failed"),
        (["delivered", "failed"], "delivered"),
        (["failed", "delivered"], "delivered"),
        (["read", "played"], "played"),
        (["a new word"], "accepted"),
        (["a new word", "sent"], "sent"),
    ],
)
def test_what_was_delivered_has_not_failed_and_an_unknown_word_says_nothing(
    words: list[str], status: str
) -> None:
    assert shown(SENT, *(told(word) for word in words))["status"] == status


@pytest.mark.parametrize(
    ("about", "status", "statuses"),
    [
        ([sent("sent", "accepted", "w")], "accepted", []),
        ([sent("failed", "failed", reason="131026: kan niet")], "failed", ["failed"]),
        ([sent("unknown", "unknown")], "unknown", ["unknown"]),
        ([sent("unknown", "unknown"), told("sent")], "sent", ["unknown", "sent"]),
        ([told("delivered"), sent("failed", "delivered")], "delivered", ["delivered"] * 2),
    ],
)
def test_what_the_deliverer_heard_counts_where_it_is_news(
    about: list[dict[str, Any]], status: str, statuses: list[str]
) -> None:
    made = shown(SENT, *about)
    assert made["status"] == status
    assert [each["status"] for each in made["statuses"]] == statuses


def test_a_message_that_was_refused_shows_that_it_failed() -> None:
    assert shown(SENT | {"status": "failed"})["status"] == "failed"


def test_a_status_has_the_time_that_meta_gave_or_else_when_it_came() -> None:
    made = shown(SENT, told("sent", 5, None), told("read", 6))
    assert [each["at"] for each in made["statuses"]] == [
        "2026-11-25T12:00:05Z",
        "2026-11-25T12:01:00Z",
    ]


def test_deliveries_are_shown_with_their_message_and_no_other() -> None:
    data = {
        "destination": "crm",
        "event": str(UUID(int=7)),
        "state": "settled",
        "attempts": 2,
        "status": 200,
        "reason": "",
    }
    made = shown(RECEIVED, row("delivery", data, 3), row("delivery", data, 4, message=UUID(int=2)))
    assert made["deliveries"] == [
        {
            "destination": "crm",
            "event": str(UUID(int=7)),
            "state": "settled",
            "attempts": 2,
            "at": "2026-11-25T12:00:03Z",
        }
    ]
    assert made["status"] == "received"


def test_an_echo_has_no_message_id_and_is_shown_under_its_records() -> None:
    echo = RECEIVED | {"direction": "echo"}
    [made] = presenter.messages_json([row("message", echo, message=None)], [])
    assert made["id"] == UUID(int=1000)


NOTED = {
    "id": str(UUID(int=8)),
    "text": "Belt morgen terug",
    "author": {"kind": "employee", "id": "sanne"},
    "department": "kcc",
}


def test_a_note_is_shown_under_the_id_that_its_writer_was_given() -> None:
    rows = [row("note", NOTED | {"author": None}, 2), row("note", NOTED, 5)]
    assert json.loads(msgspec.json.encode(presenter.notes_json(rows))) == [
        {
            "id": str(UUID(int=8)),
            "at": "2026-11-25T12:00:02Z",
            "author": None,
            "text": "Belt morgen terug",
        },
        {
            "id": str(UUID(int=8)),
            "at": "2026-11-25T12:00:05Z",
            "author": {"kind": "employee", "id": "sanne"},
            "text": "Belt morgen terug",
        },
    ]


def test_what_was_decided_beside_the_department_is_shown_with_the_version() -> None:
    said = RECEIVED | MARKED | {"decision": DECISION | {"version": "0123456789ab"}}
    message = shown(said)
    assert {name: message[name] for name in MARKED} == MARKED
    assert message["decision"] == DECISION | {"version": "0123456789ab"}


def test_a_conversation_is_where_it_came_to_and_how() -> None:
    def step(second: int, event: str, department: str, **more: Any) -> dict[str, Any]:
        why = {"rule": "", "reason": "de rest"} if event == "opened" else DECISION
        data = {"event": event, "department": department, "decision": why}
        return row("conversation", data | more, second, left=False)

    sanne = {"kind": "employee", "id": "sanne"}
    by = {"token": "crm", "author": sanne}
    rows = [
        step(0, "opened", "kcc"),
        step(9, "transferred", "groen", **{"from": "kcc"}, reason="een boom", by=by),
        step(12, "linked", "groen", reason="", by=by, zaak="ZAAK-1"),
        step(15, "closed", "groen", reason="klaar", by=by | {"author": None}),
    ]
    nothing = {"from": None, "reason": None, "author": None, "zaak": None}
    assert presenter.conversation_json("10000001-x", rows, [row("note", NOTED)]) == {
        "id": "10000001-x",
        "openedAt": NOON,
        "department": "groen",
        "decision": SHOWN,
        "zaak": "ZAAK-1",
        "history": [
            nothing | {"event": "opened", "department": "kcc", "at": NOON},
            nothing
            | {"event": "transferred", "department": "groen", "at": NOON + timedelta(seconds=9)}
            | {"from": "kcc", "reason": "een boom", "author": sanne},
            nothing
            | {"event": "linked", "department": "groen", "at": NOON + timedelta(seconds=12)}
            | {"author": sanne, "zaak": "ZAAK-1"},
            nothing
            | {"event": "closed", "department": "groen", "at": NOON + timedelta(seconds=15)}
            | {"reason": "klaar"},
        ],
        "notes": presenter.notes_json([row("note", NOTED)]),
    }


def test_who_had_it_before_and_why_they_passed_it_on_may_be_kept_from_a_reader() -> None:
    by = {"token": "crm", "author": {"kind": "employee", "id": "jeugd.jansen"}}
    data = {"event": "transferred", "department": "groen", "decision": DECISION, "from": "jeugd"}
    rows = [row("conversation", data | {"reason": "na de melding", "by": by}, left=False)]
    told, kept = (
        presenter.conversation_json("10000001-x", rows, [], tells)["history"][0]
        for tells in (lambda former: True, lambda former: former != "jeugd")
    )
    assert (told["from"], told["reason"]) == ("jeugd", "na de melding")
    assert (kept["from"], kept["reason"], kept["author"]) == (None, None, None)
    assert kept["department"] == "groen"


def test_a_rectification_stands_beside_the_message_and_changes_nothing_of_it() -> None:
    bare = shown(RECEIVED)
    said = {"by": "P. Bakker", "text": "Het was de overkant", "request": "", "department": "groen"}
    beside = row("annotation", said, 9)
    assert shown(RECEIVED, beside) == bare | {
        "annotations": [
            {"at": "2026-11-25T12:00:09Z", "by": "P. Bakker", "text": "Het was de overkant"}
        ]
    }
