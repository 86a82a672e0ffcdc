"""The bare ceilings: a page of the same bytes by aiohttp alone, and the query of a list alone.

They are asked beside the load, twice a second, so that what the machine does to them it also does
to the desk.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import aiohttp

from bench.desk.notes import BARE_PAGE, BARE_QUERY, Notes
from bench.servers import run_command
from deploy.local.state import free_port
from services.postgres.database import Pool

PAUSE_SECONDS = 0.5
QUERY = """
select id, content from desk.conversation
where department = any($1) and is_open and waiting_since is not null
order by waiting_since limit 50
"""
DEPARTMENTS = ["burgerzaken"]


class Ceilings:
    def __init__(self, http: aiohttp.ClientSession, page: str, pool: Pool) -> None:
        self._http, self._page, self._pool = http, page, pool

    async def fetch_page(self, notes: Notes) -> None:
        while True:
            began = time.monotonic()
            async with self._http.get(self._page) as answer:
                body = await answer.read()
            notes.note_page(BARE_PAGE, began, len(body))
            await asyncio.sleep(PAUSE_SECONDS)

    async def ask_query(self, notes: Notes) -> None:
        while True:
            began = time.monotonic()
            rows = await self._pool.fetch(QUERY, DEPARTMENTS)
            notes.note_page(BARE_QUERY, began, sum(len(row["content"]) for row in rows))
            await asyncio.sleep(PAUSE_SECONDS)


@contextmanager
def serve_bare_page(size: int, settings: Mapping[str, str]) -> Iterator[str]:
    """Serve a page of so many bytes from a process of its own; yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "bench.baselines.page", str(port), str(size)]
    with run_command(command, port, settings):
        yield f"http://127.0.0.1:{port}/"
