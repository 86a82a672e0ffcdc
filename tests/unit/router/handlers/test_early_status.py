"""A status without our own value, which overtakes Meta's answer to the send: it is not lost."""

from itertools import permutations
from uuid import UUID

import pytest

from tests.support.router.commands import command
from tests.support.router.decisions import data, events, records_of
from tests.support.router.harness import Router
from tests.support.router.webhooks import NUMBER, OTHER_NUMBER, outcome, status, statuses


def accepted() -> tuple[Router, UUID]:
    router = Router()
    order = command("a", to="31611111111")
    router.takes(order)
    return router, order.id


@pytest.mark.parametrize("order", list(permutations(["sent", "delivered", "read"])))
def test_early_status_applies_once_its_message_is_known(order: tuple[str, ...]) -> None:
    router, message = accepted()
    for n, word in enumerate(order):
        done = router.takes(statuses(status("wamid.ours", word), second=n + 1))
        assert events(done) == [] and records_of(done)
    assert router.outgoing[message].status == "accepted"
    done = router.takes(outcome(message, "sent", wamid="wamid.ours", second=9))
    assert router.outgoing[message].status == "read"
    [event] = events(done)
    assert data(event)["status"] == "read"
    assert router.early == {}
    later = router.takes(statuses(status("wamid.ours", "delivered"), second=10))
    assert (router.outgoing[message].status, events(later), router.early) == ("read", [], {})


def test_its_price_is_taken_too() -> None:
    router, message = accepted()
    priced = status("wamid.ours", "delivered")
    priced["pricing"] = {"category": "service", "type": "regular", "pricing_model": "PMP"}
    router.takes(statuses(priced, second=1))
    router.takes(outcome(message, "sent", wamid="wamid.ours", second=2))
    charge = router.changes[-1].charge
    assert charge and (charge.id, charge.category) == (message, "service")
    assert charge.charged and router.changes[-1].is_newly_charged


def test_a_failure_that_came_early_says_why() -> None:
    router, message = accepted()
    router.takes(statuses(status("wamid.ours", "failed", code=131026), second=1))
    [event] = events(router.takes(outcome(message, "sent", wamid="wamid.ours", second=2)))
    assert data(event)["reason"].startswith("131026: ")


def test_early_status_is_matched_within_one_batch() -> None:
    router, message = accepted()
    early = statuses(status("wamid.ours", "delivered"), second=1)
    router.takes(early, outcome(message, "sent", wamid="wamid.ours", second=2))
    assert (router.outgoing[message].status, router.early) == ("delivered", {})


def test_said_again_it_changes_nothing() -> None:
    router, message = accepted()
    early = statuses(status("wamid.ours", "delivered"), second=1)
    said = outcome(message, "sent", wamid="wamid.ours", second=2)
    first = [*router.takes(early), *router.takes(said)]
    again = [*router.takes(early), *router.takes(said)]
    assert events(again) == events(first) and router.early == {}


@pytest.mark.parametrize(
    ("wamid", "word", "number"),
    [("wamid.theirs", "read", NUMBER), ("wamid.ours", "read", OTHER_NUMBER), ("", "read", NUMBER)],
)
def test_early_status_of_another_message_or_number_is_ignored(
    wamid: str, word: str, number: str
) -> None:
    router, message = accepted()
    router.takes(statuses(status(wamid, word), second=1, number=number))
    router.takes(outcome(message, "sent", wamid="wamid.ours", second=2))
    assert router.outgoing[message].status == "accepted"


def test_a_word_that_means_nothing_to_us_is_not_kept() -> None:
    router, _ = accepted()
    router.takes(statuses(status("wamid.ours", "sighed"), second=1))
    assert router.early == {}
