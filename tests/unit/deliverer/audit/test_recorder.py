"""Attempts on their way to the archive: in batches, bounded, and never delaying a delivery."""

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
from tests.support.deliverer.delivery_harness import Crm, Harness, fail_for, now, spread

CONFIRM = 0.01
WINDOW = 256


class Archive:
    """Notes what it took; takes nothing while it is full."""

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
    def records(self) -> list[Record]:
        return [record for batch in self.batches for record in batch]

    @property
    def numbers(self) -> list[int]:
        return [msgspec.json.decode(record.data)["attempt"] for record in self.records]


def attempts(*numbers: int) -> list[Attempt]:
    return [Attempt(tenant="almelo", data={"attempt": n}) for n in numbers]


def unrecorded() -> float:
    return metrics.REGISTRY.get_sample_value("postkamer_attempts_unrecorded_total") or 0


async def test_recorder_sends_one_attempt_at_once_and_many_in_few_messages() -> None:
    archive: Any = Archive()
    async with attempt_recorder(archive) as notes:
        notes.record(*attempts(0))
        await asyncio.sleep(CONFIRM * 2)
        assert archive.numbers == [0]
        await asyncio.sleep(1)
        for attempt in attempts(*range(1, WINDOW + 1)):
            notes.record(attempt)
            await asyncio.sleep(0.0005)  # they do not all land at once
        await asyncio.sleep(RECORD_LIMITS.min_interval + CONFIRM * 4)
        assert archive.numbers == list(range(WINDOW + 1))
        assert len(archive.batches) <= 3
        for attempt in attempts(*range(WINDOW + 1, 600)):
            notes.record(attempt)
    assert archive.numbers == list(range(600)), "those that waited as it stopped are sent as well"
    ids = {record.id for record in archive.records}
    assert len(ids) == 600 and {id.version for id in ids} == {7}


@pytest.mark.slow
async def test_recorder_bounds_waiting_attempts_when_the_archive_is_full() -> None:
    archive: Any = Archive(full=True)
    before = unrecorded()
    with capture_logs() as lines:
        async with attempt_recorder(archive) as notes:
            notes.record(*attempts(0))
            await asyncio.sleep(1)  # it is on its way
            for attempt in attempts(*range(1, MAX_WAITING + 101)):
                notes.record(attempt)
            await asyncio.sleep(60)
            assert unrecorded() - before == 100
            archive.full = False
            await asyncio.sleep(60)
            notes.record(*attempts(MAX_WAITING + 101))
    assert archive.numbers == [*range(MAX_WAITING + 1), MAX_WAITING + 101]
    assert unrecorded() - before == 100
    reasons = [line["reason"] for line in lines if line["event"] == "attempt.unrecorded"]
    assert reasons == [TOO_MANY]


async def test_recorder_stops_in_bounded_time_when_the_archive_is_full() -> None:
    before = unrecorded()
    archive: Any = Archive(full=True)
    with capture_logs() as lines:
        async with attempt_recorder(archive) as notes:
            for attempt in attempts(*range(300)):
                notes.record(attempt)
            await asyncio.sleep(1)
            left = now()
    assert now() - left <= FLUSH_SECONDS + 0.1
    assert unrecorded() - before == 300
    assert [line["count"] for line in lines if line["event"] == "attempt.unrecorded"] == [300]


async def test_cancelled_recorder_counts_the_attempts_that_it_loses() -> None:
    archive: Any = Archive(full=True)

    async def leave() -> None:
        async with attempt_recorder(archive) as notes:
            notes.record(*attempts(1))
            await asyncio.sleep(1)

    before = unrecorded()
    task = asyncio.create_task(leave())
    await asyncio.sleep(2)
    task.cancel()
    began = now()
    await asyncio.wait([task])
    assert task.cancelled() and now() == began
    assert unrecorded() - before == 1


async def test_full_archive_delays_no_delivery() -> None:
    back = now() + 600
    archive: Any = Archive(full=True)
    crm = Crm(fail_for(600, Response(status=503)))
    async with attempt_recorder(archive) as notes:
        harness = Harness(crm, window=8, note=notes.record)
        await harness.deliver(*spread(range(24), "abcdefgh"))
        assert archive.batches == [] and archive.asked > 100
        assert now() < back + 2 * LONGEST_WAIT
        archive.full = False
    assert sorted(s.message.int for s in harness.settled() if s.message) == list(range(24))
    assert len(archive.numbers) == len(crm.asked) - 24 > 20
