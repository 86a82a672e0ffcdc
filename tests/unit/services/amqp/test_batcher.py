"""Group commit: bounds, pace and answers, on a clock that jumps (see `virtual_clock`)."""

import asyncio
import gc
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.amqp.batcher import (
    SWEEP_SECONDS,
    Batcher,
    BatchLimits,
    BatchQueueFull,
    BatchTimeout,
    run_batcher,
)
from tests.support.virtual_clock import on_virtual_clock, run

NO_ROOM = BatchLimits(max_queued=2, max_queued_bytes=100)


class Sent:
    """Writes down what was sent and when; takes `seconds` for each, or raises."""

    def __init__(self, seconds: float = 0, error: Exception | None = None) -> None:
        self.batches: list[list[Any]] = []
        self.started: list[float] = []
        self.seconds, self.error = seconds, error

    async def __call__(self, batch: list[Any]) -> None:
        self.batches.append(batch)
        self.started.append(asyncio.get_running_loop().time())
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error


async def put_all(batcher: Batcher[Any], items: Sequence[Any], size: int = 1) -> list[str]:
    """Put all at the same moment; `sent` or the name of the error for each."""
    puts = [batcher.put(item, size) for item in items]
    answers = await asyncio.gather(*puts, return_exceptions=True)
    return ["sent" if answer is None else type(answer).__name__ for answer in answers]


@on_virtual_clock
async def test_lone_entry_after_a_gap_is_not_delayed() -> None:
    sent, loop = Sent(), asyncio.get_running_loop()
    async with run_batcher(sent, BatchLimits(min_interval=0.5)) as batcher:
        for _ in range(3):
            asked = loop.time()
            await batcher.put("x", 1)
            assert sent.started[-1] == asked
            await asyncio.sleep(0.5)


@on_virtual_clock
async def test_entry_that_arrives_during_a_publish_goes_in_the_next_batch() -> None:
    sent = Sent(seconds=1)
    async with run_batcher(sent, BatchLimits()) as batcher:
        first = asyncio.create_task(batcher.put("a", 1))
        await asyncio.sleep(0.5)
        await put_all(batcher, "bcd")
        await first
    assert sent.batches == [["a"], ["b", "c", "d"]]


@on_virtual_clock
async def test_batches_start_at_least_the_minimum_interval_apart() -> None:
    sent, pace = Sent(), 0.010
    async with run_batcher(sent, BatchLimits(min_interval=pace)) as batcher:
        for _ in range(20):
            await batcher.put("x", 1)
    gaps = [b - a for a, b in zip(sent.started, sent.started[1:], strict=False)]
    assert len(gaps) == 19
    assert all(gap == pytest.approx(pace) for gap in gaps)


@pytest.mark.parametrize(("entries", "size"), [(8, 1), (2, 50), (1, 100)])
@on_virtual_clock
async def test_large_batch_is_sent_before_the_interval_is_over(entries: int, size: int) -> None:
    sent, loop = Sent(), asyncio.get_running_loop()
    async with run_batcher(sent, BatchLimits(min_interval=5, flush_size=8, bytes=100)) as batcher:
        await batcher.put("first", 1)
        asked = loop.time()
        few = asyncio.create_task(batcher.put("x", 1))
        await asyncio.sleep(1)
        assert len(sent.batches) == 1, "few wait"
        await put_all(batcher, ["y"] * entries, size)
        assert sent.started[1] == asked + 1
        await few
        await batcher.put("last", 1)
        assert sent.started[-1] == sent.started[-2] + 5, "few wait again"


@given(st.lists(st.integers(0, 150), max_size=60), st.integers(1, 10), st.integers(1, 100))
@on_virtual_clock
async def test_batches_keep_order_and_limits_and_lose_nothing(
    sizes: list[int], items: int, most: int
) -> None:
    sent = Sent()
    bounds = BatchLimits(items=items, bytes=most, min_interval=0)
    async with run_batcher(sent, bounds) as batcher:
        puts = [batcher.put((n, size), size) for n, size in enumerate(sizes)]
        await asyncio.gather(*puts)
        assert batcher.waiting == 0
    assert [entry for batch in sent.batches for entry in batch] == list(enumerate(sizes))
    for batch in sent.batches:
        assert 1 <= len(batch) <= items
        assert sum(size for _, size in batch) <= most or len(batch) == 1


@on_virtual_clock
async def test_full_batcher_refuses_an_entry_at_once() -> None:
    sent = Sent()
    async with run_batcher(sent, NO_ROOM) as batcher:
        assert await put_all(batcher, "abc") == ["sent", "sent", "BatchQueueFull"]
        assert await put_all(batcher, "de", 60) == ["sent", "BatchQueueFull"]
        with pytest.raises(BatchQueueFull):
            await batcher.put("larger than all room", 101)
        # Room is given back, to the byte.
        assert await put_all(batcher, "fg", 50) == ["sent", "sent"]
    assert "".join(entry for batch in sent.batches for entry in batch) == "abdfg"


