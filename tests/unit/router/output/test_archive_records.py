"""Archived receipts: a body remainder and a piece of each item, which are the signed bytes."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.handlers.batch import archive_records, make_output, make_outputs
from router.handlers.dispatch import quarantine_unit
from router.handlers.units import opaque_unit, parse_items
from services.contract import Receipt, Record
from services.whatsapp.segments import Gap, SegmentedBody, join_body
from tests.support.router.decisions import data, records_of
from tests.support.router.harness import Router
from tests.support.router.names import ANNA, BERT, BORNE, NUMBER, OTHER_NUMBER
from tests.support.router.webhooks import body, change, inbound, receipt, status, text

CORA = {"bsuid": "NL.cora", "phone": "31633333333"}
PEOPLE = {"Anna": ANNA, "Bert": BERT, "Cora": CORA}
encode = msgspec.msgpack.encode


def contact(name: str) -> dict[str, Any]:
    who = PEOPLE[name]
    return {"profile": {"name": name}, "wa_id": who["phone"], "user_id": who["bsuid"]}


def messages_of(number: str, **words: str) -> dict[str, Any]:
    """A change in which these people write these words, with their contacts."""
    messages = [text(f"wamid.{name}", body, **PEOPLE[name]) for name, body in words.items()]
    return change(number, contacts=[contact(name) for name in words], messages=messages)


def archive_of(router: Router, *entries: Receipt) -> list[Record]:
    """Records that one batch leaves in the archive."""
    said = router.takes(*entries)
    return archive_records(
        [(entry, parse_items(entry)) for entry in entries],
        make_outputs(said).values(),
        router.again,
    )


class Holes(msgspec.Struct):
    holes: list[Gap]
    door: str
    proof: str
    signature: str


def rejoin(came: Receipt, archive: Iterable[Record]) -> bytes | None:
    """Return the body of a receipt as the archive can put it together."""
    every = list({record.id: record for record in archive}.values())
    [envelope] = [record for record in every if record.id == came.id]
    pieces: dict[tuple[int, str], bytes] = {}
    for record in every:
        if record.receipt == came.id and record.item_index is not None:
            assert (record.item_index, "item") not in pieces
            pieces[record.item_index, "item"] = record.raw
            pieces[record.item_index, "contact"] = record.contact
    holes = msgspec.json.decode(envelope.data, type=Holes).holes
    return join_body(SegmentedBody(envelope.raw, holes), pieces)


THREE = body(messages_of(NUMBER, Anna="hallo", Bert="dag"), messages_of(BORNE, Cora="hoi"))
"""Three citizens of two municipalities."""


def test_shared_body_is_split_by_municipality_and_can_be_joined_again() -> None:
    router = Router()
    almelo, borne = (receipt(THREE, name="three", keys=[key]) for key in (NUMBER, BORNE))
    archive = archive_of(router, almelo) + archive_of(router, borne)
    [envelope, same] = [record for record in archive if record.kind == "receipt"]
    assert encode(envelope) == encode(same)
    for private in (b"Anna", b"Bert", b"Cora", b"wamid", b"hallo", b"316"):
        assert private not in envelope.raw + envelope.data
    items = [record for record in archive if record.kind == "message"]
    assert [(r.item_index, r.tenant) for r in items] == [(0, "almelo"), (1, "almelo"), (2, "borne")]
    for record, name in zip(items, PEOPLE, strict=True):
        assert name.encode() in record.contact and record.contact in THREE
    assert rejoin(almelo, archive) == THREE
    for gone in items:
        assert rejoin(almelo, [record for record in archive if record is not gone]) is None


def test_body_remainder_and_items_record_the_verified_origin() -> None:
    came = receipt(
        body(
            change(NUMBER, messages=[text("wamid.1", "hallo", **ANNA), 7]),
            change(NUMBER, statuses=[status("wamid.ours", "read")]),
            change(NUMBER, "account_update", event="ACCOUNT_DELETED"),
        )
    )
    archive = archive_of(Router(), came)
    envelope = msgspec.json.decode(archive[0].data, type=Holes)
    assert envelope.signature == came.signature and len(envelope.holes) == 4
    own = [record for record in archive if record.item_index is not None]
    assert [record.kind for record in own] == ["message", "quarantine", "status", "notice"]
    origins = {(data(record)["door"], data(record)["proof"]) for record in own}
    assert origins == {(came.door, came.proof)}
    rest = [(r.kind, r.contact) for r in archive if r.item_index is None]
    assert rest == [("receipt", b""), ("conversation", b"")]


def test_repeated_item_is_archived_as_a_segment_of_its_own_receipt() -> None:
    router = Router()
    message = text("wamid.Anna", "mijn container", **ANNA)
    first = archive_of(router, inbound(message))
    [record] = [each for each in first if each.kind == "message"]
    later = receipt(body(messages_of(NUMBER, Anna="mijn container")), second=60)
    _, segment = archive_of(router, later)
    assert (segment.kind, segment.item_index, segment.raw) == ("segment", 0, record.raw)
    assert (segment.tenant, segment.conversation) == ("almelo", record.conversation)
    assert (segment.message, segment.receipt) == (record.message, later.id)
    assert data(segment) == {"department": "groen", "door": later.door, "proof": later.proof}
    assert b"Anna" in segment.contact and segment.at == later.received_at
    assert segment.id not in {each.id for each in first}
    assert rejoin(later, [*first, segment, *archive_of(router, later)]) == later.body


def test_item_twice_in_a_body_is_archived_twice() -> None:
    router, message = Router(), text("wamid.1", "hallo", **ANNA)
    came = inbound(message, message)
    archive = archive_of(router, came)
    own = [(r.kind, r.item_index) for r in archive if r.item_index is not None]
    assert own == [("message", 0), ("segment", 1)]
    assert rejoin(came, archive) == came.body
    assert encode(archive_of(router, came)) == encode(archive)
    # Handed over twice in one batch: each place has its piece already.
    assert len(archive_of(router, came, came)) == 2 + 1 + 2 + 1


def test_unverified_item_is_archived_as_a_piece_too() -> None:
    came = receipt(THREE, name="forged", keys=[NUMBER, BORNE])
    came = msgspec.structs.replace(came, unproven=[BORNE])
    archive = archive_of(Router(), came)
    [aside] = [record for record in archive if record.kind == "quarantine"]
    assert aside.item_index == 2 and b"Cora" in aside.contact
    assert rejoin(came, archive) == came.body


@pytest.mark.parametrize("content", [b"no JSON", b"{}"])
def test_unreadable_body_is_its_own_remainder(content: bytes) -> None:
    came = receipt(content)
    envelope, aside = archive_of(Router(), came)
    assert (envelope.raw, aside.kind, aside.raw) == (content, "quarantine", b"")
    assert rejoin(came, [envelope, aside]) == content


def test_opaque_receipt_is_quarantined_whole_with_the_reason() -> None:
    router, came = Router(), receipt(THREE, name="poison", keys=[BORNE])
    unit = opaque_unit(came, router.ground)
    decision, changes = quarantine_unit(unit, "it crashed", router.ground)
    envelope, aside = archive_records([(came, None)], [make_output(unit, decision)], [])
    assert envelope.raw == aside.raw == came.body
    assert (aside.kind, aside.item_index, aside.receipt) == ("quarantine", None, came.id)
    assert records_of([(unit, decision, changes)]) == [aside]


MESSAGES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([NUMBER, OTHER_NUMBER, BORNE])))


@pytest.mark.slow
@given(st.lists(MESSAGES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_every_body_can_be_joined_again_after_any_repeats(
    bodies: list[list[tuple[int, str]]], chance: random.Random
) -> None:
    """The batches have any size, and a router that died did each before."""
    names = list(PEOPLE)

    def change_of(n: int, number: str) -> dict[str, Any]:
        message = text(f"wamid.{n}", "hallo", **PEOPLE[names[n % 3]])
        return change(number, contacts=[contact(names[n % 3])], messages=[message])

    came = [
        receipt(body(*(change_of(*each) for each in messages)), second=n, name=f"body {n}")
        for n, messages in enumerate(bodies)
    ]
    router, archive = Router(), []
    left = list(came)
    while left:
        size = chance.randint(1, len(left))
        batch, left = left[:size], left[size:]
        first = archive_of(router, *batch)
        assert encode(archive_of(router, *batch)) == encode(first)
        for alone in batch:
            ids = {record.id for record in archive_of(router, alone)}
            assert ids <= {record.id for record in first}
        archive += first
    for each in came:
        assert rejoin(each, archive) == each.body
