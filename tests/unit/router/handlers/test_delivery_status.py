"""Statuses and outcomes of our messages, in whatever order Meta and the deliverer report them."""

from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.handlers.delivery_status import STATUS_RANK, wamid_key
from services.contract import Author, Receipt
from services.event_types import STATUS_CHANGED
from services.whatsapp.delivery_status import WAITS_AT_META
from tests.support.router.commands import MACHINE, SANNE, command
from tests.support.router.decisions import data, decisions, events, records_of
from tests.support.router.harness import Router, decide_one, router_with_message
from tests.support.router.names import ANNA, BORNE, OTHER_NUMBER, at, id_of
from tests.support.router.webhooks import inbound, outcome, status, statuses, text

WORDS = ["sent", "delivered", "read", "played", "failed", "deleted", "", "accepted"]
FURTHEST = {"accepted": 0, "unknown": 1, "sent": 2, "failed": 3, "delivered": 4, "read": 5}


def reports(word: str, message: UUID | None = None, second: float = 1, **more: Any) -> Receipt:
    """A status of `wamid.ours`, with our own value where a message is given."""
    number = {"number": more.pop("number")} if "number" in more else {}
    opaque = f"{message}.1" if message else ""
    given = status(more.pop("wamid", "wamid.ours"), word, opaque, **more)
    return statuses(given, second=second, **number)


@pytest.mark.parametrize(
    ("author", "kind"),
    [
        (None, "employee"),
        (SANNE, "employee"),
        (Author(kind="system", id="crm"), "system"),
        (MACHINE, "automated"),
    ],
)
def test_status_event_names_the_kind_of_author_and_no_more(
    author: Author | None, kind: str
) -> None:
    router = Router()
    message = command("a", to=ANNA["phone"], author=author)
    router.takes(message)
    send = router.changes[-1].send
    assert send is not None and send.author_kind == kind  # registers read it
    [event] = events(router.takes(reports("delivered", message.id)))
    assert data(event)["author"] == {"kind": kind}


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read", "failed"])))
def test_furthest_status_wins_in_any_order(order: tuple[str, ...]) -> None:
    router, message = router_with_message()
    seen = [router.outgoing[message].status]
    for n, word in enumerate(order):
        router.takes(reports(word, message, n + 1))
        seen.append(router.outgoing[message].status)
    assert [FURTHEST[word] for word in seen] == sorted(FURTHEST[word] for word in seen)
    assert seen[-1] == "read"


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.booleans()), max_size=12))
def test_status_never_goes_backwards_and_each_step_is_published_once(
    words: list[tuple[str, bool]],
) -> None:
    router, message = router_with_message()
    steps: list[str] = []
    for n, (word, ours) in enumerate(words):
        before = router.outgoing[message].status
        done = router.takes(reports(word, message if ours or n == 0 else None, n + 1))
        after = router.outgoing[message].status
        assert STATUS_RANK[after] >= STATUS_RANK[before]
        assert [e.type for e in events(done)] == [STATUS_CHANGED] * (after != before)
        steps += [after] * (after != before)
    assert len(set(steps)) == len(steps)


def test_status_before_the_outcome_of_the_send_is_matched_by_our_own_value() -> None:
    router, message = router_with_message()
    done = router.takes(reports("delivered", message))
    [decision], [event] = decisions(done), events(done)
    assert (decision.status, decision.message) == ("delivered", message)
    assert router.changes[-1].settled_send == (message, "wamid.ours")
    assert data(event) == {
        "conversationId": event.conversation,
        "messageId": str(message),
        "department": "klantcontact",
        "status": "delivered",
        "reason": "",
        "at": "2026-11-25T09:46:41Z",
        "author": {"kind": "employee"},
    }
    # From now on the wamid alone will do, and nothing is left to settle.
    decision, changes = decide_one(router, reports("read", second=2))
    assert (decision.status, changes.settled_send) == ("read", None)


def test_send_outcome_records_only_the_wamid() -> None:
    router, message = router_with_message()
    done = router.takes(outcome(message, "sent", wamid="wamid.ours"))
    assert events(done) == [] and [r.kind for r in records_of(done)] == ["send"]
    assert router.outgoing[message].status == "accepted"
    decision, changes = decide_one(router, reports("sent"))
    assert (decision.message, decision.status, changes.settled_send) == (message, "sent", None)


