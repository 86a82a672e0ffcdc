"""A connection that stays from one question of a test to the next: to start `psql` for each, and to
log in, takes ten times the work of an answer. Its event loop has a thread of its own, because each
test has its own loop."""

import asyncio
import io
import re
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg

from services.postgres.database import DATABASE_ERRORS, SESSION_SETTINGS, Pool

T = TypeVar("T")
ANSWER_SECONDS = 60.0
"""Longest time of an answer, as for `psql`."""
CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class KeptPool:
    """A pool of one connection to a server that may be killed and started again."""

    def __init__(self) -> None:
        self._is_asked = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._runner: asyncio.Runner | None = None
        self._pool: Pool | None = None
        self._url = ""

    def run(self, url: str, ask: Callable[[Pool], Awaitable[T]]) -> T | None:
        """Return what is asked; None while another thread asks, and for any error: who asks then
        has a connection of their own to hear it from."""
        if not self._is_asked.acquire(blocking=False):
            return None
        try:
            self._thread = self._thread or ThreadPoolExecutor(1, "kept-pool")
            return self._thread.submit(self._run, url, ask).result()
        except DATABASE_ERRORS:
            return None
        finally:
            self._is_asked.release()

    def _run(self, url: str, ask: Callable[[Pool], Awaitable[T]]) -> T:
        if self._url != url:
            self._end()
        self._url, self._runner = url, self._runner or asyncio.Runner()
        return self._runner.run(self._ask(ask))

    async def _ask(self, ask: Callable[[Pool], Awaitable[T]]) -> T:
        if self._pool is None:
            shown = {"application_name": "test", **SESSION_SETTINGS}
            self._pool = await asyncpg.create_pool(
                self._url, min_size=0, max_size=1, server_settings=shown
            )
        async with asyncio.timeout(ANSWER_SECONDS):
            return await ask(self._pool)

    def close(self) -> None:
        """Let the connection go; the next question makes another."""
        with self._is_asked:
            if self._thread:
                with self._thread as thread:
                    thread.submit(self._end)
                self._thread = None

    def _end(self) -> None:
        if self._runner:
            with self._runner:
                if self._pool:
                    self._pool.terminate()
                    # A transport says in the loop's next turn that it is closed.
                    self._runner.run(asyncio.sleep(0))
        self._runner = self._pool = None


async def fetch_text(pool: Pool, query: str) -> str:
    """Return the rows of a query as `psql` prints them without a frame."""
    output = io.BytesIO()
    async with pool.acquire() as connection:
        await connection.copy_from_query(query, output=output, delimiter="|", null="")
    found = re.sub(r"\\(.)", _unescape, output.getvalue().decode(), flags=re.DOTALL)
    return found.strip()


def _unescape(escaped: re.Match[str]) -> str:
    return CONTROLS.get(escaped[1], escaped[1])
