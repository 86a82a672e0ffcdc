"""The archive as routes of the privacy officer use it: transactions, and how many at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from archiver.encryption.key_store import KeyStore
from services.api.turns import turn
from services.config.model import Configuration
from services.files.object_store import ObjectStore
from services.http.rights import Rights
from services.postgres.database import Connection, Pool

AT_ONCE = 3
"""Transactions at a time, of the connections of the archiver. One of them may be a report."""
WORK_SECONDS = 60.0
"""Longest time of one: the largest report takes some ten seconds."""


class PrivacyArchive:
    """`config` returns the configuration that holds now."""

    def __init__(
        self,
        pool: Pool,
        keys: KeyStore,
        config: Callable[[], Configuration],
        objects: ObjectStore,
    ) -> None:
        self.keys, self.objects, self._pool, self._config = keys, objects, pool, config
        self._turns = asyncio.Semaphore(AT_ONCE)

    @property
    def config(self) -> Configuration:
        return self._config()

    def reaches_all(self, rights: Rights) -> bool:
        """Return True for a token that reaches every department, confidential ones too."""
        config = self.config
        configured = {each.id for each in config.departments if each.tenant == rights.tenant}
        return config.tenant(rights.tenant) is not None and rights.handles_all(configured)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Yield the connection of a transaction. Raises Busy, and TimeoutError if it takes too
        long."""
        async with (
            turn(self._turns),
            asyncio.timeout(WORK_SECONDS),
            self._pool.acquire() as connection,
            connection.transaction(),
        ):
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """Yield a connection that reads one moment, for work that has a turn of its own. Raises
        TimeoutError if it takes too long."""
        async with (
            asyncio.timeout(WORK_SECONDS),
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection
