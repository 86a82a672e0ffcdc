"""The sidelined conversations of one destination. Pure.

Their deliveries go from the table alone, in order: none of them holds an envelope of others.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec

from deliverer.crm.lanes import Job
from services.contract import Delivery

TOGETHER = 16
"""Deliveries of one conversation that come in hand at once: the first is tried, the others go when
it passes."""
IN_HAND = 16 * TOGETHER
"""Deliveries from the table, in all; an event is at most 64 KiB: 16 MiB."""


class Waiting(msgspec.Struct, frozen=True):
    """A delivery in the table, how often it failed while others passed, and its attempts."""

    delivery: Delivery
    failed: int
    attempts: int = 0


class Sidelined:
    def __init__(self) -> None:
        self._known: set[str] = set()
        self._being_stored: Counter[str] = Counter()
        """Conversation -> writes under way that hold one of its deliveries."""
        self._stored_since_scan: set[str] = set()
        self._in_hand: Counter[str] = Counter()
        """Conversation -> its deliveries that came from the table and are not settled."""
        self._taken: dict[UUID, int] = {}
        """Delivery -> how many of others had been taken when it failed last."""

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, conversations: set[str]) -> None:
        """These are sidelined: a write of a process that died may have been carried out since."""
        self._known |= conversations
        self._stored_since_scan |= conversations

    def start_storing(self, jobs: Sequence[Job]) -> None:
        """A write of these begins: their conversations are sidelined from here on."""
        conversations = _conversations(jobs)
        self.add(conversations)
        self._being_stored.update(conversations)
        self._taken |= {job.delivery.id: job.successes_at_failure for job in jobs if job.failed}

    def end_storing(self, jobs: Sequence[Job]) -> None:
        """These are in the table."""
        self._being_stored -= Counter(_conversations(jobs))

    def start_scan(self) -> set[str]:
        """Conversations that may have deliveries due. Not one that is being stored: its first
        delivery may be the last to be written."""
        self._stored_since_scan = set(self._being_stored)
        idle = {each for each in self._known if not self._in_hand[each]}
        return idle - self._stored_since_scan

    def update(self, conversations: set[str]) -> None:
        """Conversations in the table: forget others, but for those stored since the scan began."""
        self._known = conversations | self._stored_since_scan | set(self._being_stored)

    def room(self, *, few: bool = False) -> int:
        """Conversations of which deliveries may come in hand; `few`: one at a time."""
        room = (IN_HAND - self._in_hand.total()) // TOGETHER
        return min(room, 0 if self._in_hand else 1) if few else room

    def receive(self, waiting: Sequence[Waiting]) -> list[Job]:
        """Deliveries from the table come in hand."""
        self._in_hand.update(each.delivery.conversation for each in waiting)
        return [self._job(each) for each in waiting]

    def release(self, job: Job, *, settled: bool) -> bool:
        """Return whether it was the last in hand of its conversation: the table may hold more."""
        if settled:
            self._taken.pop(job.delivery.id, None)
        if not job.aside:
            return False
        conversation = job.delivery.conversation
        self._in_hand[conversation] -= 1
        if self._in_hand[conversation]:
            return False
        del self._in_hand[conversation]
        return True

    def _job(self, waiting: Waiting) -> Job:
        return Job(
            waiting.delivery,
            None,
            failed=waiting.failed,
            successes_at_failure=self._taken.get(waiting.delivery.id, 0),
            aside=True,
            before=waiting.attempts,
        )


def _conversations(jobs: Sequence[Job]) -> set[str]:
    """A replay is stored without its conversation."""
    return {job.delivery.conversation for job in jobs if not job.replays}