@pytest.mark.parametrize("reason", WAITS_AT_META.values())
def test_message_that_waits_at_meta_says_so_until_it_is_sent(reason: str) -> None:
    router, message = router_with_message()
    done = router.takes(outcome(message, "sent", wamid="wamid.ours", reason=reason))
    [event] = events(done)
    assert (data(event)["status"], data(event)["reason"]) == ("accepted", reason)
    assert (router.outgoing[message].status, router.outgoing[message].reason) == (
        "accepted",
        reason,
    )
    router.takes(reports("sent"))
    assert (router.outgoing[message].status, router.outgoing[message].reason) == ("sent", "")


def test_command_outcome_and_status_are_matched_within_one_batch() -> None:
    router, order = Router(), command("a", to="31611111111")
    done = router.takes(order, outcome(order.id, "sent", wamid="wamid.ours"), reports("sent"))
    assert [d.kind for d in decisions(done)] == ["accepted", "status", "status"]
    assert router.outgoing[order.id].status == "sent"


def test_failed_status_keeps_its_reason_after_a_later_outcome() -> None:
    router, message = router_with_message()
    done = router.takes(reports("failed", message, code=131047))
    failed = router.outgoing[message]
    reason = "131047: de inwoner schreef langer dan 24 uur geleden: stuur een sjabloon"
    assert (failed.status, failed.code, failed.reason) == ("failed", 131047, reason)
    assert data(events(done)[0])["reason"] == reason
    assert data(records_of(done)[0])["code"] == 131047
    router.takes(outcome(message, "unknown", second=2, reason="nobody knows"))
    assert router.outgoing[message] == failed


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_outcome_is_published_unless_a_status_went_further(state: str) -> None:
    router, message = router_with_message()
    done = router.takes(outcome(message, state, second=2, code=1, reason="zo is het"))
    now = router.outgoing[message]
    assert (now.status, now.code, now.reason, now.changed_at) == (state, 1, "zo is het", at(2))
    assert [e.type for e in events(done)] == [STATUS_CHANGED]
    router, message = router_with_message()
    router.takes(reports("delivered", message))
    before = router.outgoing[message]
    done = router.takes(outcome(message, state, second=9, code=131026, reason="niet verstuurd"))
    assert router.outgoing[message] == before and events(done) == []
    archived = {"state": state, "wamid": "", "code": 131026, "reason": "niet verstuurd"}
    assert data(records_of(done)[0]) | {"at": None} == archived | {
        "status": "delivered",
        "at": None,
    }


@pytest.mark.parametrize("reason", ["in een sjabloon", *WAITS_AT_META.values()])
def test_sent_outcome_after_a_status_is_recorded_and_told_to_nobody(reason: str) -> None:
    router, message = router_with_message()
    router.takes(reports("delivered", message))
    before = router.outgoing[message]
    done = router.takes(outcome(message, "sent", second=2, wamid="wamid.ours", reason=reason))
    assert router.outgoing[message] == before and events(done) == []
    [record] = records_of(done)
    assert (data(record)["state"], data(record)["reason"]) == ("sent", reason)


def test_unknown_message_that_turns_out_to_be_sent_goes_on() -> None:
    router, message = router_with_message()
    router.takes(outcome(message, "unknown", second=1))
    decision, _ = decide_one(router, reports("sent", message, 2))
    assert (router.outgoing[message].status, decision.sequence) == ("sent", 3)


@pytest.mark.parametrize("opaque", ["", "not ours", f"{id_of('nothing')}.1"])
def test_status_of_no_message_of_ours_is_archived_and_not_published(opaque: str) -> None:
    router, _ = router_with_message()
    done = router.takes(statuses(status("wamid.else", "sent", opaque), second=1))
    [decision], [record] = decisions(done), records_of(done)
    assert (decision.kind, decision.message, decision.tenant) == ("archived", None, "almelo")
    assert decision.reason == "it matches no message of ours" == data(record)["reason"]
    assert events(done) == [] and record.kind == "status"


def test_outcome_of_no_message_of_ours_is_archived() -> None:
    done = Router().takes(outcome(id_of("nothing"), "failed"))
    assert decisions(done)[0].message is None and len(records_of(done)) == 1


def test_status_under_another_number_is_ignored() -> None:
    """The conversation has one writer: the router of its own number's partition."""
    router, message = router_with_message()
    before = dict(router.outgoing), dict(router.conversations)
    decision, _ = decide_one(router, reports("read", message, number=BORNE))
    assert decision.reason == "it matches no message of ours"
    assert before == (router.outgoing, router.conversations)


def test_status_without_a_wamid_names_no_other_message() -> None:
    router, one = router_with_message()
    other = command("b", second=1, to="31622222222")
    router.takes(other)
    for second, message in ((2, one), (3, other.id)):
        router.takes(reports("sent", message, second, wamid=""))
    assert [o.wamid_hash for o in router.outgoing.values()] == [None, None]
    assert decide_one(router, reports("read", second=4, wamid=""))[0].message is None


