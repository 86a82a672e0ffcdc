"""Work of a partition as far as it needs no broker and no database."""

import asyncio
import weakref
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.conversation.refusals import FAULT
from router.handlers import batch
from router.handlers.batch import BYTES, ITEMS, split_by_size
from router.handlers.units import parse_units
from router.model.changes import OutgoingStatus
from router.model.hashes import keyed_hash
from router.model.work import RoutingContext, WorkUnit
from router.partition.batch_gaps import GAPS, SOURCES, BatchGapDetector, Gap, GapChanges
from router.partition.worker import Partition
from router.store.waiting import LineEnd
from services.amqp.consumer import ChannelLost
from services.amqp.incoming_message import IncomingMessage
from services.amqp.sealed_batch import seal_batch
from services.config.model import Configuration
from services.contract import Entry, PartitionBatch
from services.ids import uuid7
from tests.support.router.commands import command
from tests.support.router.decisions import decisions
from tests.support.router.harness import Router, ground
from tests.support.router.names import NUMBER, OTHER_NUMBER, at, id_of
from tests.support.router.webhooks import body, change, inbound, outcome, receipt, text

SIZES = st.integers(0, BYTES * 2)


@given(st.lists(SIZES, max_size=700))
def test_chunks_keep_every_item_in_order_and_within_their_bounds(sizes: list[int]) -> None:
    made = list(split_by_size(sizes, lambda size: size))
    assert [size for chunk in made for size in chunk] == sizes
    for chunk in made:
        assert 1 <= len(chunk) <= ITEMS
        assert sum(chunk) <= BYTES or len(chunk) == 1
    for one, other in pairwise(made):
        full = len(one) == ITEMS or sum(one) + other[0] > BYTES
        assert full, "a chunk was closed before it was full"


@pytest.mark.parametrize(
    ("sizes", "chunks"), [([1, BYTES + 1, 2, 3], [[1], [BYTES + 1], [2, 3]]), ([], [])]
)
def test_large_item_is_a_chunk_of_its_own(sizes: list[int], chunks: list[list[int]]) -> None:
    assert list(split_by_size(sizes, lambda size: size)) == chunks


def test_fault_in_one_decision_quarantines_that_unit_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decide = batch.decide

    def faulty(unit: WorkUnit, *known: object) -> object:
        if unit.item and b"wamid.2" in unit.item.raw:
            raise KeyError("a fault")
        return decide(unit, *known)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "decide", faulty)
    router = Router()
    router.faulty = True
    messages = [text(f"wamid.{n}", "hallo", bsuid="NL.anna") for n in range(1, 4)]
    went = decisions(router.takes(inbound(*messages)))
    assert [d.kind for d in went] == ["message", "quarantined", "message"]
    assert [d.sequence for d in went] == [1, 0, 2]
    assert "a fault in Postkamer" in went[1].reason


def test_command_quarantined_by_a_fault_is_reported_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def faulty(unit: WorkUnit, *known: object) -> object:
        raise KeyError("a fault")

    monkeypatch.setattr(batch, "decide", faulty)
    router = Router()
    router.faulty = True
    conversation = f"{NUMBER}-{'a' * 26}"
    given = command("a", second=3, conversation=conversation)
    odd = command("b", number="nobody\0", conversation="no\0ne", type="note")
    [first, _] = decisions(router.takes(given, odd))
    assert first.kind == "quarantined"
    place = {"tenant": "almelo", "number": NUMBER, "conversation": conversation, "department": ""}
    assert router.outgoing[given.id] == OutgoingStatus(
        id=given.id, **place, status="failed", reason=str(FAULT), changed_at=at(3)
    )
    # What stands in the order may be what the database refuses: it is not written down again.
    failed = router.outgoing[odd.id]
    assert (failed.status, failed.number, failed.conversation) == ("failed", "", "")


def keys_of(*entries: Entry) -> list[bytes]:
    return [unit.key for entry in entries for unit in parse_units(entry, ground())]


def test_key_of_a_unit_depends_on_its_item_and_not_on_its_receipt() -> None:
    one = text("wamid.1", "hallo", bsuid="NL.anna")
    [alone] = keys_of(inbound(one))
    [among, other] = keys_of(inbound(one, text("wamid.2", "hallo", bsuid="NL.anna"), second=5))
    assert alone == among != other
    assert keys_of(inbound(one, number=OTHER_NUMBER)) != [alone]
    order = command("a", to="31611111111")
    assert keys_of(order) == keys_of(order) != keys_of(command("b", to="31611111111"))
    said = outcome(order.id, "sent")
    assert len({*keys_of(order), *keys_of(said), alone, other}) == 4
    assert keys_of(receipt(b"x", name="1")) != keys_of(receipt(b"x", name="2"))


def test_copy_of_a_body_has_only_the_items_of_its_keys() -> None:
    content = body(
        change(NUMBER, messages=[text("wamid.1", "x", bsuid="NL.1")]),
        change(OTHER_NUMBER, messages=[text("wamid.2", "y", bsuid="NL.1")]),
    )
    one, other = keys_of(receipt(content))
    assert keys_of(receipt(content, keys=[NUMBER])) == [one]
    assert keys_of(receipt(content, keys=[OTHER_NUMBER, ""])) == [other]
    assert keys_of(receipt(content, keys=[""])) == []


def test_keyed_hash_differs_for_other_strings_cuts_and_keys() -> None:
    hash = keyed_hash(b"a")
    seen = {hash("ab", "c"), hash("a", "bc"), hash("abc"), hash("abc", ""), hash("")}
    assert len(seen) == 5
    assert all(len(each) == 16 for each in seen)
    assert hash("a") != keyed_hash(b"b")("a")
    assert len(hash("\ud800")) == 16  # half a character of a JSON text


