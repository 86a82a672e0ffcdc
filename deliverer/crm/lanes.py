"""Who is next? One lane a conversation, one delivery of it at a time; municipalities in turn, and
the lanes of each. Pure.

A delivery that fails goes back to the head of its lane, and its lane behind all that were not tried
yet: the next probe of a paused destination is another conversation's. What stands apart (from the
table, or set to be tried again) goes beside these, as many at once as it is let.
"""

from collections import OrderedDict, deque
from collections.abc import Collection
from uuid import UUID

import msgspec

from services.amqp.incoming_message import IncomingMessage
from services.contract import Delivery


class Envelope:
    """An envelope in hand, acknowledged when nothing of it is left to do."""

    def __init__(self, incoming: IncomingMessage, left: int) -> None:
        self.incoming, self.left = incoming, left


class Job(msgspec.Struct):
    """One delivery to make, and the frame that waits for it; or how often it was set to be tried
    again."""

    delivery: Delivery
    frame: Envelope | None
    replays: int = 0
    attempts: int = 0
    failed: int = 0
    """Times that it failed while others passed, and the first time."""
    successes_at_failure: int = 0
    """Deliveries of others that had been taken when it failed last."""
    aside: bool = False
    """Whether it came from the table of those that stand aside."""
    before: int = 0
    """Attempts before it came from a table."""

    @property
    def is_apart(self) -> bool:
        """Whether it goes beside what comes in: from the table, or tried again."""
        return self.aside or bool(self.replays)


Row = OrderedDict[str, deque[Job]]
"""Lane -> what waits in it, the lane whose turn it is first."""
Rows = OrderedDict[str, Row]
"""Municipality -> its lanes: however many one has, another waits for one turn."""


class Lanes:
    def __init__(self) -> None:
        self._fresh: Rows = OrderedDict()
        self._tried: Rows = OrderedDict()
        """Lanes of which the first failed since any delivery was taken."""
        self._apart: Rows = OrderedDict()
        self._busy: set[str] = set()

    def add(self, job: Job) -> None:
        lane, tenant = job.delivery.conversation, job.delivery.tenant
        rows = self._tried if lane in self._tried.get(tenant, ()) else self._fresh
        _lane(self._apart if job.is_apart else rows, job).append(job)

    def next(self, *, apart: bool = False, newest: bool = False) -> Job | None:
        """The first delivery of a lane that has none in flight; its lane is busy then. Of one that
        stands `apart`, if one may go; `newest`: of those not tried yet the one that came last."""
        found = self._take(self._apart) if apart else None
        return found or self._take(self._fresh, newest=newest) or self._take(self._tried)

    def _take(self, rows: Rows, *, newest: bool = False) -> Job | None:
        for tenant, row in rows.items():
            if job := self._first(row, newest=newest):
                rows.move_to_end(tenant)
                if not row:
                    del rows[tenant]
                return job
        return None

    def _first(self, row: Row, *, newest: bool) -> Job | None:
        for lane in reversed(row) if newest else row:
            if lane not in self._busy:
                self._busy.add(lane)
                jobs = row[lane]
                job = jobs.popleft()
                if jobs:
                    row.move_to_end(lane)
                else:
                    del row[lane]
                return job
        return None

    def done(self, job: Job) -> Job:
        self._busy.discard(job.delivery.conversation)
        return job

    def requeue(self, job: Job) -> None:
        """It failed: it stays first of its conversation, which goes to the end of the row."""
        behind = self.remove_lane(job)[1:]
        rows = self._apart if job.is_apart else self._tried
        _lane(rows, job).extendleft(reversed([job, *behind]))
        rows[job.delivery.tenant].move_to_end(job.delivery.conversation)

    def remove_lane(self, job: Job) -> list[Job]:
        """It failed of itself: take it and all that waits behind it out of its lane."""
        behind: list[Job] = []
        for rows in (self._apart,) if job.is_apart else (self._tried, self._fresh):
            behind += _without(rows, job.delivery.tenant, job.delivery.conversation)
        self._busy.discard(job.delivery.conversation)
        return [job, *behind]

    def reset_tried(self) -> None:
        """Something was taken: what failed before that has its turn again, first."""
        for tenant, row in self._tried.items():
            rest: Row = self._fresh.pop(tenant, OrderedDict())
            self._fresh[tenant] = OrderedDict(row | rest)
        self._tried.clear()

    def remove_replays(self, ids: Collection[UUID]) -> set[UUID]:
        """What waits of these to be tried again no longer does; which of them did. What is in
        flight is not here."""
        waits = [job for row in self._apart.values() for jobs in row.values() for job in jobs]
        found = [job for job in waits if job.replays and job.delivery.id in ids]
        for job in found:
            tenant, lane = job.delivery.tenant, job.delivery.conversation
            self._apart[tenant][lane].remove(job)
            if not self._apart[tenant][lane]:
                _without(self._apart, tenant, lane)
        return {job.delivery.id for job in found}

    @property
    def has_untried(self) -> bool:
        """Whether any waits that has not failed, or failed before something was taken."""
        return bool(self._fresh)

    @property
    def has_ordinary(self) -> bool:
        """Whether any waits that does not stand apart."""
        return bool(self._fresh or self._tried)

    @property
    def waiting(self) -> int:
        rows = (self._fresh, self._tried, self._apart)
        return sum(len(jobs) for each in rows for row in each.values() for jobs in row.values())

    def all_tried(self) -> list[Job]:
        """Take out all that waits behind a failure, each lane in its order."""
        jobs = [job for row in self._tried.values() for jobs in row.values() for job in jobs]
        self._tried.clear()
        return jobs


def _lane(rows: Rows, job: Job) -> deque[Job]:
    row = rows.setdefault(job.delivery.tenant, OrderedDict())
    return row.setdefault(job.delivery.conversation, deque())


def _without(rows: Rows, tenant: str, lane: str) -> list[Job]:
    """What waited in this lane, which is gone."""
    row = rows.get(tenant, OrderedDict())
    jobs = row.pop(lane, deque())
    if not row:
        rows.pop(tenant, None)
    return list(jobs)
