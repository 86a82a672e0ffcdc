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
    MESSAGE,
    NOON,
    NOTED,
    RECEIVED,
    SANNE,
    SENT,
    UNMARKED,
    row,
    send_row,
    shown,
    status_row,
)

SHOWN = SANNE | {"identified": None}
UNVERSIONED = DECISION | {"version": None}
HELD = {"id": "BW-2026-0007", "ground": "woo"}


def test_received_message_is_shown_with_its_decision_and_its_original() -> None:
    raw = '{"id":"wamid.theirs","text":{"body":"Één"}}'
    assert shown(RECEIVED, raw=raw.encode()) == RECEIVED | UNMARKED | {
        "id": str(MESSAGE),
        "conversationId": "10000001-x",
        "decision": UNVERSIONED,
        "author": {"kind": "citizen", "id": "", "identified": None},
        "status": "received",
        "statuses": [],
        "media": [],
        "annotations": [],
        "deliveries": [],
        "sequence": 1,
        "replyTo": None,
        "raw": json.loads(raw),
    }


def test_annotations_and_version_of_the_decision_are_shown() -> None:
    annotated = {
        "tags": ["officieel"], "priority": "high", "language": "nl", "due": "2027-01-01",
        "care": "threat", "sensitive": ["bsn"], "automatic": "bsn", "provisional": True,
        "held": True, "marks": ["waarom"], "decision": DECISION | {"version": "0123456789ab"},
    }  # fmt: skip
    assert annotated.items() <= shown(RECEIVED | annotated).items()


ACCEPTED = send_row("sent", "accepted", "wamid.ours")
FAILED = send_row("failed", "failed", reason="131026: kan niet")
UNKNOWN = send_row("unknown", "unknown")


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([UNKNOWN], "unknown"),
        ([UNKNOWN, send_row("settled", "sent")], "sent"),
        ([UNKNOWN, send_row("settled", "accepted")], "accepted"),
        ([UNKNOWN, send_row("settled", "accepted"), ACCEPTED, status_row("sent")], "sent"),
        ([UNKNOWN, send_row("settled", "accepted"), UNKNOWN], "unknown"),
        ([UNKNOWN, send_row("settled", "accepted"), FAILED], "failed"),
    ],
)
def test_settled_message_is_no_longer_in_doubt(outcomes: list[Any], status: str) -> None:
    assert shown(SENT, *outcomes)["status"] == status


def test_quoted_message_of_an_answer_is_named() -> None:
    assert shown(SENT | {"quoted": str(MESSAGE)})["replyTo"] == str(MESSAGE)
    assert shown(SENT | {"quoted": None})["replyTo"] is None
    assert shown(RECEIVED | {"quoted": "wamid.theirs"})["replyTo"] is None


def test_words_of_a_person_beside_a_message_are_content_and_statuses_are_not() -> None:
    settled = send_row("settled", "sent")
    annotation = row("annotation", {"by": "P.", "text": "anders"})
    beside = [UNKNOWN, settled, ACCEPTED, status_row("read"), annotation]
    assert presenter.content_rows(beside) == [settled, annotation]


def test_status_names_the_person_who_settled_it() -> None:
    by = {"token": "crm", "author": SANNE}
    message = shown(SENT, UNKNOWN, send_row("settled", "sent", by=by))
    assert [status["author"] for status in message["statuses"]] == [None, SHOWN]


def test_sent_message_has_its_author_and_the_wamid_of_any_record_about_it() -> None:
    message = shown(SENT, FAILED, status_row("sent"))
    assert (message["author"], message["raw"], message["sentAt"]) == (SHOWN, None, None)
    proven = {"author": SANNE | {"identified": "proven"}}
    assert shown(SENT | proven)["author"] == proven["author"]
    assert (message["wamid"], message["from"]) == ("wamid.ours", None)
    assert [shown(SENT, *about)["wamid"] for about in ([], [ACCEPTED], [status_row("read")])] == [
        None, "wamid.ours", "wamid.ours",
    ]  # fmt: skip


