"""An operator holds a destination or replays its parked events, also when the clock jumps."""

import asyncio

import pytest

from deliverer.crm.replays import ReplayJob
from deliverer.crm.session import POLL_SECONDS
from deliverer.transport.response import Response
from services import metrics
from services.amqp.consumer import ChannelLost
from tests.support.deliverer.delivery_harness import OK, Crm, Harness, of
from tests.support.virtual_clock import run


def pause_metric() -> float | None:
    name = "postkamer_destination_paused"
    return metrics.REGISTRY.get_sample_value(name, {"destination": "crm"})


def test_paused_destination_gets_everything_in_order_when_it_resumes() -> None:
    async def work() -> None:
        harness = Harness()
        harness.tables.is_paused = True
        harness.receive(*(of(n, "ab"[n % 2]) for n in range(10)))
        task = asyncio.create_task(harness.run_until(lambda: harness.channel.acked == [1]))
        await asyncio.sleep(1000)
        assert harness.crm.asked == []
        assert pause_metric() == 1
        harness.tables.is_paused = False
        await asyncio.sleep(2 * POLL_SECONDS)
        assert pause_metric() == 0
        await task
        for lane in range(2):
            own = [n for n in harness.crm.numbers if n % 2 == lane]
            assert own == sorted(own)

    run(work())


def test_replays_go_once_and_between_new_deliveries() -> None:
    async def work() -> None:
        harness = Harness()
        harness.tables.replays = [ReplayJob(of(7, "a"), 1), ReplayJob(of(8, "b"), 2)]
        harness.receive(*(of(n, "c") for n in range(3)))

        def settled() -> bool:
            done = {s.event for s in harness.tables.settled}
            harness.tables.replays = [
                a for a in harness.tables.replays if a.delivery.id not in done
            ]
            return harness.channel.acked == [1] and not harness.tables.replays

        await harness.run_until(settled)
        assert sorted(harness.crm.numbers) == [0, 1, 2, 7, 8]
        again = {
            s.message.int: s.replays for s in harness.tables.settled if s.message and s.replays
        }
        assert again == {7: 1, 8: 2}

    run(work())


@pytest.mark.parametrize("held_still", [False, True])
def test_withdrawn_replay_is_not_delivered(held_still: bool) -> None:
    async def work() -> None:
        away, taken = [True], set[int]()

        def answer(number: int) -> Response:
            if away[0]:
                return Response(status=503)
            taken.add(number)
            return OK

        harness = Harness(Crm(answer))
        harness.tables.replays = [ReplayJob(of(n, "abcd"[n]), 1) for n in range(4)]

        def settled() -> set[int]:
            return {one.message.int for one in harness.tables.settled if one.message}

        both = asyncio.create_task(
            harness.run_until(lambda: harness.channel.acked == [1] and settled() == {2, 7, 8})
        )
        await asyncio.sleep(100)
        harness.tables.is_paused = held_still
        harness.tables.replays = [
            one for one in harness.tables.replays if one.delivery.sequence == 2
        ]
        await asyncio.sleep(100)
        away[0], harness.tables.is_paused = False, False
        harness.receive(of(7, "a"), of(8, "b"))
        await both
        assert taken == {2, 7, 8}

    run(work())


def test_fault_in_a_poll_of_the_tables_gives_the_queue_back() -> None:
    async def work() -> None:
        harness = Harness()
        harness.tables.orders = None  # type: ignore[assignment,method-assign]
        with pytest.raises(ChannelLost):
            await harness.session().run()

    run(work())


def test_refused_replay_is_parked_again() -> None:
    async def work() -> None:
        harness = Harness(Crm(lambda _: Response(status=422)))
        harness.tables.replays = [ReplayJob(of(7, "a"), 1)]
        await harness.run_until(lambda: bool(harness.tables.settled))
        [parked] = harness.tables.settled
        assert (parked.state, parked.replays) == ("parked", 1)

    run(work())


def test_replay_waits_while_its_destination_is_away() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        back = loop.time() + 600
        harness = Harness(Crm(lambda _: OK if loop.time() > back else Response(status=503)))
        harness.tables.replays = [ReplayJob(of(7, "a"), 1)]
        await harness.run_until(lambda: bool(harness.tables.settled))
        assert {s.state for s in harness.tables.settled} == {"settled"}
        assert len(harness.crm.asked) < 60

    run(work())
