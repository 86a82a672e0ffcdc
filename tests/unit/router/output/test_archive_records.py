"""A receipt in the archive: an envelope and a piece of each item, which are the signed bytes."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.handlers.batch import archive_records
from router.handlers.dispatch import quarantine_unit, records
from router.handlers.units import opaque_unit, parse_items
from services.contract import Receipt, Record
from services.whatsapp.segments import Gap, SegmentedBody, join_body
from tests.support.router.harness import Router
from tests.support.router.webhooks import (
    ANNA,
    BORNE,
    NUMBER,
    OTHER_NUMBER,
    body,
    change,
    inbound,
    receipt,
    status,
    text,
)

BERT = {"bsuid": "NL.bert", "phone": "31622222222"}
CORA = {"bsuid": "NL.cora", "phone": "31633333333"}


def known(name: str, who: dict[str, str]) -> dict[str, Any]:
    return {"profile": {"name": name}, "wa_id": who["phone"], "user_id": who["bsuid"]}


def takes(router: Router, *entries: Receipt) -> list[Record]:
    """What one batch leaves in the archive."""
    said = router.takes(*entries)
    return archive_records([(entry, parse_items(entry)) for entry in entries], said, router.again)


class Holes(msgspec.Struct):
    holes: list[Gap]
    door: str
    proof: str
    signature: str


def again(came: Receipt, archive: Iterable[Record]) -> bytes | None:
    """The body of a receipt as the archive can put it together."""
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


def of_three() -> bytes:
    """Three citizens of two municipalities."""
    return body(
        change(
            NUMBER,
            contacts=[known("Anna", ANNA), known("Bert", BERT)],
            messages=[text("wamid.1", "hallo", **ANNA), text("wamid.2", "dag", **BERT)],
        ),
        change(BORNE, contacts=[known("Cora", CORA)], messages=[text("wamid.3", "hoi", **CORA)]),
    )


def test_shared_body_is_split_by_municipality_and_can_be_joined_again() -> None:
    content, router = of_three(), Router()
    almelo, borne = (receipt(content, name="three", keys=[key]) for key in (NUMBER, BORNE))
    archive = takes(router, almelo) + takes(router, borne)
    [envelope, same] = [record for record in archive if record.kind == "receipt"]
    assert msgspec.msgpack.encode(envelope) == msgspec.msgpack.encode(same)
    for private in (b"Anna", b"Bert", b"Cora", b"wamid", b"hallo", b"316"):
        assert private not in envelope.raw + envelope.data
    items = [record for record in archive if record.kind == "message"]
    assert [(r.item_index, r.tenant) for r in items] == [(0, "almelo"), (1, "almelo"), (2, "borne")]
    for record, name in zip(items, (b"Anna", b"Bert", b"Cora"), strict=True):
        assert name in record.contact and record.contact in content
    assert again(almelo, archive) == content
    for gone in items:
        assert again(almelo, [record for record in archive if record is not gone]) is None


def test_body_remainder_and_items_record_the_verified_origin() -> None:
    content = body(
        change(NUMBER, messages=[text("wamid.1", "hallo", **ANNA), 7]),
        change(NUMBER, statuses=[status("wamid.ours", "read")]),
        change(NUMBER, "account_update", event="ACCOUNT_DELETED"),
    )
    router, came = Router(), receipt(content)
    archive = takes(router, came)
    envelope = msgspec.json.decode(archive[0].data, type=Holes)
    assert envelope.signature == came.signature and len(envelope.holes) == 4
    own = [record for record in archive if record.item_index is not None]
    assert [record.kind for record in own] == ["message", "quarantine", "status", "notice"]
    for record in own:
        said = msgspec.json.decode(record.data)
        assert (said["door"], said["proof"]) == (came.door, came.proof)
    assert [r.kind for r in archive if r.item_index is None] == ["receipt", "conversation"]


def test_repeated_item_keeps_its_bytes_where_they_were_put() -> None:
    router, message = Router(), text("wamid.1", "mijn container", **ANNA)
    first = takes(router, inbound(message))
    [record] = [each for each in first if each.kind == "message"]
    later = receipt(
        body(change(NUMBER, contacts=[known("Anna", ANNA)], messages=[message])), second=60
    )
    _, segment = takes(router, later)
    assert (segment.kind, segment.item_index, segment.raw) == ("segment", 0, record.raw)
    assert (segment.tenant, segment.conversation) == ("almelo", record.conversation)
    assert (segment.message, segment.receipt) == (record.message, later.id)
    assert msgspec.json.decode(segment.data) == {
        "department": "groen",
        "door": later.door,
        "proof": later.proof,
    }
    assert b"Anna" in segment.contact and segment.at == later.received_at
    assert segment.id not in {each.id for each in first}
    assert again(later, [*first, segment, *takes(router, later)]) == later.body


def test_item_twice_in_a_body_is_told_once_and_archived_twice() -> None:
    router, message = Router(), text("wamid.1", "hallo", **ANNA)
    came = inbound(message, message)
    archive = takes(router, came)
    assert [(r.kind, r.item_index) for r in archive if r.item_index is not None] == [
        ("message", 0),
        ("segment", 1),
    ]
    assert again(came, archive) == came.body
    assert msgspec.msgpack.encode(takes(router, came)) == msgspec.msgpack.encode(archive)
    # Handed over twice in one batch: each place has its piece already.
    assert len(takes(router, came, came)) == 2 + 1 + 2 + 1


def test_unverified_item_is_archived_as_a_piece_too() -> None:
    came = msgspec.structs.replace(
        receipt(of_three(), name="forged", keys=[NUMBER, BORNE]), unproven=[BORNE]
    )
    archive = takes(Router(), came)
    [aside] = [record for record in archive if record.kind == "quarantine"]
    assert aside.item_index == 2 and b"Cora" in aside.contact
    assert again(came, archive) == came.body


@pytest.mark.parametrize("content", [b"no JSON", b"{}"])
def test_a_body_that_cannot_be_read_is_its_own_envelope(content: bytes) -> None:
    came = receipt(content)
    envelope, aside = takes(Router(), came)
    assert (envelope.raw, aside.kind, aside.raw) == (content, "quarantine", b"")
    assert again(came, [envelope, aside]) == content


def test_opaque_receipt_is_quarantined_whole_with_the_reason() -> None:
    router, came = Router(), receipt(of_three(), name="poison", keys=[BORNE])
    unit = opaque_unit(came, router.ground)
    decision, changes = quarantine_unit(unit, "it crashed", router.ground)
    envelope, aside = archive_records([(came, None)], [(unit, decision, changes)], [])
    assert envelope.raw == aside.raw == came.body
    assert (aside.kind, aside.item_index, aside.receipt) == ("quarantine", None, came.id)


def test_orders_and_what_happens_by_itself_are_no_items() -> None:
    router = Router()
    said = router.takes(inbound(text("wamid.1", "hallo", **ANNA)))
    for unit, decision, _ in said:
        opened, record = records(unit, decision)
        assert (opened.item_index, opened.contact, record.item_index) == (None, b"", 0)


MESSAGES = st.lists(st.tuples(st.integers(0, 5), st.sampled_from([NUMBER, OTHER_NUMBER, BORNE])))


@pytest.mark.slow
@given(st.lists(MESSAGES, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_every_body_can_be_joined_again_after_any_repeats(
    bodies: list[list[tuple[int, str]]], chance: random.Random
) -> None:
    """In batches of any size, each done again by a router that died."""
    people = [ANNA, BERT, CORA]
    came = [
        receipt(
            body(
                *[
                    change(
                        number,
                        contacts=[known("Naam", people[n % 3])],
                        messages=[text(f"wamid.{n}", "hallo", **people[n % 3])],
                    )
                    for n, number in messages
                ]
            ),
            second=second,
            name=f"body {second}",
        )
        for second, messages in enumerate(bodies)
    ]
    router, archive = Router(), []
    left = list(came)
    while left:
        size = chance.randint(1, len(left))
        batch, left = left[:size], left[size:]
        first = takes(router, *batch)
        assert msgspec.msgpack.encode(takes(router, *batch)) == msgspec.msgpack.encode(first)
        for alone in batch:
            ids = {record.id for record in takes(router, alone)}
            assert ids <= {record.id for record in first}
        archive += first
    for each in came:
        assert again(each, archive) == each.body
