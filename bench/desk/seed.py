"""Conversations that wait when the load begins, brought in through the whole town."""

import asyncio
import time

import aiohttp

from bench.desk.people import WORDS, department_of
from bench.desk.town import DeskTown
from services.postgres.database import Pool
from tests.support.citizens import post, text, webhook

OPEN = "select count(*) from desk.conversation where is_open"
BODY = 25
"""Messages of one webhook."""
LONGEST_SECONDS = 300.0
POLL_SECONDS = 0.2
STILL_SECONDS = 2.0
"""Time without a new record after which the archive has everything."""


async def seed(
    town: DeskTown, http: aiohttp.ClientSession, pool: Pool, known: int, wanted: int
) -> int:
    """Have new citizens, with the numbers from `known` on, write until so many conversations are
    open, and wait until desk and archive know of all. Return the number of the next citizen."""
    end = known + wanted - int(await pool.fetchval(OPEN))
    for first in range(known, end, BODY):
        numbers = range(first, min(first + BODY, end))
        messages = [text(WORDS[department_of(n)], f"wamid.seed.{n}", n) for n in numbers]
        status = await post(http, town.gateway, webhook(*messages))
        if status != 200:
            raise RuntimeError(f"a webhook was answered {status}")
    await _wait_for(town, pool, wanted)
    await pool.execute("analyze")
    return end


async def _wait_for(town: DeskTown, pool: Pool, wanted: int) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    size, changed = -1, time.monotonic()
    while time.monotonic() - changed < STILL_SECONDS:
        waiting = await pool.fetchval(OPEN)
        now = await pool.fetchval("select size from archiver.head")
        if now != size or waiting < wanted:
            size, changed = now, time.monotonic()
        town.must_run()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{waiting} of {wanted} conversations came to the desk")
        await asyncio.sleep(POLL_SECONDS)
