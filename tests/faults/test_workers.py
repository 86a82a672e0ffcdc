"""Several gateways on one port: one that is killed is missed by nobody, and comes back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from deploy.local.process import Process
from deploy.local.process_tree import alive, descendants
from gateway.process_supervisor import OPERATIONS_STEP
from tests.citizens import post, text, webhook
from tests.installation import Installation, answers
from tests.watching import Watch, until

WORKERS = 2
CITIZENS, EACH = 40, 50


@pytest.fixture
async def gateways(town: Installation) -> AsyncIterator[Process]:
    """Workers in the place of the one gateway."""
    single = town.services["gateway"]
    await asyncio.to_thread(single.stop)
    settings = dict(single.program.environment) | {"POSTKAMER_GATEWAY_WORKERS": str(WORKERS)}
    process = Process(replace(single.program, environment=settings))
    process.start()
    try:
        await until(lambda: ready(town), lambda all_of_them: all_of_them, 30)
        yield process
    finally:
        await asyncio.to_thread(process.stop)
        single.start()
        await asyncio.to_thread(town.wait_until_ready, "gateway")


def operations(town: Installation, worker: int) -> str:
    port = int(town.operations("gateway").rpartition(":")[2]) + OPERATIONS_STEP * worker
    return f"http://127.0.0.1:{port}"


async def ready(town: Installation) -> bool:
    urls = [f"{operations(town, n)}/health/ready" for n in range(WORKERS)]
    return all([await asyncio.to_thread(answers, url) for url in urls])


async def taken(session: aiohttp.ClientSession, town: Installation, worker: int) -> float:
    """How many webhooks one worker has answered 200."""
    async with session.get(f"{operations(town, worker)}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    name = 'postkamer_webhook_requests_total{status="200"}'
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def children(process: Process) -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return sorted(map(int, path.read_text().split()))


class Writing:
    """Many citizens at once, each message on a connection of its own until it is taken."""

    def __init__(self, town: Installation, run: str) -> None:
        self.texts = [f"{run} {c} {n}" for c in range(CITIZENS) for n in range(EACH)]
        self.unanswered = self.taken = 0
        self.task = asyncio.create_task(self._all(town, run))

    async def _all(self, town: Installation, run: str) -> None:
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            await asyncio.gather(*(self._one(session, town, run, n) for n in range(CITIZENS)))

    async def _one(
        self, session: aiohttp.ClientSession, town: Installation, run: str, citizen: int
    ) -> None:
        for n in range(EACH):
            said = f"{run} {citizen} {n}"
            body = webhook(text(said, f"wamid.{run}.{citizen}.{n}", citizen))
            while (status := await post(session, town.gateway, body)) != 200:
                assert status in (0, 503)
                self.unanswered += status == 0
                await asyncio.sleep(0.02)  # the sender's wait between two attempts
            self.taken += 1

    async def reach(self, count: int) -> None:
        async def now() -> int:
            return self.taken

        await until(now, lambda n: n >= count, 60)
        assert not self.task.done()


async def test_a_worker_that_is_killed_is_missed_by_nobody_and_comes_back(
    town: Installation, gateways: Process, watch: Watch, session: aiohttp.ClientSession
) -> None:
    writing = Writing(town, "workers")
    await writing.reach(400)
    assert all([await taken(session, town, n) > 0 for n in range(WORKERS)]), "both have some"
    before = children(gateways)
    victim = before[1]
    os.kill(victim, signal.SIGKILL)
    await writing.reach(writing.taken + 300)
    await writing.task
    # Only what the victim had in hand was not answered; the connections go to the others at once.
    assert writing.unanswered <= CITIZENS
    archived = await until(
        lambda: watch.archived("workers "), lambda rows: len(rows) >= len(writing.texts), 60
    )
    assert sorted(said for _, said in archived) == sorted(writing.texts)
    await until(lambda: ready(town), lambda all_of_them: all_of_them, 30)
    now = children(gateways)
    assert len(now) == WORKERS and victim not in now and len(set(now) & set(before)) == WORKERS - 1


async def test_a_supervisor_that_is_stopped_drains_all_and_one_that_is_killed_leaves_nobody(
    town: Installation, gateways: Process
) -> None:
    family = descendants(gateways.pid)
    assert len(family) >= WORKERS
    writing = Writing(town, "drained")
    await writing.reach(100)
    assert await asyncio.to_thread(gateways.stop), "by itself"
    assert gateways.exit_code == 0
    assert alive(family) == []
    gateways.start()
    await writing.task
    await until(lambda: ready(town), lambda all_of_them: all_of_them, 30)
    family = descendants(gateways.pid)
    os.kill(gateways.pid, signal.SIGKILL)

    async def left() -> list[int]:
        return alive(family)

    await until(left, lambda pids: not pids, 10)


async def test_a_port_that_somebody_has_is_refused_though_workers_could_share_it(
    town: Installation, gateways: Process
) -> None:
    folder = town.folder / "second"
    second = Process(replace(gateways.program, folder=folder))
    second.start()

    async def code() -> int | None:
        return second.exit_code

    assert await until(code, lambda ended: ended is not None, 30) == 1
    assert "in use" in second.program.log.read_text()
