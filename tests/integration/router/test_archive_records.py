"""A partition gives the records of a receipt to the archive, also when the receipt comes again."""

import msgspec

from deploy.local.rabbitmq import Broker
from services.contract import Receipt, Record
from services.postgres.database import Pool
from services.whatsapp.segments import Gap, SegmentedBody, join_body
from tests.support.citizens import text, webhook
from tests.support.integration.archive_queue import Heard, hearing
from tests.support.integration.running_partition import Standing, receipt
from tests.support.integration.sealed_rows import refusing
from tests.support.observer import until

SECONDS = 15


class Envelope(msgspec.Struct):
    holes: list[Gap]


def together(came: Receipt, records: list[Record]) -> bytes | None:
    """The signed bytes, of what the archive heard."""
    mine = {r.id: r for r in records if r.receipt == came.id and r.item_index is not None}.values()
    pieces = {(r.item_index or 0, "item"): r.raw for r in mine}
    pieces |= {(r.item_index or 0, "contact"): r.contact for r in mine}
    envelope = next(record for record in records if record.id == came.id)
    holes = msgspec.json.decode(envelope.data, type=Envelope).holes
    return join_body(SegmentedBody(envelope.raw, holes), pieces)


async def heard_of(heard: Heard, came: Receipt, pieces: int) -> list[Record]:
    """Its pieces in order, once there are so many."""

    async def look() -> list[Record]:
        return [r for r in heard.records if r.receipt == came.id and r.item_index is not None]

    return await until(look, lambda found: len(found) >= pieces, SECONDS)


async def test_repeated_message_is_a_segment_and_both_bodies_can_be_joined(
    broker: Broker, pool: Pool
) -> None:
    one, other = text("afval", "wamid.p1", 1), text("hallo", "wamid.p2", 2)
    first, repeated = receipt(webhook(one, other)), receipt(webhook(other, one, one))
    async with hearing(broker) as heard, Standing(broker, pool) as standing:
        await standing.put(first)
        said = await heard_of(heard, first, 2)
        await standing.put(repeated)
        again = await heard_of(heard, repeated, 3)
    assert [record.kind for record in said] == ["message"] * 2
    assert [(record.kind, record.item_index) for record in again] == [
        ("segment", 0),
        ("segment", 1),
        ("segment", 2),
    ]
    assert [record.conversation for record in again] == [
        said[1].conversation,
        said[0].conversation,
        said[0].conversation,
    ]
    for came in (first, repeated):
        assert together(came, heard.records) == came.body
        envelope = next(record for record in heard.records if record.id == came.id)
        assert b"wamid" not in envelope.raw and b"Sanne" not in envelope.raw


async def test_a_batch_that_is_done_again_says_the_same_of_every_place(
    broker: Broker, pool: Pool
) -> None:
    one, other = text("afval", "wamid.q1", 1), text("hallo", "wamid.q2", 2)
    first, repeated = receipt(webhook(one)), receipt(webhook(one, other, other))
    async with hearing(broker) as heard, Standing(broker, pool) as standing:
        for times in (1, 2):
            await standing.put(first, repeated)
            await heard_of(heard, repeated, 3 * times)
    encoded = [msgspec.msgpack.encode(record) for record in heard.records]
    half = len(encoded) // 2
    assert encoded[:half] == encoded[half:]
    kinds = [(record.kind, record.item_index) for record in heard.records[:half] if record.receipt]
    assert kinds == [
        ("conversation", None),
        ("message", 0),
        ("conversation", None),
        ("message", 1),
        ("segment", 0),
        ("segment", 2),
    ]
    assert together(repeated, heard.records) == repeated.body


async def test_a_body_of_which_the_database_refuses_an_item_comes_together_again(
    broker: Broker, pool: Pool
) -> None:
    await pool.execute(refusing("NL.citizen66"))
    bad, good = text("m", "wamid.s6", 66), text("m", "wamid.s7", 67)
    came = receipt(webhook(good, bad, good, bad))
    async with hearing(broker) as heard, Standing(broker, pool) as standing:
        await standing.put(came)
        found = await heard_of(heard, came, 4)
    assert sorted((record.item_index, record.kind) for record in found) == [
        (0, "message"),
        (1, "quarantine"),
        (2, "segment"),
        (3, "segment"),
    ]
    assert together(came, heard.records) == came.body
