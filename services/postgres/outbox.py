"""Outboxes: rows that wait to be published, and the relay that publishes them.

A row is published after the transaction that wrote it, and marked after its receiver has confirmed.
A relay that ends in between publishes it again with the same id, so the receiver drops the repeat.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from services.postgres.database import retry_while_unavailable
from services.postgres.lookout import Lookout, Pause

LIMIT = 256
"""Entries published at a time: under 128 KiB."""
SUSPEND_SECONDS = 10.0
"""Pause for a number whose partition did not confirm; entries of other numbers go on."""
POLL_SECONDS = 1.0
"""Interval between polls for unpublished entries."""

Entry = TypeVar("Entry")


class Outbox(NamedTuple, Generic[Entry]):
    """Functions that read and mark the rows of one outbox."""

    name: str
    """Name in the log while the database is unavailable."""
    fetch_unpublished: Callable[[int, Sequence[str]], Awaitable[list[Entry]]]
    """Returns so many unpublished entries, the oldest first, except those suspended."""
    mark_published: Callable[[Sequence[Entry]], Awaitable[object]]
    suspend_by: Callable[[Any], str] = attrgetter("number")
    """Returns the key under which an unconfirmed entry, and those like it, are suspended."""
    poll_seconds: float = POLL_SECONDS
    waits: str = ""
    """Condition of a `Lookout`: true while entries are unpublished. Without it, polls find them."""


class Relay(Generic[Entry]):
    """Publishes the entries of an outbox."""

    def __init__(
        self,
        outbox: Outbox[Entry],
        publish: Callable[[list[Entry]], Awaitable[Sequence[Entry]]],
        seconds: float = SUSPEND_SECONDS,
    ) -> None:
        """`publish` returns the entries that were confirmed; the others are suspended for so many
        seconds."""
        self._outbox, self._publish, self._seconds = outbox, publish, seconds
        self._suspended: dict[str, float] = {}
        """Key -> end of its pause, on the loop's clock. Each poll adds at most LIMIT."""

    async def run(self, lookout: Lookout | None = None) -> None:
        """Publish entries for as long as this runs."""
        waits, seconds = self._outbox.waits, self._outbox.poll_seconds
        pause = lookout.pause_until(waits, seconds) if lookout and waits else None
        await run_relay(self.publish_batch, pause or partial(asyncio.sleep, seconds))

    async def publish_batch(self) -> int:
        """Publish the oldest entries and mark those confirmed; return their number."""
        name, fetch_unpublished, mark_published, suspend_by, *_ = self._outbox
        now = asyncio.get_running_loop().time()
        self._suspended = {key: until for key, until in self._suspended.items() if until > now}
        fetch = partial(fetch_unpublished, LIMIT, list(self._suspended))
        entries = await retry_while_unavailable(fetch, name)
        if not entries:
            return 0
        published = await self._publish(entries)
        if published:
            await retry_while_unavailable(partial(mark_published, published), name)
        until = asyncio.get_running_loop().time() + self._seconds
        unconfirmed = {*map(suspend_by, entries)}.difference(map(suspend_by, published))
        self._suspended |= dict.fromkeys(unconfirmed, until)
        return len(published)


async def run_relay(publish_batch: Callable[[], Awaitable[int]], pause: Pause) -> None:
    """Publish batches for as long as this runs, with a pause after each that was not full."""
    while True:
        if await publish_batch() < LIMIT:
            await pause()
