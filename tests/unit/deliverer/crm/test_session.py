"""One destination through good and bad times: order, window, pause, acknowledgement."""

import asyncio
from itertools import pairwise

import msgspec
import pytest

from deliverer.crm.condition import WORKING
from deliverer.crm.response_policy import FIRST_WAIT, LONGEST_WAIT
from deliverer.crm.scheduler import PACE_SECONDS, StartDelivery
from deliverer.crm.settlements import Settlement
from deliverer.transport.response import Response
from services import clock, contract, metrics
from services.amqp.consumer import ChannelLost
from services.amqp.sealed_batch import seal_batch
from services.contract import Delivery
from services.sealing.columns import DELIVERY, bind
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.support.deliverer.delivery_harness import (
    OK,
    Crm,
    Harness,
    fail_for,
    metric,
    now,
    of,
    spread,
    until,
)
from tests.support.working_keys import read_keys, seal_under_lost_key

AWAY = Response(status=503)


def assert_in_order(numbers: list[int], conversations: int) -> None:
    for conversation in range(conversations):
        own = [n for n in numbers if n % conversations == conversation]
        assert own == sorted(own)


async def test_envelope_is_not_acknowledged_before_all_of_it_is_settled() -> None:
    harness = Harness(Crm(seconds=5))
    task = asyncio.create_task(harness.deliver(of(1, "a"), of(2, "a")))
    await until(lambda: len(harness.settled()) == 1)
    assert harness.channel.acked == []
    await task
    assert harness.crm.numbers == [1, 2] and harness.channel.acked == [1]


async def test_session_that_stops_settles_and_acknowledges_what_is_in_flight() -> None:
    harness = Harness()
    harness.receive(of(1, "a"))
    await harness.run_until(lambda: bool(harness.crm.asked))
    assert harness.channel.acked == [1]


async def test_dead_destination_is_probed_ever_later_until_it_answers() -> None:
    harness, back = Harness(Crm(fail_for(600, AWAY)), window=8), now() + 600
    task = asyncio.create_task(harness.deliver(*spread(range(24), "abcdefgh")))
    await asyncio.sleep(10)
    assert metric("destination_paused") == 1
    status = harness.current.status()
    assert (status.reason, status.window) == ("the destination answered 503", 1)
    assert status.paused_since
    assert 8 < (clock.now() - status.paused_since).total_seconds() < 10
    await task
    assert metric("destination_paused") == 0
    assert harness.current.status().paused_since is None
    moments = [at for at, _ in harness.crm.asked]
    assert len(set(moments[:4])) == 1, "failures together count once"
    assert harness.crm.most == 4
    probes = [at for at in moments[3:] if at <= back - 1]
    for n, (earlier, later) in enumerate(pairwise(probes)):
        longest = min(FIRST_WAIT * 2**n, LONGEST_WAIT)
        assert longest / 2 <= later - earlier - 1 <= longest + 0.01
    assert len(probes) < 60, "it is not flooded while it is away"
    settled = [s.message.int for s in harness.settled() if s.message]
    assert sorted(settled) == list(range(24))
    assert_in_order(settled, 8)
    after = [at for at in moments if at > back]
    assert max(after) - min(after) < LONGEST_WAIT, "it drains at full speed"


async def test_trip_is_measured_only_of_messages_that_were_taken() -> None:
    count = "postkamer_trip_seconds_count"
    before = metrics.REGISTRY.get_sample_value(count) or 0
    moved = msgspec.structs.replace(of(2, "b"), type="nl.postkamer.conversation-transferred.v1")
    harness = Harness(Crm(lambda n: Response(status=400) if n == 3 else OK))
    await harness.deliver(of(1, "a"), moved, of(3, "c"))
    assert metrics.REGISTRY.get_sample_value(count) == before + 1


async def test_each_probe_is_of_another_conversation() -> None:
    harness = Harness(Crm(lambda _: Response(status=500)), window=1)
    harness.receive(of(1, "a"), of(2, "b"), of(3, "c"))
    await harness.run_until(lambda: len(harness.crm.asked) >= 7)
    # Of those that were not tried yet the newest: what fails is likely to have come together.
    assert harness.crm.numbers[:7] == [1, 3, 2, 1, 3, 2, 1]


async def test_destination_is_probed_when_its_retry_after_is_over() -> None:
    busy = Response(status=429, retry_after=200.0)
    harness = Harness(Crm(fail_for(100, busy)), window=1)
    await harness.deliver(of(1, "a"), of(2, "b"))
    [first, second, third, *_] = [at for at, _ in harness.crm.asked]
    # The first time it is looked at after a minute: it may have been about that message alone.
    assert second - first == pytest.approx(61, abs=0.1)
    assert third - second == pytest.approx(201, abs=0.1)


def opened(parked: Settlement) -> bytes:
    bound = bind(parked.destination, parked.event)
    return RING.unseal(parked.body or b"", DELIVERY, bound)


