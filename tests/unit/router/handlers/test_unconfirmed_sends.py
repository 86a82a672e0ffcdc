"""A send of which nobody knows whether it went, settled by a person who looked at Meta."""

from uuid import UUID

import pytest

from router.conversation.refusals import NO_MESSAGE, NOT_IN_DOUBT, TEST_TOKEN, TRANSFERRED
from router.handlers.unconfirmed_sends import SENT_AGAIN, WENT
from router.model.changes import DecidedUnit
from services.event_types import STATUS_CHANGED
from tests.support.router.commands import command
from tests.support.router.crm_desk import Desk
from tests.support.router.decisions import addressed_events, data, decisions, records_of
from tests.support.router.names import BERT, id_of
from tests.support.router.webhooks import outcome, status, statuses


def desk_in_doubt(state: str = "unknown") -> tuple[Desk, UUID]:
    """A desk whose answer came to this outcome, and the id of the answer."""
    desk = Desk()
    order = desk.order("text")
    desk.router.takes(order)
    if state:
        said = outcome(order.id, state, second=700, wamid="wamid.ours" * (state == "sent"))
        desk.router.takes(said)
    return desk, order.id


def settles(desk: Desk, message: UUID, *, sent: bool, **more: object) -> list[DecidedUnit]:
    reason = "het staat in WhatsApp Manager"
    return desk.orders("settle", message=message, was_sent=sent, reason=reason, **more)


@pytest.mark.parametrize(
    ("sent", "word", "reason"), [(True, "sent", WENT), (False, "accepted", SENT_AGAIN)]
)
def test_person_settles_a_message_and_its_department_hears_it(
    sent: bool, word: str, reason: str
) -> None:
    desk, message = desk_in_doubt()
    done = settles(desk, message, sent=sent)
    [(destination, event)] = addressed_events(done)
    assert (destination, event.type, event.message) == ("crm", STATUS_CHANGED, message)
    told = data(event)
    assert (told["status"], told["messageId"]) == (word, str(message))
    assert told["reason"] == f"{reason} (het staat in WhatsApp Manager)"
    assert told["author"] == {"kind": "employee"} and told["by"]["author"]["id"] == "sanne"
    assert (desk.router.outgoing[message].status, event.sequence) == (word, desk.now.sequence)
    [record] = records_of(done)
    assert (record.kind, record.message) == ("send", message)
    kept = data(record)
    assert (kept["state"], kept["status"], kept["reason"]) == ("settled", word, told["reason"])
    assert kept["by"]["author"]["id"] == "sanne" and "WhatsApp Manager" in kept["reason"]


def test_message_that_went_is_settled_in_the_ledger_and_one_that_did_not_goes_again() -> None:
    for sent in (True, False):
        desk, message = desk_in_doubt()
        settles(desk, message, sent=sent)
        changes = desk.router.changes[-1]
        assert changes.settled_send == ((message, "") if sent else None)
        assert changes.repeated_send == (None if sent else message)


@pytest.mark.parametrize("state", ["", "sent", "failed"])
def test_message_of_which_the_result_is_known_is_not_settled(state: str) -> None:
    desk, message = desk_in_doubt(state)
    before = desk.router.outgoing[message]
    [refused] = decisions(settles(desk, message, sent=False))
    assert refused.reason == str(NOT_IN_DOUBT)
    assert desk.router.outgoing[message] == before
    assert desk.router.changes[-1].repeated_send is None


def test_second_person_comes_too_late() -> None:
    desk, message = desk_in_doubt()
    settles(desk, message, sent=False)
    [refused] = decisions(settles(desk, message, sent=True))
    assert refused.reason == str(NOT_IN_DOUBT)


def test_status_of_the_first_attempt_still_counts_after_it_was_to_go_again() -> None:
    desk, message = desk_in_doubt()
    settles(desk, message, sent=False)
    desk.router.takes(statuses(status("wamid.first", "delivered", f"{message}.1"), second=800))
    assert desk.router.outgoing[message].status == "delivered"
    assert desk.router.changes[-1].settled_send == (message, "wamid.first")


def test_message_of_another_conversation_or_of_nobody_is_not_settled() -> None:
    desk, _ = desk_in_doubt()
    other = command("b", to=BERT["phone"])
    desk.router.takes(other, outcome(other.id, "unknown", second=701))
    note = desk.order("note", text="let op")
    desk.router.takes(note)
    for id in (other.id, id_of("nobody"), note.id):
        [refused] = decisions(settles(desk, id, sent=True))
        assert refused.reason == str(NO_MESSAGE)


def test_department_that_does_not_have_the_conversation_settles_nothing() -> None:
    desk, message = desk_in_doubt()
    done = settles(desk, message, sent=True, departments=["groen"])
    [refused], [record] = decisions(done), records_of(done)
    assert refused.reason == str(TRANSFERRED)
    assert (record.kind, data(record)["about"]) == ("conversation", str(message))


def test_message_of_a_department_that_handed_over_is_told_to_that_department() -> None:
    desk, message = desk_in_doubt()
    desk.orders("transfer", to_department="groen")
    [(destination, event)] = addressed_events(settles(desk, message, sent=True))
    assert (destination, event.department) == ("crm", "klantcontact")


def test_said_again_is_decided_once() -> None:
    desk, message = desk_in_doubt()
    order = desk.order("settle", message=message, was_sent=False, reason="niet te zien")
    first = desk.router.takes(order)
    again = desk.router.takes(order)
    assert [d.record for d in decisions(again)] == [d.record for d in decisions(first)]


def test_test_token_has_no_message_sent_again() -> None:
    desk, message = desk_in_doubt()
    [refused] = decisions(settles(desk, message, sent=False, test=True))
    assert refused.reason == str(TEST_TOKEN)
    assert desk.router.changes[-1].repeated_send is None