def test_furthest_status_is_shown_and_all_are_listed_in_any_order() -> None:
    for order in permutations(["sent", "delivered", "read", "failed"]):
        message = shown(SENT, *(status_row(word, n) for n, word in enumerate(order)))
        assert message["status"] == "read"
        assert [status["status"] for status in message["statuses"]] == list(order)


@pytest.mark.parametrize(
    ("about", "status", "listed"),
    [
        ("", "accepted", ""),
        ("sent", "sent", "sent"),
        ("sent failed", "failed", "sent failed"),
        ("failed sent", "failed", "failed sent"),
        ("delivered failed", "delivered", "delivered failed"),
        ("failed delivered", "delivered", "failed delivered"),
        ("read played", "played", "read played"),
        ("new", "accepted", "new"),
        ("new sent", "sent", "new sent"),
        ([ACCEPTED], "accepted", ""),
        ([FAILED], "failed", "failed"),
        ([UNKNOWN], "unknown", "unknown"),
        ([UNKNOWN, status_row("sent")], "sent", "unknown sent"),
        (
            [status_row("delivered"), send_row("failed", "delivered")],
            "delivered",
            "delivered delivered",
        ),
    ],
)
def test_status_is_the_furthest_known_and_a_delivered_message_has_not_failed(
    about: str | list[dict[str, Any]], status: str, listed: str
) -> None:
    rows = [status_row(word) for word in about.split()] if isinstance(about, str) else about
    message = shown(SENT, *rows)
    assert message["status"] == status
    assert [each["status"] for each in message["statuses"]] == listed.split()


def test_status_of_a_refused_message_is_failed() -> None:
    assert shown(SENT | {"status": "failed"})["status"] == "failed"


def test_status_has_the_time_of_meta_or_else_of_its_record() -> None:
    message = shown(SENT, status_row("sent", 5, None), status_row("read", 6))
    times = [each["at"] for each in message["statuses"]]
    assert times == ["2026-11-25T12:00:05Z", "2026-11-25T12:01:00Z"]


def test_deliveries_are_shown_with_their_own_message() -> None:
    listed = {"destination": "crm", "event": str(UUID(int=7)), "state": "settled", "attempts": 2}
    data = listed | {"status": 200, "reason": ""}
    other = row("delivery", data, 4, message=UUID(int=2))
    message = shown(RECEIVED, row("delivery", data, 3), other)
    assert message["deliveries"] == [listed | {"at": "2026-11-25T12:00:03Z"}]
    assert message["status"] == "received"


def test_annotation_is_shown_beside_the_unchanged_message() -> None:
    listed = {"by": "P. Bakker", "text": "Het was de overkant"}
    about = row("annotation", listed | {"request": "", "department": "groen"}, 9)
    annotations = [listed | {"identified": None, "at": "2026-11-25T12:00:09Z"}]
    assert shown(RECEIVED, about) == shown(RECEIVED) | {"annotations": annotations}


def test_echo_without_a_message_id_is_shown_under_the_id_of_its_record() -> None:
    [echo] = presenter.messages_json([row("message", RECEIVED | {"direction": "echo"})], [])
    assert echo["id"] == MESSAGE
    [echo] = presenter.messages_json(
        [row("message", RECEIVED | {"direction": "echo"}, message=None)], []
    )
    assert echo["id"] == UUID(int=1000)


def test_file_waits_until_the_record_has_its_outcome() -> None:
    announced = {"mimeType": "image/jpeg", "filename": "lantaarn.jpg"}
    message = RECEIVED | {"medium": announced | {"id": "900", "sha256": "x"}}
    waiting = announced | {
        "id": str(MESSAGE), "link": f"/v1/media/{MESSAGE}", "state": "waiting", "reason": "",
        "size": None, "sha256": None, "scanned": False,
    }  # fmt: skip
    outcome = {"state": "available", "size": 7, "sha256": "aa", "scanned": True}
    fetched = row("media", outcome | {"reason": "", "mimeType": "image/jpeg"}, 3)
    found = {"state": "quarantined", "reason": "media_malware: x"}
    scanned = row("media", outcome | found | {"mimeType": "image/jpeg"}, 9)
    assert shown(message)["media"] == [waiting]
    assert shown(message, fetched)["media"] == [waiting | outcome]
    assert shown(message, fetched, scanned)["media"] == [waiting | outcome | found]
    assert shown(SENT | {"media": str(MESSAGE)})["media"] == [], "a file that was sent"


