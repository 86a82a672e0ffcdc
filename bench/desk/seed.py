"""Conversations that wait when the load begins, brought in through the whole town."""

import asyncio
import time

import aiohttp

from bench.desk.people import WORDS, department_of
from bench.desk.town import DeskTown
from services.postgres.database import Pool
from tests.support.citizens import post, text, webhook

BODY = 25
"""Messages of one webhook."""
LONGEST_SECONDS = 300.0
POLL_SECONDS = 0.2
STILL_SECONDS = 2.0
"""Time without a new record after which the archive has everything."""


async def seed(
    town: DeskTown, http: aiohttp.ClientSession, pool: Pool, known: int, to: int
) -> None:
    """Have citizens number `known` to `to` write, and wait until desk and archive know of all."""
    for first in range(known, to, BODY):
        numbers = range(first, min(first + BODY, to))
        messages = [text(WORDS[department_of(n)], f"wamid.seed.{n}", n) for n in numbers]
        status = await post(http, town.gateway, webhook(*messages))
        if status != 200:
            raise RuntimeError(f"a webhook was answered {status}")
    deadline = time.monotonic() + LONGEST_SECONDS
    size, changed = -1, time.monotonic()
    while time.monotonic() - changed < STILL_SECONDS:
        waiting = await pool.fetchval("select count(*) from desk.conversation where is_open")
        now = await pool.fetchval("select size from archiver.head")
        if now != size or waiting < to:
            size, changed = now, time.monotonic()
        town.must_run()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{waiting} of {to} conversations came to the desk")
        await asyncio.sleep(POLL_SECONDS)
    await pool.execute("analyze")