def test_status_without_progress_still_gives_the_wamid() -> None:
    router, message = router_with_message()
    _, changes = decide_one(router, reports("a new word", message))
    assert changes.settled_send == (message, "wamid.ours")
    assert router.outgoing[message].status == "accepted"
    assert router.outgoing[message].wamid_hash == wamid_key(
        "wamid.ours", router.outgoing[message].number, router.ground
    )


def test_status_counts_from_its_own_time_and_the_first_one_stands() -> None:
    router, message = router_with_message()
    router.takes(reports("failed", message, wamid="wamid.a", code=1))
    now = router.outgoing[message]
    assert (now.code, now.changed_at.isoformat()) == (1, "2026-11-25T09:46:41+00:00")
    assert events(router.takes(reports("failed", message, 2, wamid="wamid.b", code=2))) == []
    assert router.outgoing[message].code == 1
    untimed = status("wamid.b", "delivered", f"{message}.1")
    del untimed["timestamp"]
    router.takes(statuses(untimed, second=3))
    assert router.outgoing[message].changed_at == at(3)


def test_status_is_published_to_the_sender_after_a_transfer() -> None:
    router, message = router_with_message()
    moved, _ = decide_one(router, inbound(text("w", "container", phone="31611111111"), second=1))
    assert moved.department == "groen"
    [event] = events(router.takes(reports("sent", message, 2)))
    assert event.department == "klantcontact"


# A status without our own value may come before Meta's answer to the send.


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read"])))
def test_early_status_applies_once_its_message_is_known(order: tuple[str, ...]) -> None:
    router, message = router_with_message()
    early = [reports(word, second=n) for n, word in enumerate(order, 1)]
    for each in early:
        done = router.takes(each)
        assert events(done) == [] and records_of(done)
    assert router.outgoing[message].status == "accepted"
    sent = outcome(message, "sent", wamid="wamid.ours", second=9)
    [event] = events(router.takes(sent))
    assert data(event)["status"] == router.outgoing[message].status == "read"
    again = [router.takes(each) for each in [*early, sent]]
    assert [events(each) for each in again] == [[], [], [], [event]]
    later = router.takes(reports("delivered", second=10))
    assert (router.outgoing[message].status, events(later), router.early) == ("read", [], {})


def test_early_status_is_matched_within_one_batch() -> None:
    router, message = router_with_message()
    router.takes(reports("delivered"), outcome(message, "sent", wamid="wamid.ours", second=2))
    assert (router.outgoing[message].status, router.early) == ("delivered", {})


def test_early_status_keeps_its_price_and_its_reason() -> None:
    router, message = router_with_message()
    pricing = {"category": "service", "type": "regular", "pricing_model": "PMP"}
    router.takes(statuses(status("wamid.ours", "delivered") | {"pricing": pricing}, second=1))
    _, changes = decide_one(router, outcome(message, "sent", wamid="wamid.ours", second=2))
    charge = changes.charge
    assert charge and (charge.id, charge.category) == (message, "service")
    assert charge.is_charged and changes.is_newly_charged
    router, message = router_with_message()
    router.takes(reports("failed", code=131026))
    [event] = events(router.takes(outcome(message, "sent", wamid="wamid.ours", second=2)))
    assert data(event)["reason"].startswith("131026: ")


@pytest.mark.parametrize(
    "early", [{"wamid": "wamid.theirs"}, {"number": OTHER_NUMBER}, {"wamid": ""}]
)
def test_early_status_of_another_message_or_number_is_ignored(early: dict[str, str]) -> None:
    router, message = router_with_message()
    router.takes(reports("read", **early))
    router.takes(outcome(message, "sent", wamid="wamid.ours", second=2))
    assert router.outgoing[message].status == "accepted"


def test_early_status_with_an_unknown_word_is_not_stored() -> None:
    router, _ = router_with_message()
    router.takes(reports("sighed"))
    assert router.early == {}


def test_statuses_of_a_test_token_are_told_as_those_of_meta_and_never_go_backwards() -> None:
    router, message = router_with_message()
    router.takes(outcome(message, "sent", wamid="wamid.test.a"))
    told = []
    for second, word in enumerate(["sent", "delivered", "read", "delivered"], 1):
        done = router.takes(outcome(message, "sent", second=second, reported=word))
        told += [data(event)["status"] for event in events(done)]
        [record] = records_of(done)
        assert record.kind == "send" and data(record)["reported"] == word
    assert told == ["sent", "delivered", "read"]
    assert router.outgoing[message].status == "read"
    assert not router.changes[-1].charge
