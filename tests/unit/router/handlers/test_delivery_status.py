"""What became of a message of ours, in whatever order Meta and the deliverer tell it."""

from itertools import permutations
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.handlers.delivery_status import STATUS_RANK, wamid_key
from router.output.crm_events import STATUS_CHANGED
from tests.support.router.commands import command
from tests.support.router.decisions import decisions, events, records_of
from tests.support.router.harness import Router
from tests.support.router.webhooks import BORNE, at, id_of, inbound, outcome, status, statuses, text

WORDS = ["sent", "delivered", "read", "played", "failed", "deleted", "", "accepted"]
FURTHEST = {"accepted": 0, "unknown": 1, "sent": 2, "failed": 3, "delivered": 4, "read": 5}


def accepted() -> tuple[Router, UUID]:
    """A router that has just accepted an order, and the message's id."""
    router = Router()
    order = command("a", to="31611111111")
    router.takes(order)
    return router, order.id


def opaque(message: UUID) -> str:
    return f"{message}.1"


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read", "failed"])))
def test_furthest_status_wins_in_any_order(order: tuple[str, ...]) -> None:
    router, message = accepted()
    seen = [router.outgoing[message].status]
    for n, word in enumerate(order):
        router.takes(statuses(status("wamid.ours", word, opaque(message)), second=n + 1))
        seen.append(router.outgoing[message].status)
    assert [FURTHEST[word] for word in seen] == sorted(FURTHEST[word] for word in seen)
    assert seen[-1] == "read"


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(WORDS), st.booleans()), max_size=12))
def test_a_status_never_goes_backwards_and_each_step_is_told_once(
    words: list[tuple[str, bool]],
) -> None:
    router, message = accepted()
    steps: list[str] = []
    for n, (word, ours) in enumerate(words):
        before = router.outgoing[message].status
        given_opaque = opaque(message) if ours or n == 0 else ""
        done = router.takes(statuses(status("wamid.ours", word, given_opaque), second=n + 1))
        after = router.outgoing[message].status
        assert STATUS_RANK[after] >= STATUS_RANK[before]
        assert [e.type for e in events(done)] == [STATUS_CHANGED] * (after != before)
        steps += [after] * (after != before)
    assert len(set(steps)) == len(steps)


def test_a_status_before_the_answer_to_the_send_is_known_by_our_own_value() -> None:
    router, message = accepted()
    done = router.takes(statuses(status("wamid.ours", "delivered", opaque(message)), second=1))
    [(_, decision, changes)] = done
    assert (decision.status, decision.message) == ("delivered", message)
    assert changes.settled_send == (message, "wamid.ours")
    [event] = events(done)
    assert msgspec.json.decode(event.data) == {
        "conversationId": event.conversation,
        "messageId": str(message),
        "department": "klantcontact",
        "status": "delivered",
        "reason": "",
        "at": "2026-11-25T09:46:41Z",
    }
    # From now on the wamid alone will do, and nothing is left to settle.
    [(_, decision, changes)] = router.takes(statuses(status("wamid.ours", "read"), second=2))
    assert (decision.status, changes.settled_send) == ("read", None)


def test_send_outcome_records_only_the_wamid() -> None:
    router, message = accepted()
    done = router.takes(outcome(message, "sent", wamid="wamid.ours"))
    assert events(done) == [] and [r.kind for r in records_of(done)] == ["send"]
    assert router.outgoing[message].status == "accepted"
    [(_, decision, changes)] = router.takes(statuses(status("wamid.ours", "sent"), second=1))
    assert (decision.message, decision.status, changes.settled_send) == (message, "sent", None)


def test_command_outcome_and_status_are_matched_within_one_batch() -> None:
    router = Router()
    order = command("a", to="31611111111")
    done = router.takes(
        order, outcome(order.id, "sent", wamid="w"), statuses(status("w", "sent"), second=1)
    )
    assert [d.kind for d in decisions(done)] == ["accepted", "status", "status"]
    assert router.outgoing[order.id].status == "sent"


def test_failed_status_keeps_its_reason_after_a_later_outcome() -> None:
    router, message = accepted()
    failed = status("wamid.ours", "failed", opaque(message), code=131047)
    done = router.takes(statuses(failed, second=1))
    now = router.outgoing[message]
    assert (now.status, now.code, now.reason) == (
        "failed",
        131047,
        "131047: de inwoner schreef langer dan 24 uur geleden: stuur een sjabloon",
    )
    assert msgspec.json.decode(events(done)[0].data)["reason"] == now.reason
    assert msgspec.json.decode(records_of(done)[0].data)["code"] == 131047
    router.takes(outcome(message, "unknown", second=2, reason="nobody knows"))
    assert router.outgoing[message] == now


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_an_outcome_that_comes_too_late_leaves_no_trace_on_the_message(state: str) -> None:
    router, message = accepted()
    router.takes(statuses(status("wamid.ours", "delivered", opaque(message)), second=1))
    before = router.outgoing[message]
    done = router.takes(outcome(message, state, second=9, code=131026, reason="niet verstuurd"))
    assert router.outgoing[message] == before
    assert events(done) == []
    [record] = records_of(done)
    assert msgspec.json.decode(record.data) | {"at": None} == {
        "state": state,
        "wamid": "",
        "code": 131026,
        "reason": "niet verstuurd",
        "status": "delivered",
        "at": None,
    }


