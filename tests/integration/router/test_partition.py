"""A partition at work on the real broker and database: fencing, poison, and being careful."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, cast
from uuid import UUID

import asyncpg
import msgspec
import pytest

from deploy.local.rabbitmq import Broker
from router.conversation.refusals import FAULT
from router.handlers.batch import decide_batch, make_outputs
from router.handlers.units import parse_units
from router.model.hashes import Hashes
from router.partition.worker import CAREFUL_FROM, STARTS
from router.store.fencing import PartitionFenced, check_epoch
from router.store.store import Store
from services import clock
from services.amqp import topology
from services.amqp.consumer import Inbox
from services.amqp.incoming_message import IncomingMessage
from services.amqp.sealed_batch import open_batch, seal_batch
from services.contract import ArchiveBatch, Command, Entry, PartitionBatch, Record
from services.postgres.database import Pool, connection_pool
from services.sealing.brought_keys import seal_brought_key
from services.sealing.columns import QUARANTINE, bind
from services.sealing.key_ring import MARK, RING
from services.tasks import background_task
from tests.support.citizens import NUMBER, text, webhook
from tests.support.integration.crm_queue import crm_queue
from tests.support.integration.running_partition import CONFIG, GROUND, QUEUE, Standing, receipt
from tests.support.integration.sealed_rows import refusing
from tests.support.observer import until
from tests.support.router.commands import build_command
from tests.support.working_keys import read_keys, seal_under_lost_key

TENANT, BROUGHT = "almelo", bytes(range(32))


async def is_handed_again(standing: Standing, *entries: Entry) -> None:
    """Hand entries out again, and wait until the partition has done them."""
    inbox = _Redelivered(*entries)
    await _work_until(standing, inbox, inbox.acked)


async def _work_until(standing: Standing, inbox: Inbox, event: asyncio.Event) -> None:
    """Work until an event, and then be cancelled, as when the channel is lost."""
    work = asyncio.create_task(standing.partition.work(inbox))
    await asyncio.wait_for(event.wait(), 15)
    work.cancel()
    await asyncio.wait([work])


@pytest.mark.parametrize("siblings", [0, 9])
async def test_an_item_that_the_database_refuses_is_put_aside_and_its_siblings_go_on(
    broker: Broker, pool: Pool, siblings: int
) -> None:
    await pool.execute(refusing("NL.citizen66"))
    messages = [text(f"m {n}", f"wamid.r{n}", 60 + n) for n in range(6, 7 + siblings)]
    async with Standing(broker, pool) as standing:
        await standing.put(receipt(webhook(*messages)))
        rows = await until(
            lambda: pool.fetch("select reason from router.quarantine"), lambda rows: bool(rows), 15
        )
        await until(
            lambda: pool.fetchval("select count(*) from router.conversation"),
            lambda n: n == siblings,
            15,
        )
    assert [row["reason"] for row in rows] == ["the database refused it"]


async def bring_key(pool: Pool, tenant: str = TENANT, key: bytes = BROUGHT) -> None:
    """Bring the key of a municipality from another installation, as its import does."""
    put = "insert into router.brought_key (tenant, sealed) values ($1, $2)"
    await pool.execute(put, tenant, seal_brought_key(RING, tenant, key))


async def take_over(pool: Pool) -> None:
    await Store(pool).take_epoch(0)


async def change_key(pool: Pool) -> None:
    await pool.execute("update router.brought_key set sealed = ''")


async def take_key_away(pool: Pool) -> None:
    await pool.execute("delete from router.brought_key")


async def take_all_keys_away(pool: Pool) -> None:
    await pool.execute("truncate router.brought_key")


@pytest.mark.parametrize(
    "lose", [take_over, bring_key, change_key, take_key_away, take_all_keys_away]
)
async def test_a_router_that_lost_its_partition_writes_nothing(
    pool: Pool, lose: Callable[[Pool], Awaitable[None]]
) -> None:
    """Also if a municipality brings its key, or takes it away: what was decided under another one
    is never written."""
    await bring_key(pool, "elsewhere")
    old = Store(pool)
    todo = list(parse_units(receipt(webhook(text("late", "wamid.late", 1))), GROUND))
    mine = await old.take_epoch(0)
    known = await old.load(todo, GROUND)
    fresh = decide_batch(todo, known, GROUND).new
    await lose(pool)
    with pytest.raises(PartitionFenced):
        await old.commit(0, mine, fresh, make_outputs(fresh))
    for table in ("inbox", "conversation", "identity"):
        assert await pool.fetchval(f"select count(*) from router.{table}") == 0


async def test_brought_key_waits_for_a_commit_and_no_partition_is_taken_before_it_is_there(
    pool: Pool,
) -> None:
    """A router that takes a partition while a key is brought has that key when it decides."""
    store = Store(pool)
    epoch = await store.take_epoch(0)
    async with pool.acquire() as owner:
        await owner.execute("set lock_timeout = '50ms'")
        async with pool.acquire() as router, router.transaction():
            await check_epoch(router, 0, epoch)
            with pytest.raises(asyncpg.LockNotAvailableError):
                await bring_key(cast(Pool, owner))
        async with owner.transaction():
            await bring_key(cast(Pool, owner))
            taking = [asyncio.create_task(store.take_epoch(n)) for n in (0, 1)]
            waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
            await until(lambda: pool.fetchval(waits), lambda n: n == 2, 15)
            assert (await store.load_brought_keys())[0] == {}
        await asyncio.gather(*taking)
    assert await store.load_brought_keys() == ({TENANT: BROUGHT}, frozenset())


async def test_work_goes_on_under_a_key_that_is_brought_and_stops_for_one_that_does_not_open(
    broker: Broker, pool: Pool, empty: str
) -> None:
    def key(hashes: Hashes, wamid: str) -> bytes:
        return hashes.of(TENANT)("item", "message", NUMBER, wamid)

    async def decided(count: int) -> set[bytes]:
        read = "select key from router.inbox"
        return {r[0] for r in await until(lambda: pool.fetch(read), lambda r: len(r) == count, 30)}

    brought = GROUND.hashes.with_brought({TENANT: BROUGHT}, frozenset())
    role = f"{empty}?role=postkamer_router"
    async with connection_pool(role, "test", 4) as own, Standing(broker, own) as standing:
        await standing.put(receipt(webhook(text("one", "wamid.1", 1))))
        assert await decided(1) == {key(GROUND.hashes, "wamid.1")}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await bring_key(own)
        await bring_key(pool)
        await standing.put(receipt(webhook(text("two", "wamid.2", 1))))
        keys = {key(GROUND.hashes, "wamid.1"), key(brought, "wamid.2")}
        assert await decided(2) == keys
        await pool.execute("update router.brought_key set sealed = sealed || '\\x00'::bytea")
        await standing.put(receipt(webhook(text("three", "wamid.3", 1))))
        assert not await decided(3) & {key(brought, "wamid.3")}
        aside = await pool.fetch("select reason from router.quarantine")
        assert [row[0] for row in aside] == ["a row of router.brought_key does not open"]
        await pool.execute("delete from router.brought_key")
        await bring_key(pool)
        await standing.put(receipt(webhook(text("four", "wamid.4", 1))))
        assert key(brought, "wamid.4") in await decided(4)
    assert await pool.fetchval("select count(*) from router.quarantine") == 1


async def test_committed_decision_is_known_again_and_not_made_twice(pool: Pool) -> None:
    store = Store(pool)
    epoch = await store.take_epoch(0)
    todo = list(parse_units(receipt(webhook(text("afval", "wamid.once", 1))), GROUND))
    first = decide_batch(todo, await store.load(todo, GROUND), GROUND)
    await store.commit(0, epoch, first.new, make_outputs(first.new))
    again = decide_batch(todo, await store.load(todo, GROUND), GROUND)
    assert again.new == []
    assert [d for _, d, _ in again.to_publish] == [d for _, d, _ in first.to_publish]


class _Gate:
    """The way to the archive, shut until a test opens it."""

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher
        self.open, self.reached = asyncio.Event(), asyncio.Event()

    async def publish(self, *arguments: Any) -> None:
        self.reached.set()
        await self.open.wait()
        await self._publisher.publish(*arguments)


async def test_partition_marks_as_published_what_is_published_and_no_more(
    broker: Broker, pool: Pool
) -> None:
    """By this mark the balance knows when something has to be somewhere."""
    newest = "select max(xact) from router.inbox"
    marked = partial(pool.fetchval, "select published from router.lease where partition = 0")
    async with Standing(broker, pool) as standing:
        await standing.put(receipt(webhook(text("een", "wamid.mark1", 1))))
        first = await until(lambda: pool.fetchval(newest), bool, 15)
        assert await until(marked, bool, 15) == first
        gate: Any = _Gate(standing.partition._archive)
        standing.partition._archive = gate
        await standing.put(receipt(webhook(text("twee", "wamid.mark2", 2))))
        await asyncio.wait_for(gate.reached.wait(), 15)
        second = await pool.fetchval(newest)
        marked_early = standing.partition._published.transaction > first
        gate.open.set()
        assert second > first and not marked_early
        await until(marked, lambda xact: xact == second, 15)


class _Redelivered(Inbox):
    """An inbox with one message that was handed out before."""

    def __init__(self, *entries: Entry) -> None:
        self.lost, self.stopping = asyncio.Event(), False
        batch = PartitionBatch(source=clock.new_id(), number=0, entries=list(entries))
        name, body = seal_batch(batch)
        self._incoming = [IncomingMessage(name, bytes(body), 1, delivery_count=CAREFUL_FROM)]
        self.acked = asyncio.Event()

    async def take(self, limit: int) -> list[IncomingMessage]:
        if self._incoming:
            return [self._incoming.pop()]
        await asyncio.Event().wait()
        raise AssertionError

    async def ack_all(self, taken: object) -> None:
        self.acked.set()


@pytest.mark.parametrize(("starts", "conversations"), [(0, 2), (STARTS, 1)])
async def test_an_entry_that_was_in_hand_at_two_crashes_is_put_aside_and_no_other(
    broker: Broker, pool: Pool, starts: int, conversations: int
) -> None:
    poison, innocent = (receipt(webhook(text("m", f"wamid.c{n}", n))) for n in range(2))
    async with Standing(broker, pool) as standing:
        mark = GROUND.hashes.own("suspect", "0", str(poison.id))
        for _ in range(starts):
            await Store(pool).mark_suspect(mark)
        await is_handed_again(standing, poison, innocent)
    assert await pool.fetchval("select count(*) from router.conversation") == conversations
    assert await pool.fetchval("select count(*) from router.quarantine") == 2 - conversations
    assert await pool.fetchval("select count(*) from router.suspect") == 0


async def test_an_attempt_that_ended_with_its_channel_was_no_crash(
    broker: Broker, pool: Pool
) -> None:
    """The decision is committed, and its event still has to go."""
    entry = receipt(webhook(text("hallo", "wamid.cut", 1)))
    async with Standing(broker, pool) as standing, crm_queue(broker) as so_far:
        archive = standing.partition._archive
        for _ in range(STARTS):
            gate: Any = _Gate(archive)
            standing.partition._archive = gate
            await _work_until(standing, _Redelivered(entry), gate.reached)
            assert await pool.fetchval("select starts from router.suspect") == 0
        standing.partition._archive = archive
        assert await so_far() == []
        await is_handed_again(standing, entry)
        await until(so_far, bool, 15)
    assert await pool.fetchval("select count(*) from router.quarantine") == 0
    assert await pool.fetchval("select count(*) from router.suspect") == 0


async def test_an_item_that_was_decided_before_the_crashes_is_told_and_the_other_put_aside(
    broker: Broker, pool: Pool
) -> None:
    entry = receipt(webhook(text("een", "wamid.told", 1), text("twee", "wamid.poison", 2)))
    store = Store(pool)
    epoch = await store.take_epoch(0)
    todo = list(parse_units(entry, GROUND))[:1]
    new = decide_batch(todo, await store.load(todo, GROUND), GROUND).new
    outputs = make_outputs(new)
    await store.commit(0, epoch, new, outputs)
    async with Standing(broker, pool) as standing, crm_queue(broker) as so_far:
        for _ in range(STARTS):
            await store.mark_suspect(GROUND.hashes.own("suspect", "0", str(entry.id)))
        await is_handed_again(standing, entry)
        told = await until(so_far, bool, 15)
    assert [event.id for event in told] == [event.id for _, event in outputs[todo[0].key].events]
    rows = await pool.fetch("select is_quarantined from router.inbox order by 1")
    assert [row["is_quarantined"] for row in rows] == [False, True]
    assert await pool.fetchval("select count(*) from router.quarantine") == 1


async def test_a_body_that_crashed_again_when_it_was_retried_is_not_parsed(
    broker: Broker, pool: Pool
) -> None:
    poison = receipt(webhook(text("m", "wamid.twice", 1)))
    retry = msgspec.structs.replace(poison, id=clock.new_id(), retry_of=poison.id)
    async with Standing(broker, pool) as standing:
        for entry in (poison, retry):
            for _ in range(STARTS):
                await Store(pool).mark_suspect(GROUND.hashes.own("suspect", "0", str(entry.id)))
            await is_handed_again(standing, entry)
    rows = await pool.fetch("select is_item, is_quarantined from router.inbox")
    assert [(*row,) for row in rows] == [(False, True)] * 2


def _order(**more: Any) -> Command:
    number = CONFIG.numbers[0].id
    given = {"number": number, "to": "31611111111"} | more
    return build_command("text", clock.new_id(), clock.now(), **given)


async def _fates(pool: Pool) -> dict[UUID, tuple[str, str]]:
    rows = await pool.fetch("select id, status, reason from router.outgoing")
    return {row["id"]: (row["status"], row["reason"]) for row in rows}


async def test_an_order_that_the_database_refuses_has_failed_and_its_siblings_go_on(
    broker: Broker, pool: Pool
) -> None:
    refused, other = _order(content=b"no JSON"), _order()
    async with Standing(broker, pool) as standing:
        await standing.put(refused, other)
        fates = await until(lambda: _fates(pool), lambda fates: len(fates) == 2, 15)
    assert fates == {refused.id: ("failed", str(FAULT)), other.id: ("accepted", "")}
    assert [row["id"] for row in await pool.fetch("select id from deliverer.ledger")] == [other.id]
    assert msgspec.msgpack.decode(await _kept(pool), type=Command) == refused
    place = await pool.fetchrow("select number, conversation from router.quarantine")
    assert place and tuple(place) == (refused.number, "")


async def _kept(pool: Pool) -> bytes:
    """Return the one unit in quarantine, opened."""
    [row] = await pool.fetch("select id, raw from router.quarantine")
    assert row["raw"].startswith(MARK)
    return RING.unseal(row["raw"], QUARANTINE, bind(row["id"]))


async def test_an_order_that_was_in_hand_at_two_crashes_has_failed_for_good(
    broker: Broker, pool: Pool
) -> None:
    poison = _order()
    async with Standing(broker, pool) as standing:
        for _ in range(STARTS):
            await Store(pool).mark_suspect(GROUND.hashes.own("suspect", "0", str(poison.id)))
        await is_handed_again(standing, poison)
        assert await _fates(pool) == {poison.id: ("failed", str(FAULT))}
        last = _order(to="31622222222")
        await standing.put(poison, last)  # its sender tried again, and comes too late
        fates = await until(lambda: _fates(pool), lambda fates: len(fates) == 2, 15)
    assert fates == {poison.id: ("failed", str(FAULT)), last.id: ("accepted", "")}
    assert await pool.fetchval("select count(*) from deliverer.ledger") == 1
    assert await pool.fetchval("select count(*) from router.quarantine") == 1


async def test_an_order_that_was_decided_before_the_crashes_stays_as_it_was_decided(
    broker: Broker, pool: Pool
) -> None:
    order = _order()
    store = Store(pool)
    epoch = await store.take_epoch(0)
    todo = list(parse_units(order, GROUND))
    new = decide_batch(todo, await store.load(todo, GROUND), GROUND).new
    await store.commit(0, epoch, new, make_outputs(new))
    async with Standing(broker, pool) as standing:
        for _ in range(STARTS):
            await store.mark_suspect(GROUND.hashes.own("suspect", "0", str(order.id)))
        await is_handed_again(standing, order)
    assert await _fates(pool) == {order.id: ("accepted", "")}


RUBBISH = "partition-batch.v1", b"\xc1rubbish"
SHUT = seal_under_lost_key(PartitionBatch(source=clock.new_id(), number=0, entries=[]))


@pytest.mark.parametrize(("name", "body"), [RUBBISH, SHUT], ids=["rubbish", "shut"])
async def test_a_message_that_cannot_be_read_is_kept_and_the_next_one_is_decided(
    broker: Broker, pool: Pool, name: str, body: bytes
) -> None:
    """Also one that is sealed under a key that is gone: it stays sealed."""
    import aio_pika

    async with Standing(broker, pool) as standing, background_task(read_keys()):
        admin = await aio_pika.connect(broker.url)
        channel = await admin.channel()
        exchange = await channel.get_exchange(topology.PARTITIONS, ensure=False)
        await exchange.publish(aio_pika.Message(body, type=name), routing_key=QUEUE.name)
        await standing.put(receipt(webhook(text("after", "wamid.after", 1))))
        await until(
            lambda: pool.fetchval("select count(*) from router.conversation"), lambda n: n == 1, 15
        )
        kept = await pool.fetchrow("select id, raw from router.quarantine")
        assert kept and await _kept(pool) == body
        queue = await channel.get_queue(topology.ARCHIVE_QUEUE, ensure=False)
        records: list[Record] = []

        async def on_record() -> list[str]:
            while message := await queue.get(fail=False, no_ack=True):
                batch = open_batch(message.type or "", message.body)
                assert isinstance(batch, ArchiveBatch)
                records.extend(batch.records)
            return [record.kind for record in records if record.id == kept["id"]]

        await until(on_record, lambda kinds: kinds == ["quarantine"], 15)
        await admin.close()


async def test_a_kind_of_a_newer_version_stays_in_the_queue(broker: Broker, pool: Pool) -> None:
    import aio_pika

    async with Standing(broker, pool):
        admin = await aio_pika.connect(broker.url)
        channel = await admin.channel()
        exchange = await channel.get_exchange(topology.PARTITIONS, ensure=False)
        newer = aio_pika.Message(b"new", type="partition-batch.v2")
        await exchange.publish(newer, routing_key=QUEUE.name)

        async def redelivered() -> int:
            return int(await pool.fetchval("select coalesce(max(epoch), 0) from router.lease"))

        await until(redelivered, lambda epoch: epoch >= 2, 20)

    async def left() -> int:
        queue = await channel.declare_queue(QUEUE.name, passive=True)
        return queue.declaration_result.message_count or 0

    await until(left, lambda count: count == 1, 10)
    await admin.close()
    assert await pool.fetchval("select count(*) from router.quarantine") == 0