def source(n: int) -> UUID:
    return id_of("source", n)


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ([(1, n) for n in (7, 8, 10, 11)], {9}),
        ([(1, n) for n in (7, 8, 10, 11, 9)], set()),  # it came later
        ([(1, n) for n in (5, 5, 3, 6, 5, 7)], set()),  # seen again, or before the first
        ([(source, n * source) for n in (0, 1, 2) for source in (1, 2)], {1, 3}),  # counted apart
    ],
)
def test_batch_number_that_is_skipped_is_missing_until_it_comes(
    numbers: list[tuple[int, int]], missing: set[int]
) -> None:
    gaps, stored = BatchGapDetector(), StoredGaps()
    for n, number in numbers:
        gaps.record(source(n), number, at(9))
        stored.save(gaps.take_changes())
    assert {number for _, number in stored.gaps} == missing
    assert gaps.take_changes() is None, "nothing is written without a change"


def test_batch_gap_detector_is_bounded() -> None:
    gaps, stored = BatchGapDetector(), StoredGaps()
    gaps.record(source(0), 0, at(9))
    for n in range(1, 6):
        gaps.record(source(0), n * (GAPS - 1), at(9))
    gaps.record(source(0), 10**9, at(9))
    stored.save(gaps.take_changes())
    assert len(stored.gaps) == GAPS
    for n in range(1, SOURCES + 1):
        gaps.record(source(n), 0, at(9))
    gaps.take_changes()
    gaps.record(source(0), 10**9 + 7, at(9))  # forgotten: it begins anew
    changes = gaps.take_changes()
    assert changes and not changes.opened


class NothingWaiting:
    """A table of waiting events that is empty."""

    async def is_empty(self, partition: int) -> bool:
        return True

    async def lines(self, partition: int) -> dict[str, LineEnd]:
        return {}


@pytest.mark.parametrize(
    ("known", "began", "missing"),
    [
        (0, 5, {0, 1}),  # it began after the partition was held, so its first two are lost
        (5, 0, set()),  # it may be as old as the partition's rows go back
        (None, 5, set()),  # the partition was never held
    ],
)
def test_first_batches_of_a_new_source_are_missing_too(
    known: int | None, began: int, missing: set[int]
) -> None:
    rows = [] if known is None else [(uuid7(at(known), b"x" * 10), 7)]
    gaps = BatchGapDetector(rows)
    gaps.record(uuid7(at(began), b"y" * 10), 2, at(9))
    changes = gaps.take_changes()
    assert changes and {number for _, number in changes.opened} == missing


class StoredGaps:
    """The rows of `router.source` and `router.gap`, of one partition."""

    waiting = NothingWaiting()

    def __init__(self) -> None:
        self.next: dict[UUID, int] = {}
        self.gaps: set[Gap] = set()

    def save(self, changes: GapChanges | None) -> None:
        if changes:
            self.next |= changes.next
            self.gaps = (self.gaps | changes.opened) - changes.closed

    async def take_epoch(self, partition: int) -> int:
        return 1

    async def load_brought_keys(self) -> tuple[dict[str, bytes], frozenset[str]]:
        return {}, frozenset()

    async def load_gaps(self, partition: int) -> tuple[list[Gap], list[Gap]]:
        return list(self.next.items()), list(self.gaps)

    async def save_gaps(self, partition: int, epoch: int, gaps: Any) -> None:
        self.save(GapChanges(*gaps))


class BatchesInbox:
    """An inbox that gives the batches of these numbers one by one, and then is lost."""

    def __init__(self, *numbers: int) -> None:
        self.lost = asyncio.Event()
        self._numbers = iter(numbers)

    async def take(self, limit: int) -> list[IncomingMessage]:
        number = next(self._numbers, None)
        if number is None:
            raise ChannelLost
        name, body = seal_batch(PartitionBatch(source=source(1), number=number, entries=[]))
        return [IncomingMessage(type=name, body=bytes(body), delivery_tag=1, delivery_count=0)]

    async def ack_all(self, taken: list[IncomingMessage]) -> None: ...


@pytest.mark.parametrize(
    ("holds", "missing"),
    [
        ([[0, 1], [2, 3]], set()),
        ([[0, 1], [3, 4]], {2}),  # it went missing as the partition changed hands
        ([[0, 1], [3], [2]], set()),
        ([[0, 3, 4]], {1, 2}),
    ],
)
async def test_next_router_of_a_partition_knows_which_batches_came(
    holds: list[list[int]], missing: set[int]
) -> None:
    nothing: Any = None
    stored = StoredGaps()
    store: Any = stored

    async def current() -> RoutingContext:
        return ground()

    for numbers in holds:
        inbox: Any = BatchesInbox(*numbers)
        with pytest.raises(ChannelLost):
            await Partition(0, current, store, nothing, nothing, nothing).work(inbox)
    assert {number for _, number in stored.gaps} == missing


async def test_partition_that_waits_for_messages_keeps_no_version_of_the_rules() -> None:
    nothing: Any = None
    store: Any = StoredGaps()
    versions: list[weakref.ref[Configuration]] = []
    kept: list[int] = []

    async def current() -> RoutingContext:
        context = ground()
        version = context.config.model_copy()
        versions.append(weakref.ref(version))
        return msgspec.structs.replace(context, config=version)

    class Inbox(BatchesInbox):
        async def take(self, limit: int) -> list[IncomingMessage]:
            kept.append(sum(version() is not None for version in versions))
            return await super().take(limit)

    inbox: Any = Inbox(0, 1)
    with pytest.raises(ChannelLost):
        await Partition(0, current, store, nothing, nothing, nothing).work(inbox)
    assert len(versions) == 3, "one for the hashes, and one for each batch"
    assert kept == [0, 0, 0]
