"""Ten times more senders than are ever busy, without a pause: every one of them gets an answer."""

import asyncio
import os
import sys
from collections.abc import Callable

import aiohttp
import msgspec
import pytest

from tests.support.citizens import post, text, webhook
from tests.support.faults import load_generator
from tests.support.faults.load_generator import Outcome
from tests.support.installation import ROOT, Installation
from tests.support.observer import Watch, until

pytestmark = pytest.mark.alone

CONNECTIONS = 2560
SECONDS = float(os.environ.get("POSTKAMER_TEST_OVERLOAD_SECONDS", "6"))
"""60 for the whole promise; 6 show whether it holds."""
ANSWER_SECONDS = 10.0
"""Seconds of the slowest answer: senders, broker and all services share two cores."""
MORE_MIB = 160.0
"""Growth that the gateway may have: 2,560 connections of some 32 KiB with a request and an answer
each, 1,024 requests in hand, and batches on their way."""
FLAT_MIB = 24.0
"""Growth that it may have after the door was closed once."""
PAUSES = (1 / 3, 2 / 3)
"""Shares of the load after which the broker pauses."""
HELD_UP_SECONDS = 1.0
"""Less than who waits is told that it took too long."""
NORMAL_SECONDS = 10.0
QUICK_SECONDS = 1.0


async def overload(port: int, run: str, there: asyncio.Event) -> Outcome:
    """Load the door; `there` is set when all senders are."""
    command = (
        sys.executable,
        "-m",
        load_generator.__name__,
        str(port),
        str(CONNECTIONS),
        str(SECONDS),
    )
    process = await asyncio.create_subprocess_exec(
        *command, run, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    assert await process.stdout.readline() == b"there\n"
    there.set()
    output = await process.stdout.read()
    assert await process.wait() == 0
    return msgspec.json.decode(output, type=Outcome)


async def pause_broker(town: Installation, there: asyncio.Event) -> float:
    """Pause the broker twice, so that requests pile up until the door closes. Without it the
    senders wait in their sockets and all are taken in. Return when the second pause began."""
    loop = asyncio.get_running_loop()
    await there.wait()
    began = loop.time()
    for share in PAUSES:
        last = began + share * SECONDS
        await asyncio.sleep(last - loop.time())  # until then, and for so long: both are the load
        town.broker.pause()
        try:
            await asyncio.sleep(HELD_UP_SECONDS)
        finally:
            town.broker.resume()
    return last


async def sample(
    look: Callable[[], float], until_done: "asyncio.Task[Outcome]"
) -> list[tuple[float, float]]:
    """Return the times and what was seen then."""
    loop, found = asyncio.get_running_loop(), []
    while not until_done.done():
        found.append((loop.time(), look()))
        await asyncio.sleep(0.1)
    return found


@pytest.mark.timeout(300 + 15 * SECONDS)
async def test_overloaded_gateway_answers_everyone_in_bounded_memory(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    loop = asyncio.get_running_loop()

    async def is_quick(n: int) -> bool:
        started = loop.time()
        body = webhook(text(f"calm {n}", f"wamid.calm.{n}", n))
        status = await post(session, town.gateway, body)
        return status == 200 and loop.time() - started < QUICK_SECONDS

    assert all([await is_quick(n) for n in range(100)])
    before = town.memory("gateway")
    port = town.ports["POSTKAMER_GATEWAY_PORT"]
    there = asyncio.Event()
    loading = asyncio.create_task(overload(port, "flood", there))
    holding = asyncio.create_task(pause_broker(town, there))
    sizes = await sample(lambda: town.memory("gateway"), loading)
    outcome, again = await loading, await holding
    most = max(mib for _, mib in sizes)
    once = max(mib for at, mib in sizes if at < again)

    ended = loop.time()
    numbers = iter(range(1000, 10**6))

    async def twenty_quick() -> bool:
        return all([await is_quick(next(numbers)) for _ in range(20)])

    await until(twenty_quick, bool, NORMAL_SECONDS)
    back = loop.time() - ended
    print(
        f"{outcome.statuses}, slowest {outcome.slowest:.2f} s, back after {back:.2f} s;"
        f" {before:.0f} MiB, {once:.0f} MiB once, at most {most:.0f} MiB"
    )

    assert set(outcome.statuses) == {200, 503}
    assert (outcome.broken, outcome.hanging, outcome.without_retry_after) == (0, 0, 0)
    assert outcome.slowest < ANSWER_SECONDS
    assert most < before + MORE_MIB
    assert most < once + FLAT_MIB
    assert len(outcome.taken) == len(set(outcome.taken)) == outcome.statuses[200]

    def numbers_of(rows: list[tuple[str, str]]) -> list[int]:
        return [int(said.rpartition(" ")[2]) for _, said in rows]

    # Of those who were told 503 some are in the archive too: their confirm came too late.
    archived = await until(
        lambda: watch.archived("flood "),
        lambda rows: set(outcome.taken) <= set(numbers_of(rows)),
        120 + 10 * SECONDS,
    )
    assert len(archived) == len(set(numbers_of(archived)))
