"""The conversations of one destination that stand aside: nothing of these goes but from the table,
in order, so that none of them holds an envelope of others.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial
from typing import Protocol
from uuid import UUID

from deliverer.crm.lanes import Job
from deliverer.crm.sidelined_store import TOGETHER, SidelinedDelivery
from services.postgres.database import retry_while_unavailable

IN_HAND = 16 * TOGETHER
"""Deliveries from the table, in all; an event is at most 64 KiB: 16 MiB."""


class Table(Protocol):
    """`deliverer.crm.sidelined_store.SidelinedStore`."""

    async def conversations(self, destination: str) -> set[str]: ...

    async def insert(self, destination: str, jobs: Sequence[Job], wait: float) -> None: ...

    async def due(
        self, destination: str, conversations: Collection[str], most: int
    ) -> list[SidelinedDelivery]: ...


class Sidelined:
    def __init__(self, destination: str, table: Table) -> None:
        self._destination, self._table = destination, table
        self._known: set[str] = set()
        self._being_stored: Counter[str] = Counter()
        """Conversations of which something is being kept, and how often."""
        self._stored_since_scan: set[str] = set()
        """Of which something was kept since the table was looked at."""
        self._in_hand: Counter[str] = Counter()
        """Conversation -> its deliveries that came from the table and are not settled."""
        self._taken: dict[UUID, int] = {}
        """Delivery -> how many of others had been taken when it failed last."""

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._known

    def __len__(self) -> int:
        return len(self._known)

    async def load(self) -> None:
        """What stood aside before; before anything is delivered."""
        look = partial(self._table.conversations, self._destination)
        self._known = await retry_while_unavailable(look, "aside")

    def add(self, conversations: set[str]) -> None:
        """These do: whoever died while it wrote that down may have been carried out since."""
        self._known |= conversations
        self._stored_since_scan |= conversations

    async def store(self, jobs: Sequence[Job], wait: float = 0.0) -> None:
        """Return when these are in the table, the first one due after so many seconds."""
        whose = {job.delivery.conversation for job in jobs if not job.replays}
        self.add(whose)
        self._being_stored.update(whose)
        self._taken |= {job.delivery.id: job.successes_at_failure for job in jobs if job.failed}
        try:
            keep = partial(self._table.insert, self._destination, jobs, wait)
            await retry_while_unavailable(keep, "aside")
        finally:
            self._being_stored.subtract(whose)

    async def due(self, *, few: bool = False) -> list[Job]:
        """What may be tried by now, to be put in its lane; and forget who stands aside no more.
        `few`: of one conversation, while the destination fails."""
        self._stored_since_scan = self._being_kept()
        # The first of what is being kept may be the last to be written.
        asked = {each for each in self._known if not self._in_hand[each]} - self._stored_since_scan
        look = partial(self._table.conversations, self._destination)
        self._known = (
            await retry_while_unavailable(look, "aside")
            | self._stored_since_scan
            | self._being_kept()
        )
        room = (IN_HAND - self._in_hand.total()) // TOGETHER
        most = min(room, 0 if self._in_hand else 1) if few else room
        if not asked or most <= 0:
            return []
        found = partial(self._table.due, self._destination, asked, most)
        jobs = [self._job(waiting) for waiting in await retry_while_unavailable(found, "aside")]
        self._in_hand.update(job.delivery.conversation for job in jobs)
        return jobs

    def _being_kept(self) -> set[str]:
        return {whose for whose, times in self._being_stored.items() if times}

    def _job(self, waiting: SidelinedDelivery) -> Job:
        taken = self._taken.get(waiting.delivery.id, 0)
        return Job(
            waiting.delivery,
            None,
            failed=waiting.failed,
            successes_at_failure=taken,
            aside=True,
            before=waiting.attempts,
        )

    def release(self, job: Job, *, settled: bool) -> bool:
        """Whether it was the last in hand of its conversation: there may be more in the table."""
        if settled:
            self._taken.pop(job.delivery.id, None)
        if not job.aside:
            return False
        whose = job.delivery.conversation
        self._in_hand[whose] -= 1
        if self._in_hand[whose]:
            return False
        del self._in_hand[whose]
        return True
