"""Mark of how far a partition has published what it decided.

The balance (`archiver.balance`) looks for an event or a record only once its partition has
published it: before that, it is on its way.
"""

import asyncio
from functools import partial

from router.store.store import Store
from services.postgres.database import retry_while_unavailable

MARK_SECONDS = 1.0
"""Minimum interval between two writes of the mark. The balance looks twice a minute."""


class PublishedMark:
    def __init__(self, store: Store, partition: int) -> None:
        self._store, self._partition = store, partition
        self._committed = 0
        self.transaction = 0
        """Last transaction whose output is published."""
        self._advanced = asyncio.Event()

    def begin(self, transaction: int) -> None:
        """Note the transaction of a commit whose output is published next."""
        self._committed = transaction

    def advance(self) -> None:
        """Note that the output of every commit so far is published."""
        if self._committed > self.transaction:
            self.transaction = self._committed
            self._advanced.set()

    async def run(self, epoch: int) -> None:
        """Write the mark while the partition is ours."""
        while True:
            await self._advanced.wait()
            self._advanced.clear()
            save = partial(self._store.mark_published, self._partition, epoch, self.transaction)
            await retry_while_unavailable(save, "published")
            await asyncio.sleep(MARK_SECONDS)
