"""Read receipts: when a citizen is shown that a message was read, of which, and what says so."""

from typing import Any

import msgspec
import pytest

from router.conversation.refusals import CONFIDENTIAL, MARKS_OFF, NOTHING_TO_MARK
from router.model.conversation import ReadReceipt
from services.config.model import Configuration
from services.contract import Author
from tests.support.router.commands import MACHINE, SANNE
from tests.support.router.config_full import DISCREET
from tests.support.router.decisions import data, records_of
from tests.support.router.simulation import Stadhuis


def town(read_marks: str) -> Configuration:
    given = DISCREET.model_dump(mode="json", by_alias=True)
    for number in given["numbers"]:
        number["read_marks"] = read_marks
    return Configuration.model_validate_json(msgspec.json.encode(given))


def at_work(words: str = "mijn container", read_marks: str = "asked", **more: Any) -> Stadhuis:
    hall = Stadhuis(given=town(read_marks), **more)
    hall.hears(words)
    return hall


def read_receipts(hall: Stadhuis) -> list[ReadReceipt]:
    return [each.read_receipt for each in hall.router.changes if each.read_receipt]


@pytest.mark.parametrize("typing", [False, True])
def test_read_receipt_marks_the_last_message_and_is_archived(typing: bool) -> None:
    hall = at_work()
    hall.after(minutes=1).hears("bij de kerk", wamid="wamid.last")
    before = hall.conversation
    said = hall.orders("read", typing=typing)
    [mark] = read_receipts(hall)
    assert (mark.wamid, mark.typing, mark.person) == ("wamid.last", typing, before.person)
    assert (mark.number, mark.created_at) == (hall.number, hall.now)
    assert (said.kind, said.status, said.event) == ("accepted", "done", None)
    assert said.sequence == before.sequence and hall.conversation == before
    [record] = [r for r in records_of(hall.done[-1:]) if r.kind == "conversation"]
    told = data(record)
    assert (told["event"], told["order"], told["typing"]) == ("read", "read", typing)
    assert told["by"]["author"]["id"] == "sanne"
    assert b"wamid" not in record.data


@pytest.mark.parametrize(
    ("read_marks", "read", "answered"), [("never", 0, 0), ("asked", 1, 0), ("answered", 1, 1)]
)
def test_number_says_when_read_receipts_go_out(read_marks: str, read: int, answered: int) -> None:
    hall = at_work(read_marks=read_marks)
    said = hall.orders("read")
    assert len(read_receipts(hall)) == read
    if not read:
        assert (said.kind, said.status, said.reason) == ("refused", "failed", str(MARKS_OFF))
    hall.orders("text")
    marks = read_receipts(hall)[read:]
    assert [(mark.wamid, mark.typing) for mark in marks] == [("wamid.1", False)] * answered


def test_test_token_shows_no_citizen_that_a_message_was_read() -> None:
    hall = at_work(read_marks="answered")
    for type in ("read", "text"):
        assert hall.orders(type, test=True).kind == "accepted"
    assert read_receipts(hall) == []


@pytest.mark.parametrize(
    ("type", "author"),
    [
        ("text", MACHINE),
        ("text", Author(kind="system", id="taken")),
        ("text", None),
        *((type, SANNE) for type in ("reaction", "template", "note", "close", "transfer")),
    ],
)
def test_automatic_command_sends_no_read_receipt(type: str, author: Author | None) -> None:
    hall = at_work(read_marks="answered")
    said = hall.orders(type, author=author, to_department="groen" if type == "transfer" else "")
    assert (said.kind, read_receipts(hall)) == ("accepted", [])


@pytest.mark.parametrize("words", ["jeugdzorg", "ik wil dood"])
def test_confidential_department_sends_no_read_receipts(words: str) -> None:
    hall = at_work(words, read_marks="answered")
    assert hall.conversation.department == "zorg"
    assert hall.orders("read", typing=True).reason == str(CONFIDENTIAL)
    assert hall.orders("text").kind == "accepted"
    assert read_receipts(hall) == []


def test_conversation_that_was_confidential_gets_no_read_receipts() -> None:
    hall = at_work(read_marks="answered")
    hall.orders("transfer", to_department="zorg")
    hall.orders("transfer", to_department="groen")
    assert hall.orders("read").reason == str(CONFIDENTIAL)
    hall.orders("text")
    assert read_receipts(hall) == []


def test_read_command_of_another_department_is_refused() -> None:
    hall = at_work()
    said = hall.orders("read", departments=["burgerzaken"])
    assert said.reason.startswith("transferred: ") and read_receipts(hall) == []


@pytest.mark.parametrize(("days", "expected"), [(29.9, "accepted"), (30, "refused")])
def test_messages_older_than_thirty_days_get_no_read_receipt(days: float, expected: str) -> None:
    given = town("answered")
    tenant = given.tenants[0].model_copy(update={"idle_days": 366, "wait_minutes": 0})
    hall = Stadhuis(given=given.model_copy(update={"tenants": (tenant, *given.tenants[1:])}))
    hall.hears("mijn container")
    said = hall.after(days=days).orders("read")
    assert (said.kind, said.reason == str(NOTHING_TO_MARK)) == (expected, expected == "refused")
    hall.orders("text")
    assert len(read_receipts(hall)) == (2 if expected == "accepted" else 0)


def test_no_read_receipt_goes_out_when_the_citizen_never_wrote() -> None:
    hall = Stadhuis(given=town("answered"))
    hall.id = hall.orders("template", to="31699999999").conversation
    assert hall.orders("read").reason == str(NOTHING_TO_MARK)
    hall.orders("text")
    assert read_receipts(hall) == []


def test_read_receipt_skips_delayed_messages_and_reactions_and_ignores_a_closing() -> None:
    hall = at_work()
    hall.after(minutes=30).hears("bij de kerk", wamid="wamid.last")
    hall.hears("eerder geschreven", wamid="wamid.old", late=20)
    hall.after(minutes=1).hears("👍", "reaction", wamid="wamid.thumb")
    hall.orders("close")
    assert hall.orders("read").kind == "accepted"
    assert [mark.wamid for mark in read_receipts(hall)] == ["wamid.last"]
