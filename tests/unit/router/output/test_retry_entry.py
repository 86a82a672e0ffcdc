"""A quarantined unit that a person wants decided again: decided once, however often it comes."""

from typing import Any

import msgspec
import pytest

from router.handlers import batch
from router.handlers.batch import archive_records, make_outputs
from router.handlers.units import opaque_unit, parse_units
from router.model.changes import Timer
from router.model.work import WorkUnit
from router.output.retry_entry import (
    NOT_CUT,
    TOLD_SENDER,
    UNPROVEN_ORIGIN,
    retry_entry,
    retry_refusal,
)
from router.retry_relay import split_by_partition
from services.amqp.topology import partition_of
from services.contract import Entry, Receipt
from tests.support.router.commands import command
from tests.support.router.decisions import DecisionView, decisions, events, records_of
from tests.support.router.harness import CONFIG, Router
from tests.support.router.names import ANNA, BERT, BORNE, NUMBER, at, id_of
from tests.support.router.timer_delivery import timeout
from tests.support.router.webhooks import body, change, inbound, outcome, receipt, text, writes


def unit_of(router: Router, entry: Entry) -> WorkUnit:
    return list(parse_units(entry, router.ground))[-1]


def retry_of(unit: WorkUnit) -> Receipt:
    entry = retry_entry(unit)
    assert isinstance(entry, Receipt)
    return entry


def quarantined(monkeypatch: pytest.MonkeyPatch, entry: Receipt, wamid: bytes) -> Router:
    """A router that could not decide one message, and whose fault is mended."""
    decide = batch.decide

    def faulty(unit: WorkUnit, *known: Any) -> object:
        if unit.item and wamid in unit.item.raw:
            raise KeyError("a fault")
        return decide(unit, *known)

    router = Router()
    router.faulty = True
    with monkeypatch.context() as patch:
        patch.setattr(batch, "decide", faulty)
        assert "quarantined" in [d.kind for d in decisions(router.takes(entry))]
    return router


@pytest.mark.parametrize("repeat_first", [False, True])
def test_item_is_decided_again_once_beside_repeats_of_metas(
    monkeypatch: pytest.MonkeyPatch, repeat_first: bool
) -> None:
    first = inbound(text("wamid.1", "hallo", **BERT), text("wamid.2", "container", **ANNA))
    router = quarantined(monkeypatch, first, b"wamid.2")
    retry = retry_of(unit_of(router, first))
    repeat = inbound(text("wamid.2", "container", **ANNA), second=30)
    if repeat_first:
        assert router.takes(repeat) == []
    [decided] = router.takes(retry)
    assert (DecisionView(decided[1]).kind, DecisionView(decided[1]).department) == (
        "message",
        "groen",
    )
    assert router.takes(repeat) == []
    assert router.takes(retry)[0][:2] == decided[:2], "the relay repeats itself: published again"
    assert len(router.conversations) == 2


def test_record_of_a_retried_item_names_the_original_receipt_and_no_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = inbound(text("wamid.1", "hallo", **BERT), text("wamid.2", "container", **ANNA))
    router = quarantined(monkeypatch, first, b"wamid.2")
    before = records_of(router.takes(first))
    retry = retry_of(unit_of(router, first))
    decided = router.takes(retry)
    made = archive_records([(retry, [])], make_outputs(decided).values(), [])
    assert {each.kind for each in made} == {"conversation", "message"}, "and no second receipt"
    [message] = [each for each in made if each.kind == "message"]
    assert (message.receipt, message.item_index, message.at) == (first.id, None, first.received_at)
    assert b"wamid.2" in message.raw
    assert not {each.id for each in made} & {each.id for each in before}
    assert [event.time for event in events(decided)] == [first.received_at]


def test_item_that_cannot_be_decided_again_is_quarantined_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = writes(1, "container")
    router = Router()
    monkeypatch.setattr(batch, "decide", None)
    router.faulty = True
    entry: Receipt = first
    rows = set()
    for _ in range(3):
        [(unit, decision, _)] = router.takes(entry)
        rows.add(decision.record)
        assert unit.source == first.id
        entry = retry_of(unit)
    assert len(rows) == 3
    monkeypatch.undo()
    assert [d.kind for d in decisions(router.takes(entry))] == ["message"]


def test_body_that_was_quarantined_unread_is_decided_but_for_what_is_known() -> None:
    router = Router()
    router.takes(writes(1, "hallo"))
    whole = inbound(text("wamid.1", "hallo", **ANNA), text("wamid.2", "container", **ANNA))
    retry = retry_of(opaque_unit(whole, router.ground))
    assert (retry.body, retry.is_single_item) == (whole.body, False)
    again = decisions(router.takes(retry))
    assert [(d.kind, d.department) for d in again] == [("message", "groen")]
    assert len(router.again) == 1, "the first came with another receipt"


def test_body_that_was_committed_before_a_crash_is_published_again() -> None:
    router = Router()
    whole = writes(1, "container")
    [decided] = router.takes(whole)
    assert router.takes(retry_of(opaque_unit(whole, router.ground)))[0][1] == decided[1]


def test_older_item_does_not_shorten_the_window_of_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = writes(1, "container")
    router = quarantined(monkeypatch, first, b"wamid.1")
    retry = retry_of(unit_of(router, first))
    newer = writes(60, "hallo")
    router.takes(newer)
    router.takes(retry)
    [conversation] = router.conversations.values()
    assert conversation.last_inbound_at == newer.received_at


TIMER = Timer(id=id_of("t"), conversation="c", number=NUMBER, kind="menu", due_at=at(1))


@pytest.mark.parametrize("entry", [outcome(id_of("m"), "sent"), timeout(TIMER)])
def test_outcome_or_timer_goes_again_under_a_new_id(entry: Any) -> None:
    again = retry_entry(unit_of(Router(), entry))
    assert not isinstance(again, str)
    assert again == msgspec.structs.replace(entry, id=again.id)
    assert again.id != entry.id


def test_unit_that_cannot_go_again_says_why() -> None:
    router = Router()
    order = unit_of(router, command("a", to=ANNA["phone"]))
    assert retry_entry(order) == retry_refusal(order) == TOLD_SENDER
    forged = msgspec.structs.replace(writes(1, "hallo"), unproven=[NUMBER])
    assert retry_entry(unit_of(router, forged)) == UNPROVEN_ORIGIN
    large = receipt(body(change(NUMBER, messages=[text("wamid.1", "x" * 300_000, **ANNA)])))
    assert retry_entry(unit_of(router, large)) == NOT_CUT


def test_retry_goes_to_the_partitions_of_its_numbers() -> None:
    """The configuration of now counts, as in the gateway."""
    two = receipt(
        body(
            change(NUMBER, messages=[text("wamid.1", "a", **ANNA)]),
            change(BORNE, messages=[text("wamid.2", "b", **ANNA)]),
        ),
        keys=[NUMBER, BORNE, ""],
    )
    retry = retry_of(opaque_unit(two, Router().ground))
    count = 7
    parts = dict(split_by_partition(retry, count, CONFIG))
    expected = {partition_of(NUMBER, count): [NUMBER, ""], partition_of(BORNE, count): [BORNE]}
    assert {n: part.keys for n, part in parts.items() if isinstance(part, Receipt)} == expected
    unread = retry_of(opaque_unit(receipt(b"no JSON"), Router().ground))
    assert list(split_by_partition(unread, count, CONFIG)) == [
        (partition_of(str(unread.retry_of), count), unread)
    ]
    sent = outcome(id_of("m"), "sent")
    assert list(split_by_partition(sent, count, CONFIG)) == [(partition_of(NUMBER, count), sent)]
