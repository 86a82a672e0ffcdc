"""One destination through good and bad times, on a clock that jumps: order, window, pause."""

import asyncio
from itertools import pairwise

import msgspec
import pytest

from deliverer.crm.response_policy import FIRST_WAIT, LONGEST_WAIT
from deliverer.crm.scheduler import PACE_SECONDS, StartDelivery
from deliverer.transport.response import Response
from services import contract, metrics
from services.amqp.consumer import ChannelLost
from services.contract import Delivery
from tests.support.deliverer.delivery_harness import OK, Crm, Hall, of, until_it_holds
from tests.support.virtual_clock import run


def test_conversations_go_side_by_side_within_the_window_each_in_order() -> None:
    async def work() -> None:
        hall = Hall(Crm(), window=3)
        hall.receives(*(of(n, "abcde"[n % 5]) for n in range(15)))
        hall.receives(*(of(n, "a") for n in range(15, 20)))
        await hall.works(lambda: hall.channel.acked == [1, 2])
        assert hall.crm.most == 3
        assert sorted(hall.crm.numbers) == list(range(20))
        for conversation in range(5):
            own = [n for n in hall.crm.numbers if n < 15 and n % 5 == conversation]
            assert own == sorted(own)
        assert len(hall.book.settled) == 20
        assert {s.state for s in hall.book.settled} == {"settled"}

    run(work())


def test_an_envelope_is_acknowledged_once_all_of_it_is_written_down() -> None:
    async def work() -> None:
        hall = Hall(Crm(seconds=5))
        hall.receives(of(1, "a"), of(2, "a"))
        await hall.works(lambda: len(hall.book.settled) == 1)
        assert hall.channel.acked == []
        assert hall.crm.numbers == [1, 2], "what flew was finished"
        assert len(hall.book.settled) == 2

    # It stopped when the second flew already: that one is finished, and then it is acknowledged.
    async def finished() -> None:
        hall = Hall(Crm())
        hall.receives(of(1, "a"))
        await hall.works(lambda: bool(hall.crm.asked))
        assert hall.channel.acked == [1]

    run(finished())


def test_dead_destination_is_probed_ever_later_until_it_answers() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        back = loop.time() + 600
        crm = Crm(lambda _: OK if loop.time() > back else Response(status=503))
        hall = Hall(crm, window=8)
        hall.receives(*(of(n, "abcdefgh"[n % 8]) for n in range(24)))
        await hall.works(lambda: hall.channel.acked == [1])
        probes = [at for at, _ in crm.asked[8:] if at <= back - 1]
        gaps = [later - earlier - 1 for earlier, later in pairwise(probes)]
        assert all(gap >= FIRST_WAIT / 2 for gap in gaps)
        assert all(LONGEST_WAIT / 2 <= gap <= LONGEST_WAIT + 1 for gap in gaps[8:])
        assert len(probes) < 60, "it is not flooded while it is away"
        settled = [int(s.message.int) for s in hall.book.settled if s.message]
        assert sorted(settled) == list(range(24))
        for conversation in range(8):
            own = [n for n in settled if n % 8 == conversation]
            assert own == sorted(own)
        after = [at for at, _ in crm.asked if at > back]
        assert max(after) - min(after) < LONGEST_WAIT, "it drains at full speed"

    run(work())


def metric(name: str) -> float:
    value = metrics.REGISTRY.get_sample_value(f"postkamer_{name}", {"destination": "crm"})
    return -1 if value is None else value


def test_failures_together_count_once_and_each_pause_doubles() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda _: Response(status=503)), window=4)
        hall.receives(*(of(n, "abcdefgh"[n]) for n in range(8)))
        await hall.works(lambda: len(hall.crm.asked) >= 10)
        assert hall.crm.most == 4
        moments = [at for at, _ in hall.crm.asked]
        assert len(set(moments[:4])) == 1
        gaps = [later - earlier - 1 for earlier, later in pairwise(moments[3:])]
        for n, gap in enumerate(gaps):
            longest = min(FIRST_WAIT * 2**n, LONGEST_WAIT)
            assert longest / 2 <= gap <= longest + 0.01
        assert metric("destination_paused") == 1

    run(work())


def test_a_pause_shows_for_as_long_as_it_lasts() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        back = loop.time() + 10
        hall = Hall(Crm(lambda _: OK if loop.time() > back else Response(status=503)))
        hall.receives(of(1, "a"))
        task = asyncio.create_task(hall.works(lambda: hall.channel.acked == [1]))
        await asyncio.sleep(5)
        assert metric("destination_paused") == 1
        await task
        assert metric("destination_paused") == 0

    run(work())


def test_the_trip_of_a_message_is_measured_and_of_nothing_else() -> None:
    async def work() -> None:
        count = "postkamer_trip_seconds_count"
        before = metrics.REGISTRY.get_sample_value(count)
        hall = Hall(Crm(lambda n: Response(status=400) if n == 3 else OK))
        moved = msgspec.structs.replace(of(2, "b"), type="nl.postkamer.conversation-transferred.v1")
        hall.receives(of(1, "a"), moved, of(3, "c"))
        await hall.works(lambda: hall.channel.acked == [1])
        assert (metrics.REGISTRY.get_sample_value(count) or 0) - (before or 0) == 1

    run(work())


