"""Whether a citizen is shown that what they wrote was read, of which message, and what says so."""

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


def marked(hall: Stadhuis) -> list[ReadReceipt]:
    return [changes.read_receipt for _, _, changes in hall.done if changes.read_receipt]


@pytest.mark.parametrize("typing", [False, True])
def test_read_receipt_marks_the_last_message_and_is_archived(
    typing: bool,
) -> None:
    hall = at_work()
    hall.after(minutes=1).hears("bij de kerk", wamid="wamid.last")
    before = hall.router.conversations[hall.id]
    said = hall.orders("read", typing=typing)
    [mark] = marked(hall)
    assert (mark.wamid, mark.typing, mark.person) == ("wamid.last", typing, before.person)
    assert (mark.number, mark.created_at) == (hall.number, hall.now)
    assert (said.kind, said.status, said.event, said.sequence) == (
        "accepted",
        "done",
        None,
        before.sequence,
    )
    assert hall.router.conversations[hall.id] == before
    [record] = [r for r in records_of(hall.done[-1:]) if r.kind == "conversation"]
    told = data(record)
    assert (told["event"], told["order"], told["typing"]) == ("read", "read", typing)
    assert told["by"]["author"]["id"] == "sanne"
    assert b"wamid" not in record.data


@pytest.mark.parametrize("read_marks", ["never", "asked", "answered"])
def test_the_number_says_whether_one_may_ask_for_it(read_marks: str) -> None:
    hall = at_work(read_marks=read_marks)
    said = hall.orders("read")
    if read_marks == "never":
        assert (said.kind, said.status, said.reason) == ("refused", "failed", MARKS_OFF)
    assert len(marked(hall)) == (read_marks != "never")


SITS = [("never", False), ("asked", False), ("answered", True)]


@pytest.mark.parametrize(("read_marks", "expected"), SITS)
def test_an_answer_of_a_person_marks_where_the_number_says_so(
    read_marks: str, expected: bool
) -> None:
    hall = at_work(read_marks=read_marks)
    hall.orders("text", author=SANNE)
    changes = hall.done[-1][2]
    assert changes.send
    assert (changes.read_receipt is not None) == expected
    if changes.read_receipt:
        assert (changes.read_receipt.wamid, changes.read_receipt.typing) == ("wamid.1", False)


@pytest.mark.parametrize(
    ("type", "author"),
    [
        ("text", MACHINE),
        ("text", Author(kind="system", id="taken")),
        ("text", None),
        ("reaction", SANNE),
        ("template", SANNE),
        ("note", SANNE),
        ("close", SANNE),
        ("transfer", SANNE),
    ],
)
def test_automatic_command_sends_no_read_receipt(type: str, author: Author | None) -> None:
    hall = at_work(read_marks="answered")
    said = hall.orders(type, author=author, to_department="groen" if type == "transfer" else "")
    assert (said.kind, marked(hall)) == ("accepted", [])


def test_a_text_that_goes_out_by_itself_marks_nothing() -> None:
    hall = at_work("ik wil dood", read_marks="answered")
    assert hall.heard
    assert marked(hall) == []


@pytest.mark.parametrize("words", ["jeugdzorg", "ik wil dood"])
def test_a_confidential_department_shows_nothing_whatever_the_number_says(words: str) -> None:
    hall = at_work(words, read_marks="answered")
    assert hall.router.conversations[hall.id].department == "zorg"
    assert hall.orders("read", typing=True).reason == CONFIDENTIAL
    assert hall.orders("text", author=SANNE).kind == "accepted"
    assert marked(hall) == []


def test_nor_does_whoever_has_the_conversation_before_or_after_it() -> None:
    hall = at_work(read_marks="answered")
    hall.orders("transfer", to_department="zorg")
    hall.orders("transfer", to_department="groen")
    assert hall.orders("read").reason == CONFIDENTIAL
    hall.orders("text", author=SANNE)
    assert marked(hall) == []


def test_another_department_than_the_tokens_marks_nothing() -> None:
    hall = at_work()
    said = hall.orders("read", departments=["burgerzaken"])
    assert said.reason.startswith("transferred: ")
    assert marked(hall) == []


@pytest.mark.parametrize(("days", "expected"), [(29.9, "accepted"), (30, "refused")])
def test_meta_marks_nothing_that_is_older_than_thirty_days(days: float, expected: str) -> None:
    given = town("answered")
    tenant = given.tenants[0].model_copy(update={"idle_days": 366, "wait_minutes": 0})
    hall = Stadhuis(given=given.model_copy(update={"tenants": (tenant, *given.tenants[1:])}))
    hall.hears("mijn container")
    said = hall.after(days=days).orders("read")
    assert (said.kind, said.reason == NOTHING_TO_MARK) == (expected, expected == "refused")
    hall.orders("text", author=SANNE)
    assert len(marked(hall)) == (2 if expected == "accepted" else 0)


def test_no_read_receipt_goes_out_when_the_citizen_never_wrote() -> None:
    hall = Stadhuis(given=town("answered"))
    begun = hall.orders("template", to="31699999999")
    hall.id = begun.conversation
    assert hall.orders("read").reason == NOTHING_TO_MARK
    hall.orders("text", author=SANNE)
    assert marked(hall) == []


def test_read_receipt_skips_delayed_messages_and_reactions() -> None:
    hall = at_work()
    hall.after(minutes=30).hears("bij de kerk", wamid="wamid.last")
    hall.hears("eerder geschreven", wamid="wamid.old", late=20)
    hall.after(minutes=1).hears("👍", "reaction", wamid="wamid.thumb")
    hall.orders("read")
    assert [mark.wamid for mark in marked(hall)] == ["wamid.last"]


def test_a_closed_conversation_is_still_marked() -> None:
    hall = at_work()
    hall.orders("close")
    assert hall.orders("read").kind == "accepted"
    assert len(marked(hall)) == 1
