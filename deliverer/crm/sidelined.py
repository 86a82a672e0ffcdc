"""The sidelined conversations of one destination. Pure.

Their deliveries are made from the table only, in order, so none of them holds up a batch.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import msgspec

from deliverer.crm.lanes import Job
from services.contract import Delivery

PER_CONVERSATION = 16
"""Deliveries of one conversation that are fetched together: the first is tried, the others follow
when it passes."""
IN_HAND = 16 * PER_CONVERSATION
"""Deliveries from the table in hand, in all. An event is at most 64 KiB: 16 MiB."""


class SidelinedDelivery(msgspec.Struct, frozen=True):
    """Delivery in the table, its failures while others passed, and its attempts."""

    delivery: Delivery
    failures: int
    attempts: int = 0


class Sidelined:
    def __init__(self) -> None:
        self._conversations: set[str] = set()
        self._being_stored: Counter[str] = Counter()
        """Conversation -> running writes of its deliveries."""
        self._stored_since_scan: set[str] = set()
        self._in_hand: Counter[str] = Counter()
        """Conversation -> its deliveries that came from the table and are not settled."""
        self._successes_at_failure: dict[UUID, int] = {}
        """Delivery -> successes of the destination at its last failure."""

    def __contains__(self, conversation: str) -> bool:
        return conversation in self._conversations

    def __len__(self) -> int:
        return len(self._conversations)

    @property
    def has_in_hand(self) -> bool:
        return bool(self._in_hand)

    def add(self, conversations: set[str]) -> None:
        """Add conversations that the table was found to hold: a write of a process that died may
        have been carried out after the last scan."""
        self._conversations |= conversations
        self._stored_since_scan |= conversations

    def start_storing(self, jobs: Sequence[Job]) -> None:
        """A write of these begins: their conversations are sidelined from here on."""
        conversations = _conversations_of(jobs)
        self.add(conversations)
        self._being_stored.update(conversations)
        self._successes_at_failure |= {
            job.delivery.id: job.successes_at_failure for job in jobs if job.failures
        }

    def end_storing(self, jobs: Sequence[Job]) -> None:
        """These are in the table."""
        self._being_stored -= Counter(_conversations_of(jobs))

    def start_scan(self) -> set[str]:
        """Return conversations that may have deliveries due. One that is being stored is left out,
        because its first delivery may be the last to be written."""
        self._stored_since_scan = set(self._being_stored)
        idle = {each for each in self._conversations if not self._in_hand[each]}
        return idle - self._stored_since_scan

    def update(self, conversations: set[str]) -> None:
        """Replace the known conversations by those in the table and those stored since the scan
        began."""
        self._conversations = conversations | self._stored_since_scan | set(self._being_stored)

    def room(self, *, only_one: bool = False) -> int:
        """Return the number of conversations to fetch; with `only_one`, one at a time."""
        room = (IN_HAND - self._in_hand.total()) // PER_CONVERSATION
        return min(room, 0 if self._in_hand else 1) if only_one else room

    def receive(self, deliveries: Sequence[SidelinedDelivery]) -> list[Job]:
        """Deliveries from the table come in hand."""
        self._in_hand.update(each.delivery.conversation for each in deliveries)
        return [self._job(each) for each in deliveries]

    def release(self, job: Job, *, settled: bool) -> bool:
        """Release a job. Return True if it was the last in hand of its conversation, because the
        table may hold more."""
        if settled:
            self._successes_at_failure.pop(job.delivery.id, None)
        if not job.is_sidelined:
            return False
        conversation = job.delivery.conversation
        self._in_hand[conversation] -= 1
        if self._in_hand[conversation]:
            return False
        del self._in_hand[conversation]
        return True

    def _job(self, sidelined: SidelinedDelivery) -> Job:
        return Job(
            sidelined.delivery,
            None,
            failures=sidelined.failures,
            successes_at_failure=self._successes_at_failure.get(sidelined.delivery.id, 0),
            is_sidelined=True,
            earlier_attempts=sidelined.attempts,
        )


def _conversations_of(jobs: Sequence[Job]) -> set[str]:
    """Return the conversations of these jobs. A replay is sidelined without its conversation."""
    return {job.delivery.conversation for job in jobs if not job.replays}
