"""Who stands aside is known before, while and after it is written, whoever was writing it."""

import asyncio
from collections.abc import Collection, Sequence

from handover import delivery
from timeless import run

from deliverer.crm.lanes import Job
from deliverer.crm.sidelined import Sidelined
from deliverer.crm.sidelined_store import SidelinedDelivery


class Rows:
    """A table; `held` back are writes of deliveries with these numbers."""

    def __init__(self) -> None:
        self.rows: list[Job] = []
        self.held: set[int] = set()
        self.goes_on = asyncio.Event()

    async def conversations(self, destination: str) -> set[str]:
        await asyncio.sleep(0.01)
        return {job.delivery.conversation for job in self.rows}

    async def keep(self, destination: str, jobs: Sequence[Job], wait: float) -> None:
        if self.held & {job.delivery.sequence for job in jobs}:
            await self.goes_on.wait()
        self.rows += jobs

    async def due(
        self, destination: str, conversations: Collection[str], most: int
    ) -> list[SidelinedDelivery]:
        await asyncio.sleep(0.01)
        theirs = [job for job in self.rows if job.delivery.conversation in conversations]
        theirs.sort(key=lambda job: job.delivery.sequence)
        return [SidelinedDelivery(job.delivery, job.failed) for job in theirs]


def of(n: int) -> Job:
    return Job(delivery(n, "a"), None, failed=int(n == 1))


def numbers(jobs: list[Job]) -> list[int]:
    return [job.delivery.sequence for job in jobs]


def test_what_comes_behind_is_not_taken_before_the_first_is_written() -> None:
    async def work() -> None:
        rows = Rows()
        standing = Sidelined("crm", rows)
        rows.held = {1}
        first = asyncio.create_task(standing.store([of(1)], 30))
        await asyncio.sleep(0)
        assert "a" in standing
        await standing.store([of(2)])
        assert numbers(await standing.due()) == [] and "a" in standing
        rows.goes_on.set()
        await first
        assert numbers(await standing.due()) == [1, 2]

    run(work())


def test_what_somebody_who_died_wrote_late_is_found_all_the_same() -> None:
    async def work() -> None:
        rows = Rows()
        standing = Sidelined("crm", rows)
        await standing.load()
        assert len(standing) == 0
        rows.rows = [of(1), of(2)]
        await standing.due()
        assert "a" in standing
        jobs = await standing.due()
        assert numbers(jobs) == [1, 2] and all(job.aside for job in jobs)
        assert await standing.due() == [], "they are in hand"

    run(work())


def test_who_is_added_stays_until_the_table_says_otherwise_and_no_longer() -> None:
    async def work() -> None:
        rows = Rows()
        standing = Sidelined("crm", rows)
        look = asyncio.create_task(standing.due())
        await asyncio.sleep(0.005)
        standing.add({"a"})
        await look
        assert "a" in standing
        await standing.due()
        assert "a" not in standing

    run(work())


def test_the_last_in_hand_asks_for_more() -> None:
    async def work() -> None:
        rows = Rows()
        standing = Sidelined("crm", rows)
        await standing.store([of(1), of(2)])
        first, second = await standing.due()
        assert not standing.release(first, settled=True)
        assert standing.release(second, settled=True)
        assert not standing.release(of(3), settled=True), "it did not come from the table"

    run(work())