def test_a_probe_is_another_conversations_each_time() -> None:
    async def work() -> None:
        hall = Hall(Crm(lambda _: Response(status=500)), window=1)
        hall.receives(of(1, "a"), of(2, "b"), of(3, "c"))
        await hall.works(lambda: len(hall.crm.asked) >= 7)
        # Of those that were not tried yet the newest: what fails is likely to have come together.
        assert hall.crm.numbers[:7] == [1, 3, 2, 1, 3, 2, 1]

    run(work())


def test_a_destination_that_says_when_is_asked_then() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        crm = Crm(lambda _: OK if loop.time() > began + 100 else busy)
        busy = Response(status=429, retry_after=200.0)
        hall = Hall(crm, window=1)
        hall.receives(of(1, "a"), of(2, "b"))
        await hall.works(lambda: hall.channel.acked == [1])
        [first, second, third, *_] = [at for at, _ in crm.asked]
        # The first time it is looked at after a minute: it may have been about that message alone.
        assert second - first == pytest.approx(61, abs=0.1)
        assert third - second == pytest.approx(201, abs=0.1)

    run(work())


def test_a_message_that_is_refused_is_parked_whole_and_the_next_one_goes() -> None:
    async def work() -> None:
        refusal = Response(status=422, body=b"no such department" * 100)
        hall = Hall(Crm(lambda n: refusal if n == 1 else OK))
        hall.receives(of(1, "a"), of(2, "a"))
        await hall.works(lambda: hall.channel.acked == [1])
        parked, settled = hall.book.settled
        assert (parked.state, parked.status, parked.attempts) == ("parked", 422, 1)
        assert (settled.state, settled.status) == ("settled", 200)
        assert parked.body and settled.body is None
        kept = msgspec.msgpack.decode(parked.body)
        assert msgspec.convert(kept["delivery"], Delivery) == of(1, "a")
        assert kept["answer"] == refusal.body[:1024]

    run(work())


def test_settled_delivery_is_not_delivered_again() -> None:
    async def work() -> None:
        hall = Hall(Crm())
        hall.book.before = {of(1, "a").id, of(3, "a").id}
        hall.receives(of(1, "a"), of(2, "a"))
        hall.receives(of(3, "a"))
        await hall.works(lambda: len(hall.channel.acked) == 2)
        assert hall.crm.numbers == [2]
        assert sorted(hall.channel.acked) == [1, 2]

    run(work())


def test_an_envelope_that_cannot_be_read_is_kept_whole_and_a_newer_one_stays() -> None:
    async def work() -> None:
        hall = Hall(Crm())
        hall.frame(b"\xc1 no MessagePack")
        hall.frame(contract.encode(contract.ArchiveBatch(records=[])), contract.ARCHIVE_BATCH)
        hall.receives(of(1, "a"))
        await hall.works(lambda: len(hall.channel.acked) == 3)
        kept = [s.body for s in hall.book.settled if s.state == "parked"]
        assert kept[0] == b"\xc1 no MessagePack" and len(kept) == 2
        newer = Hall(Crm())
        newer.frame(b"\x80", "delivery-batch.v2")
        with pytest.raises(KeyError):
            await newer.session().run()
        assert newer.channel.acked == []

    run(work())


@pytest.mark.parametrize("answer", [OK, Response(status=503)])
def test_session_delivers_nothing_more_once_its_channel_is_lost(answer: Response) -> None:
    """Whoever holds the queue next delivers all of it: twice at once would be out of order."""

    async def work() -> None:
        hall = Hall(Crm(lambda _: answer), window=2)
        hall.receives(*(of(n, "abcd"[n % 4]) for n in range(40)))
        task = asyncio.create_task(hall.session().run())
        await until_it_holds(lambda: len(hall.crm.asked) >= 3 and not hall.crm.open)
        hall.inbox.mark_lost()
        with pytest.raises(ChannelLost):
            await task
        asked = len(hall.crm.asked)
        await asyncio.sleep(1000)
        assert len(hall.crm.asked) == asked

    run(work())


def test_a_fault_of_ours_gives_the_queue_back() -> None:
    async def work() -> None:
        def broken(_: int) -> Response:
            raise RuntimeError("a fault")

        hall = Hall(Crm(broken))
        hall.receives(of(1, "a"))
        with pytest.raises(ChannelLost):
            await hall.session().run()
        assert hall.channel.acked == []

    run(work())


def test_a_destination_is_asked_no_more_often_than_it_may_be() -> None:
    async def work() -> None:
        hall = Hall(Crm(seconds=0.01), window=64, per_second=20)
        hall.receives(*(of(n, f"citizen {n}") for n in range(200)))
        loop, session = asyncio.get_running_loop(), hall.session()
        began, looks = loop.time(), 0
        tick = session._scheduler.tick

        def counted(now: float) -> list[StartDelivery]:
            nonlocal looks
            looks += 1
            return tick(now)

        session._scheduler.tick = counted  # type: ignore[method-assign]
        task = asyncio.create_task(session.run())
        await until_it_holds(lambda: hall.channel.acked == [1])
        hall.inbox.drain()
        await task
        seconds = hall.crm.asked[-1][0] - began
        assert 9 <= seconds <= 11
        assert looks < 2 * (seconds / PACE_SECONDS + len(hall.crm.asked)), "by one timer"

    run(work())