def test_file_is_shown_under_a_harmless_name() -> None:
    named = {"id": "900", "sha256": "x", "mimeType": "application/pdf", "filename": "../a.pdf.exe"}
    [file] = shown(RECEIVED | {"medium": named})["media"]
    assert file["filename"] == "a.pdf_exe"


def test_note_has_the_id_that_its_writer_was_given() -> None:
    rows = [row("note", NOTED | {"author": None}, 2), row("note", NOTED, 5)]
    listed = {"id": str(UUID(int=8)), "text": "Belt morgen terug"}
    assert json.loads(msgspec.json.encode(presenter.notes_json(rows))) == [
        listed | {"at": "2026-11-25T12:00:02Z", "author": None},
        listed | {"at": "2026-11-25T12:00:05Z", "author": SHOWN},
    ]


def _step(second: int, event: str, department: str, **more: Any) -> dict[str, Any]:
    why = {"rule": "", "reason": "de rest"} if event == "opened" else DECISION
    data = {"event": event, "department": department, "decision": why}
    return row("conversation", data | more, second, left=False)


def test_conversation_has_its_last_department_and_every_step() -> None:
    by = {"token": "crm", "author": SANNE}
    rows = [
        _step(0, "opened", "kcc"),
        _step(9, "transferred", "groen", **{"from": "kcc"}, reason="een boom", by=by),
        _step(12, "linked", "groen", reason="", by=by, zaak="ZAAK-1"),
        _step(14, "alarmed", "groen", care="suicide", asked="piket", nth=1),
        _step(15, "closed", "groen", reason="klaar", by=by | {"author": None}),
    ]

    def listed(second: int, event: str, department: str, **more: Any) -> dict[str, Any]:
        step = dict.fromkeys(("from", "reason", "author", "zaak", "care", "asked")) | more
        at = NOON + timedelta(seconds=second)
        return step | {"event": event, "department": department, "at": at}

    assert presenter.conversation_json("10000001-x", rows, [row("note", NOTED)], holds=[HELD]) == {
        "id": "10000001-x",
        "openedAt": NOON,
        "department": "groen",
        "decision": UNVERSIONED,
        "zaak": "ZAAK-1",
        "history": [
            listed(0, "opened", "kcc"),
            listed(9, "transferred", "groen", **{"from": "kcc"}, reason="een boom", author=SHOWN),
            listed(12, "linked", "groen", author=SHOWN, zaak="ZAAK-1"),
            listed(14, "alarmed", "groen", care="suicide", asked="piket"),
            listed(15, "closed", "groen", reason="klaar"),
        ],
        "notes": presenter.notes_json([row("note", NOTED)]),
        "isHeld": True,
        "holds": [HELD],
    }


def test_conversation_without_a_hold_is_not_held() -> None:
    answer = presenter.conversation_json("10000001-x", [_step(0, "opened", "kcc")], [])
    assert (answer["isHeld"], answer["holds"]) == (False, [])


def test_former_department_and_its_reason_can_be_kept_from_a_reader() -> None:
    by = {"token": "crm", "author": SANNE}
    rows = [_step(0, "transferred", "groen", **{"from": "jeugd"}, reason="een melding", by=by)]
    told, hidden = (
        presenter.conversation_json("10000001-x", rows, [], tells)["history"][0]
        for tells in (lambda former: True, lambda former: former != "jeugd")
    )
    names = ("department", "from", "reason", "author")
    assert [told[name] for name in names] == ["groen", "jeugd", "een melding", SHOWN]
    assert [hidden[name] for name in names] == ["groen", None, None, None]