@on_virtual_clock
async def test_publish_error_reaches_only_the_entries_of_its_batch() -> None:
    sent = Sent(error=OSError("away"))
    async with run_batcher(sent, BatchLimits(items=2)) as batcher:
        answers = put_all(batcher, "abc")
        done = asyncio.create_task(answers)
        while not sent.batches:
            await asyncio.sleep(0)
        sent.error = None
        assert await done == ["OSError", "OSError", "sent"]
        await batcher.put("d", 1)


@on_virtual_clock
async def test_cancelled_entry_leaves_the_batch_before_it_is_sent() -> None:
    sent = Sent(seconds=1)
    async with run_batcher(sent, NO_ROOM) as batcher:
        first = asyncio.create_task(batcher.put("a", 1))
        await asyncio.sleep(0.1)
        gone = asyncio.create_task(batcher.put("gone", 50))
        stays = asyncio.create_task(batcher.put("stays", 50))
        await asyncio.sleep(0.1)
        gone.cancel()
        await asyncio.gather(first, stays)
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await put_all(batcher, "bc", 50) == ["sent", "sent"], "its room is free again"
    assert sent.batches == [["a"], ["stays"], ["b", "c"]]


@on_virtual_clock
async def test_cancellation_during_a_publish_does_not_affect_other_entries() -> None:
    sent = Sent(seconds=1)
    async with run_batcher(sent, BatchLimits()) as batcher:
        one, other = (asyncio.create_task(batcher.put(x, 1)) for x in "ab")
        await asyncio.sleep(0.5)
        one.cancel()
        await other
    assert sent.batches == [["a", "b"]]
    assert one.cancelled()


@on_virtual_clock
async def test_entry_times_out_while_its_batch_goes_on() -> None:
    sent, loop = Sent(seconds=10), asyncio.get_running_loop()
    async with run_batcher(sent, BatchLimits(queue_timeout=1.5)) as batcher:
        asked = loop.time()
        answers = put_all(batcher, "ab")
        assert await answers == ["BatchTimeout", "BatchTimeout"]
        assert 1.5 <= loop.time() - asked <= 1.5 + 2 * SWEEP_SECONDS
        later = asyncio.create_task(batcher.put("c", 1))
        with pytest.raises(BatchTimeout):
            await later
        await asyncio.sleep(10)
        sent.seconds = 0
        assert await put_all(batcher, "d") == ["sent"]
    # An entry that timed out in the queue is not sent: its sender tries again.
    assert sent.batches == [["a", "b"], ["d"]]


@on_virtual_clock
async def test_entry_without_a_timeout_waits_for_its_batch() -> None:
    async with run_batcher(Sent(seconds=1000), BatchLimits()) as batcher:
        await batcher.put("a", 1)


@on_virtual_clock
async def test_batcher_that_stops_in_the_middle_of_a_batch_cancels_its_waiters() -> None:
    sent = Sent(seconds=10)
    async with run_batcher(sent, BatchLimits()) as batcher:
        waiting = asyncio.create_task(batcher.put("a", 1))
        await asyncio.sleep(1)
    with pytest.raises(asyncio.CancelledError):
        await waiting


@on_virtual_clock
async def test_batcher_counts_seconds_since_its_last_progress() -> None:
    sent = Sent(seconds=2, error=OSError("away"))
    async with run_batcher(sent, BatchLimits(queue_timeout=1.0)) as batcher:
        assert (batcher.seconds_since_progress, batcher.unanswered) == (0.0, 0)
        assert await put_all(batcher, "ab") == ["BatchTimeout", "BatchTimeout"]
        assert batcher.seconds_since_progress >= 1
        assert batcher.unanswered == 2, "they are still on their way"
        await asyncio.sleep(3)
        assert batcher.seconds_since_progress >= 4, "also without anyone waiting"
        assert batcher.unanswered == 0
        sent.seconds, sent.error = 0.5, None
        assert await put_all(batcher, "c") == ["sent"]
        assert batcher.seconds_since_progress == 0.0
        first = asyncio.create_task(batcher.put("d", 1))
        await asyncio.sleep(0.25)
        later = asyncio.create_task(batcher.put("e", 1))
        await first
        assert batcher.seconds_since_progress == pytest.approx(0.25), "the oldest that still waits"
        await later


@pytest.mark.slow
def test_failed_batch_is_freed_with_its_errors() -> None:
    """The batch is free before the collector of cycles has looked: it counts objects, which may be
    large."""

    class Body:
        pass

    async def failing(batch: list[Any]) -> None:
        try:
            raise ConnectionError
        except ConnectionError as error:
            raise RuntimeError(len(batch)) from error

    async def put(batcher: Batcher[Any], gone: "weakref.WeakSet[Body]") -> None:
        body = Body()
        gone.add(body)
        with suppress(RuntimeError):
            await batcher.put(body, 1)

    async def work() -> None:
        bodies: weakref.WeakSet[Body] = weakref.WeakSet()
        async with run_batcher(failing, BatchLimits()) as batcher:
            for _ in range(3):
                await asyncio.gather(*[put(batcher, bodies) for _ in range(5)])
            await asyncio.sleep(1)
            assert not list(bodies)

    gc.collect()
    gc.disable()
    try:
        run(work())
    finally:
        gc.enable()
