"""Who is next? One lane a conversation, one delivery of it at a time; municipalities in turn, and
the lanes of each. Pure.

A delivery that fails goes back to the head of its lane, and its lane to the end of the row: the
next probe of a paused destination is another conversation's.
"""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterator
from uuid import UUID

import msgspec

from services.contract import Delivery
from services.incoming import Incoming


class Frame:
    """An envelope in hand, acknowledged when nothing of it is left to do."""

    def __init__(self, incoming: Incoming, left: int) -> None:
        self.incoming, self.left = incoming, left


class Job(msgspec.Struct):
    """One delivery to make, and the frame that waits for it; or how often it was set to be tried
    again."""

    delivery: Delivery
    frame: Frame | None
    replays: int = 0
    attempts: int = 0
    failed: int = 0
    """Times that it failed while others passed, and the first time."""
    taken: int = 0
    """Deliveries of others that had been taken when it failed last."""
    aside: bool = False
    """Whether it came from the table of those that stand aside."""


Row = OrderedDict[str, deque[Job]]
"""Lane -> what waits in it, the lane whose turn it is first."""


class Lanes:
    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Row] = OrderedDict()
        """Municipality -> its lanes: however many one has, another waits for one turn."""
        self._busy: set[str] = set()

    def add(self, job: Job) -> None:
        self._row(job).setdefault(job.delivery.conversation, deque()).append(job)

    def next(self) -> Job | None:
        """The first delivery of the first lane that has none in flight; its lane is busy then."""
        for tenant, row in self._waiting.items():
            if job := self._first(row):
                self._waiting.move_to_end(tenant)
                if not row:
                    del self._waiting[tenant]
                return job
        return None

    def _first(self, row: Row) -> Job | None:
        for lane, jobs in row.items():
            if lane not in self._busy:
                self._busy.add(lane)
                job = jobs.popleft()
                if jobs:
                    row.move_to_end(lane)
                else:
                    del row[lane]
                return job
        return None

    def _row(self, job: Job) -> Row:
        return self._waiting.setdefault(job.delivery.tenant, OrderedDict())

    def done(self, job: Job) -> Job:
        self._busy.discard(job.delivery.conversation)
        return job

    def back(self, job: Job) -> None:
        """It failed: it stays first of its conversation, which goes to the end of the row."""
        row, lane = self._row(job), job.delivery.conversation
        row.setdefault(lane, deque()).appendleft(job)
        row.move_to_end(lane)
        self._busy.discard(lane)

    def clear(self, job: Job) -> list[Job]:
        """It failed of itself: take it and all that waits behind it out of its lane."""
        tenant, lane = job.delivery.tenant, job.delivery.conversation
        row = self._waiting.get(tenant, OrderedDict())
        behind = row.pop(lane, deque())
        if not row:
            self._waiting.pop(tenant, None)
        self._busy.discard(lane)
        return [job, *behind]

    def without(self, ids: Collection[UUID]) -> set[UUID]:
        """What waits of these to be tried again no longer does; which of them did. What is in
        flight is not here."""
        found = [job for job in self._all() if job.replays and job.delivery.id in ids]
        for job in found:
            row, lane = self._row(job), job.delivery.conversation
            row[lane].remove(job)
            if not row[lane]:
                del row[lane]
            if not row:
                del self._waiting[job.delivery.tenant]
        return {job.delivery.id for job in found}

    def _all(self) -> Iterator[Job]:
        return (job for row in self._waiting.values() for jobs in row.values() for job in jobs)

    @property
    def waiting_lanes(self) -> Iterator[str]:
        """Those in which anything waits."""
        return (lane for row in self._waiting.values() for lane in row)

    @property
    def waiting(self) -> int:
        return sum(1 for _ in self._all())