async def test_refused_message_is_parked_whole_and_the_next_one_delivered() -> None:
    refusal = Response(status=422, body=b"no such department" * 100)
    harness = Harness(Crm(lambda n: refusal if n == 1 else OK))
    await harness.deliver(of(1, "a"), of(2, "a"))
    parked, settled = harness.tables.settled
    assert (parked.state, parked.status, parked.attempts) == ("parked", 422, 1)
    assert (settled.state, settled.status, settled.body) == ("settled", 200, None)
    assert parked.body
    stored = msgspec.msgpack.decode(opened(parked))
    assert msgspec.convert(stored["delivery"], Delivery) == of(1, "a")
    assert stored["answer"] == refusal.body[:1024]


async def test_settled_delivery_is_not_delivered_again() -> None:
    harness = Harness()
    harness.tables.before = {of(1, "a").id, of(3, "a").id}
    harness.receive(of(1, "a"), of(2, "a"))
    await harness.deliver(of(3, "a"))
    assert harness.crm.numbers == [2]


async def test_unreadable_envelope_is_parked_whole() -> None:
    harness = Harness()
    harness.receive_frame(b"\xc1 no MessagePack")
    others = (
        contract.ArchiveBatch(records=[]),
        contract.DeliveryBatch(destination="x", deliveries=[]),
    )
    for batch in others:
        name, body = seal_batch(batch)
        harness.receive_frame(bytes(body), name)
    harness.receive_frame(contract.encode(others[1]), contract.DELIVERY_BATCH)
    await harness.deliver(of(1, "a"))
    parked = [opened(each) for each in harness.settled("parked")]
    archive, to_another = map(contract.encode, others)
    assert parked == [b"\xc1 no MessagePack", archive, to_another, to_another]


async def test_envelope_whose_key_is_gone_is_parked_sealed_and_the_next_is_delivered() -> None:
    lost = contract.DeliveryBatch(destination="crm", deliveries=[of(1, "a")])
    name, body = seal_under_lost_key(lost)
    harness = Harness()
    harness.receive_frame(body, name)
    async with background_task(read_keys()):
        await harness.deliver(of(2, "a"))
    assert harness.crm.numbers == [2] and harness.channel.acked == [1, 2]
    [parked] = harness.settled("parked")
    assert opened(parked) == body


async def test_envelope_of_a_newer_version_stays_in_the_queue() -> None:
    harness = Harness()
    harness.receive_frame(b"\x80", "delivery-batch.v2")
    with pytest.raises(KeyError):
        await harness.session().run()
    assert harness.channel.acked == []


@pytest.mark.parametrize("answer", [OK, AWAY])
async def test_session_delivers_nothing_more_once_its_channel_is_lost(answer: Response) -> None:
    """The next holder of the queue delivers all of it: twice at once would be out of order."""
    harness = Harness(Crm(lambda _: answer), window=2)
    harness.receive(*spread(range(40), "abcd"))
    task = asyncio.create_task(harness.session().run())
    await until(lambda: len(harness.crm.asked) >= 3 and not harness.crm.open)
    harness.inbox.mark_lost()
    with pytest.raises(ChannelLost):
        await task
    asked = len(harness.crm.asked)
    await asyncio.sleep(1000)
    assert len(harness.crm.asked) == asked


async def test_fault_in_a_delivery_gives_the_queue_back() -> None:
    def broken(_: int) -> Response:
        raise RuntimeError("a fault")

    harness = Harness(Crm(broken))
    harness.receive(of(1, "a"))
    with pytest.raises(ChannelLost):
        await harness.session().run()
    assert harness.channel.acked == []


async def test_destination_with_a_rate_limit_is_kept_to_it_by_one_timer() -> None:
    harness = Harness(Crm(seconds=0.01), window=64, per_second=20)
    harness.receive(*(of(n, f"citizen {n}") for n in range(200)))
    session, began, ticks = harness.session(), now(), 0
    tick = session._scheduler.tick

    def count(now: float) -> list[StartDelivery]:
        nonlocal ticks
        ticks += 1
        return tick(now)

    session._scheduler.tick = count  # type: ignore[method-assign]
    task = asyncio.create_task(session.run())
    await until(lambda: harness.channel.acked == [1])
    harness.inbox.drain()
    await task
    seconds = harness.crm.asked[-1][0] - began
    assert 9 <= seconds <= 11
    assert ticks < 2 * (seconds / PACE_SECONDS + len(harness.crm.asked))


async def test_condition_of_the_destination_is_stored_when_it_changes() -> None:
    harness = Harness(Crm(fail_for(60, Response(status=401)), seconds=0.1))
    await harness.deliver(*spread(range(6), "abc"))
    fails, works = harness.tables.conditions
    assert (fails.refuses, fails.status, works) == (True, 401, WORKING)
    harness.open_channel()
    harness.receive(of(7, "a"), of(8, "b"))
    await harness.run_for(9)
    assert harness.tables.conditions[2:] == [WORKING], "an earlier process may have failed"


async def test_condition_of_a_destination_that_stays_away_is_stored_once() -> None:
    harness = Harness(Crm(fail_for(10_000, AWAY)))
    harness.receive(of(1, "a"), of(2, "b"))
    await harness.run_for(600)
    [condition] = harness.tables.conditions
    assert not condition.works and not condition.refuses and condition.status == 503
