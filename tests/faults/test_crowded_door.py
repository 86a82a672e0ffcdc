"""Strangers who fill the door with silence and half bodies: others are served as before, and the
memory comes back."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.support.citizens import post, text, webhook
from tests.support.faults import strangers
from tests.support.installation import ROOT, Installation
from tests.support.observer import Watch, until

pytestmark = pytest.mark.alone

STRANGER, OTHER = "127.0.0.1", "127.0.0.2"
HALVES, IDLE = 500, 3000
CROWD = [f"127.{network}.0.{n}" for network in (1, 2, 3) for n in (1, 2)]
OF_CROWD = 128
"""Half bodies of each address of a crowd, which come again whenever they are refused: in all more
than strangers have places."""
WARMING, OTHERS = 100, 100
PAUSE_SECONDS = 0.02
"""Pause between two of the others: the pace of a busy town."""
SERVED_SECONDS = 0.1
"""Seconds of an answer to others, from a new connection on."""
SERVED = 0.95
"""Share of the others who are answered within these: the rest is what a machine with two cores and
all services on it does at times, also without strangers."""
BACK_SECONDS = 60.0
BACK = 1.1
"""Times the memory of before, at most."""
REFUSED = "postkamer_door_refused_total"


@asynccontextmanager
async def strangers_at(
    port: int, hosts: Sequence[str], halves: int, idle: int
) -> AsyncIterator["asyncio.Task[bytes]"]:
    """Strangers on their way; the task ends when all are there."""
    numbers = (str(each) for each in (port, halves, idle))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", strangers.__name__, ",".join(hosts), *numbers),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin and process.stdout
    arriving = asyncio.create_task(process.stdout.readline())
    try:
        yield arriving
    finally:
        process.stdin.close()
        await process.wait()
        await arriving


class Others:
    """Senders of another address, each on a connection of its own, one after the other."""

    def __init__(self, town: Installation, session: aiohttp.ClientSession) -> None:
        self._town, self._session = town, session
        self.seconds: list[float] = []

    async def write(self) -> None:
        loop, n = asyncio.get_running_loop(), len(self.seconds)
        body = webhook(text(f"other {n}", f"wamid.other.{n}", n))
        started = loop.time()
        assert await post(self._session, self._town.gateway, body) == 200
        self.seconds.append(loop.time() - started)


@pytest.mark.timeout(180)
async def test_others_are_served_beside_a_crowd_and_memory_comes_back(
    town: Installation, watch: Watch
) -> None:
    connector = aiohttp.TCPConnector(local_addr=(OTHER, 0), force_close=True)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        others = Others(town, session)
        for _ in range(WARMING):
            await others.write()
        calm, before = max(others.seconds[WARMING // 2 :]), town.memory("gateway")
        others.seconds, most, port = [], before, town.ports["POSTKAMER_GATEWAY_PORT"]
        async with strangers_at(port, [STRANGER], HALVES, IDLE) as arriving:
            while not arriving.done() or len(others.seconds) < OTHERS:
                await others.write()
                await asyncio.sleep(PAUSE_SECONDS)
                most = max(most, town.memory("gateway"))
            assert arriving.result() == b"there\n"
            refused = await watch.metric("gateway", REFUSED)
        times = sorted(others.seconds)
        async with strangers_at(port, CROWD, OF_CROWD, 0) as arriving:
            assert await arriving == b"there\n"
            for _ in range(OTHERS):
                await others.write()
            most = max(most, town.memory("gateway"))

            async def memory() -> float:
                return town.memory("gateway")

            began = asyncio.get_running_loop().time()
            after = await until(memory, lambda mib: mib <= BACK * before, BACK_SECONDS)
            back = asyncio.get_running_loop().time() - began
    served = times[int(SERVED * len(times))]
    print(
        f"{len(times)} others, {served:.3f} s, slowest {times[-1]:.3f} s ({calm:.3f} s alone);"
        f" {before:.0f} MiB, at most {most:.0f} MiB, {after:.0f} MiB after {back:.0f} s;"
        f" {refused:.0f} refused"
    )
    assert served < SERVED_SECONDS
    assert refused > IDLE / 2
