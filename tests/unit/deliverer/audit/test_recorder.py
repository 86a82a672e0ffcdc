"""Attempts on their way to the archive: together, bounded, and nobody's wait. The clock jumps."""

import asyncio
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.audit.attempts import Attempt
from deliverer.audit.recorder import (
    FLUSH_SECONDS,
    MAX_WAITING,
    RECORD_LIMITS,
    TOO_MANY,
    attempt_recorder,
)
from deliverer.crm.response_policy import LONGEST_WAIT
from deliverer.transport.response import Response
from services import metrics
from services.amqp.publisher import PublishUnconfirmed
from services.contract import ArchiveBatch, Record
from tests.support.deliverer.delivery_harness import OK, Crm, Hall, of
from tests.support.virtual_clock import run

CONFIRM = 0.01
WINDOW = 256


class Archive:
    """What it took; nothing while it is full."""

    def __init__(self, *, full: bool = False) -> None:
        self.batches: list[list[Record]] = []
        self.full = full
        self.asked = 0

    async def publish(self, key: str, batch: ArchiveBatch, seconds: float) -> None:
        self.asked += 1
        await asyncio.sleep(CONFIRM)
        if self.full:
            raise PublishUnconfirmed("the queue is full", rejected=True)
        self.batches.append(batch.records)

    @property
    def numbers(self) -> list[int]:
        return [
            msgspec.json.decode(record.data)["attempt"] for each in self.batches for record in each
        ]


def attempt(n: int) -> Attempt:
    return Attempt(tenant="almelo", data={"attempt": n})


def unrecorded() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_attempts_unrecorded_total") or 0


def test_recorder_sends_one_attempt_at_once_and_many_in_few_messages() -> None:
    async def work() -> None:
        archive: Any = Archive()
        async with attempt_recorder(archive) as notes:
            notes.record(attempt(0))
            await asyncio.sleep(CONFIRM * 2)
            assert archive.numbers == [0]
            await asyncio.sleep(1)
            for n in range(1, WINDOW + 1):
                notes.record(attempt(n))
                await asyncio.sleep(0.0005)  # they do not all land at once
            await asyncio.sleep(RECORD_LIMITS.min_interval + CONFIRM * 4)
        assert archive.numbers == list(range(WINDOW + 1))
        assert len(archive.batches) <= 3
        ids = [record.id for each in archive.batches for record in each]
        assert len(set(ids)) == WINDOW + 1
        assert {id.version for id in ids} == {7}

    run(work())


@pytest.mark.slow
def test_recorder_bounds_waiting_attempts_when_the_archive_is_full() -> None:
    async def work() -> None:
        archive: Any = Archive(full=True)
        before = unrecorded()
        with capture_logs() as lines:
            async with attempt_recorder(archive) as notes:
                notes.record(attempt(0))
                await asyncio.sleep(1)  # it is on its way
                for n in range(1, MAX_WAITING + 101):
                    notes.record(attempt(n))
                await asyncio.sleep(60)
                assert unrecorded() - before == 100
                archive.full = False
                await asyncio.sleep(60)
                notes.record(attempt(MAX_WAITING + 101))
        assert archive.numbers == [*range(MAX_WAITING + 1), MAX_WAITING + 101]
        assert unrecorded() - before == 100
        said = [line for line in lines if line["event"] == "attempt.unrecorded"]
        assert [line["reason"] for line in said] == [TOO_MANY]

    run(work())


def test_recorder_sends_waiting_attempts_when_it_stops() -> None:
    async def work() -> None:
        archive: Any = Archive()
        async with attempt_recorder(archive) as notes:
            for n in range(600):
                notes.record(attempt(n))
        assert archive.numbers == list(range(600))

    run(work())


def test_recorder_waits_a_bounded_time_when_it_stops_and_the_archive_is_full() -> None:
    async def work() -> None:
        archive: Any = Archive(full=True)
        before, loop = unrecorded(), asyncio.get_running_loop()
        with capture_logs() as lines:
            async with attempt_recorder(archive) as notes:
                for n in range(300):
                    notes.record(attempt(n))
                await asyncio.sleep(1)
                left = loop.time()
        assert loop.time() - left <= FLUSH_SECONDS + 0.1
        assert unrecorded() - before == 300
        [said] = [line for line in lines if line["event"] == "attempt.unrecorded"]
        assert said["count"] == 300

    run(work())


def test_an_end_that_is_cut_short_still_says_what_was_lost() -> None:
    async def leave(archive: Any) -> None:
        async with attempt_recorder(archive) as notes:
            notes.record(attempt(1))
            await asyncio.sleep(1)

    async def work() -> None:
        before, loop = unrecorded(), asyncio.get_running_loop()
        task = asyncio.create_task(leave(Archive(full=True)))
        await asyncio.sleep(2)
        task.cancel()
        began = loop.time()
        await asyncio.wait([task])
        assert task.cancelled() and loop.time() == began
        assert unrecorded() - before == 1

    run(work())


def test_an_archive_that_takes_nothing_holds_up_no_delivery() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        back = loop.time() + 600
        crm = Crm(lambda _: OK if loop.time() > back else Response(status=503))
        archive: Any = Archive(full=True)
        async with attempt_recorder(archive) as notes:
            hall = Hall(crm, window=8, note=notes.record)
            hall.receives(*(of(n, "abcdefgh"[n % 8]) for n in range(24)))
            await hall.works(lambda: hall.channel.acked == [1])
            assert archive.batches == [] and archive.asked > 100
            assert loop.time() < back + 2 * LONGEST_WAIT
            archive.full = False
        assert sorted(s.message.int for s in hall.book.settled if s.message) == list(range(24))
        tries = len(crm.asked) - 24
        assert len(archive.numbers) == tries > 20

    run(work())