@pytest.mark.parametrize("state", ["failed", "unknown"])
def test_an_outcome_that_is_news_is_told(state: str) -> None:
    router, message = accepted()
    done = router.takes(outcome(message, state, second=2, code=1, reason="zo is het"))
    now = router.outgoing[message]
    assert (now.status, now.code, now.reason, now.changed_at) == (state, 1, "zo is het", at(2))
    assert [e.type for e in events(done)] == [STATUS_CHANGED]


def test_an_unknown_that_turns_out_to_be_sent_goes_on() -> None:
    router, message = accepted()
    router.takes(outcome(message, "unknown", second=1))
    done = router.takes(statuses(status("wamid.ours", "sent", opaque(message)), second=2))
    assert router.outgoing[message].status == "sent"
    assert decisions(done)[0].sequence == 3


@pytest.mark.parametrize(
    "said",
    [
        status("wamid.else", "sent"),
        status("wamid.else", "sent", "not ours"),
        status("wamid.else", "sent", f"{id_of('nothing')}.1"),
    ],
)
def test_a_status_of_nothing_of_ours_is_kept_and_told_to_nobody(said: dict[str, Any]) -> None:
    router, _ = accepted()
    done = router.takes(statuses(said, second=1))
    [decision] = decisions(done)
    assert (decision.kind, decision.message) == ("archived", None)
    assert decision.reason == "it matches no message of ours"
    assert decision.tenant == "almelo"
    assert events(done) == []
    [record] = records_of(done)
    assert record.kind == "status"
    assert msgspec.json.decode(record.data)["reason"] == decision.reason
    unheard = router.takes(outcome(id_of("nothing"), "failed"))
    assert decisions(unheard)[0].message is None and len(records_of(unheard)) == 1


def test_a_status_under_another_number_says_nothing_about_this_message() -> None:
    """Its conversation has one writer: the router of its own number's partition."""
    router, message = accepted()
    before = dict(router.outgoing), dict(router.conversations)
    done = router.takes(statuses(status("w", "read", opaque(message)), second=1, number=BORNE))
    assert decisions(done)[0].reason == "it matches no message of ours"
    assert before == (router.outgoing, router.conversations)


def test_a_status_without_a_wamid_names_no_other_message() -> None:
    router, one = accepted()
    other = command("b", second=1, to="31622222222")
    router.takes(other)
    router.takes(statuses(status("", "sent", opaque(one)), second=2))
    router.takes(statuses(status("", "sent", opaque(other.id)), second=3))
    assert [o.wamid_hash for o in router.outgoing.values()] == [None, None]
    done = router.takes(statuses(status("", "read"), second=4))
    assert decisions(done)[0].message is None


def test_status_without_progress_still_gives_the_wamid() -> None:
    router, message = accepted()
    [(_, _, changes)] = router.takes(
        statuses(status("wamid.ours", "a new word", opaque(message)), second=1)
    )
    assert changes.settled_send == (message, "wamid.ours")
    assert router.outgoing[message].status == "accepted"
    assert router.outgoing[message].wamid_hash == wamid_key("wamid.ours", router.ground)


def test_status_counts_from_its_own_time_and_the_first_one_stands() -> None:
    router, message = accepted()
    first = status("wamid.a", "failed", opaque(message), code=1)
    router.takes(statuses(first, second=1))
    now = router.outgoing[message]
    assert (now.code, now.changed_at.isoformat()) == (1, "2026-11-25T09:46:41+00:00")
    other = status("wamid.b", "failed", opaque(message), code=2)
    assert events(router.takes(statuses(other, second=2))) == []
    assert router.outgoing[message].code == 1
    del other["timestamp"]
    router.takes(statuses(other | {"status": "delivered"}, second=3))
    assert router.outgoing[message].changed_at == at(3)


def test_status_is_told_to_the_sender_after_a_transfer() -> None:
    router, message = accepted()
    moved = router.takes(inbound(text("wamid.1", "container", phone="31611111111"), second=1))
    assert decisions(moved)[0].department == "groen"
    [event] = events(router.takes(statuses(status("w", "sent", opaque(message)), second=2)))
    assert event.department == "klantcontact"
