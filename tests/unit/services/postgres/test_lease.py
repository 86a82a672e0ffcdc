"""Leases: renewed while the work takes, and released at the end of a process."""

import asyncio
from itertools import pairwise

import asyncpg
from structlog.testing import capture_logs

from services.postgres.lease import LEASE_SECONDS, release_leases, renewed_lease
from tests.support.virtual_clock import run


class Row:
    """A claimed row, whose database is away for the first `failures` statements."""

    def __init__(self, failures: int = 0) -> None:
        self.failures, self.renewed_at = failures, list[float]()

    async def renew(self) -> None:
        if self.failures:
            self.failures -= 1
            raise asyncpg.ConnectionDoesNotExistError
        self.renewed_at.append(asyncio.get_running_loop().time())

    async def work(self, seconds: float) -> None:
        async with renewed_lease(self.renew, "media"):
            await asyncio.sleep(seconds)

    def longest_gap(self, begin: float, end: float) -> float:
        times = [begin, *self.renewed_at, end]
        return max(after - before for before, after in pairwise(times))


def test_lease_is_renewed_in_time_while_the_work_takes() -> None:
    async def play() -> None:
        row, begin = Row(failures=3), asyncio.get_running_loop().time()
        await row.work(10 * LEASE_SECONDS)
        assert row.longest_gap(begin, asyncio.get_running_loop().time()) < LEASE_SECONDS / 2
        count = len(row.renewed_at)
        await asyncio.sleep(LEASE_SECONDS)
        assert len(row.renewed_at) == count, "nothing is renewed once the work is done"

    run(play())


def test_lease_is_not_renewed_by_short_work_or_after_a_cancellation() -> None:
    async def play() -> None:
        row = Row()
        await row.work(1)
        task = asyncio.create_task(row.work(LEASE_SECONDS))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(2 * LEASE_SECONDS)
        assert task.cancelled() and row.renewed_at == []

    run(play())


def test_release_gives_up_on_a_database_that_fails_or_hangs() -> None:
    async def play() -> None:
        begin = asyncio.get_running_loop().time()
        await release_leases(Row(failures=1).renew(), "media")
        await release_leases(asyncio.sleep(3600), "media")
        assert asyncio.get_running_loop().time() < begin + 5

    with capture_logs() as lines:
        run(play())
    assert [line["event"] for line in lines] == ["media.not_let_go"] * 2
