"""Fair order of deliveries: a lane per conversation, one delivery of it at a time. Pure.

Municipalities take turns, and so do the lanes of each. A delivery that fails goes back to the head
of its lane, and its lane goes behind all lanes that were not tried yet: the next probe of a paused
destination is of another conversation. Deliveries from the tables (sidelined, or replays) have
lanes of their own, and take a limited share.
"""

from collections import OrderedDict, deque
from collections.abc import Collection
from uuid import UUID

import msgspec

from services.amqp.incoming_message import IncomingMessage
from services.contract import Delivery


class IncomingBatch:
    """Batch in hand, acknowledged when `left`, the number of its open deliveries, is 0."""

    def __init__(self, incoming: IncomingMessage, left: int) -> None:
        self.incoming, self.left = incoming, left


class Job(msgspec.Struct):
    """One delivery to make. It came in a batch, or from a table if `batch` is None."""

    delivery: Delivery
    batch: IncomingBatch | None
    replays: int = 0
    """Times that an operator had it retried."""
    attempts: int = 0
    failures: int = 0
    """Its first failure, and each failure while others passed."""
    successes_at_failure: int = 0
    """Successes of the destination at its last failure."""
    is_sidelined: bool = False
    """True if it came from the table of sidelined deliveries."""
    earlier_attempts: int = 0
    """Attempts that its row in the table already counts."""

    @property
    def is_from_table(self) -> bool:
        """True for a sidelined delivery and for a replay."""
        return self.is_sidelined or bool(self.replays)


Row = OrderedDict[str, deque[Job]]
"""Lane -> its waiting jobs. The first lane is next."""
Rows = OrderedDict[str, Row]
"""Municipality -> its lanes. However many lanes one has, another waits for one turn only."""


class Lanes:
    def __init__(self) -> None:
        self._fresh: Rows = OrderedDict()
        self._tried: Rows = OrderedDict()
        """Lanes whose first job failed since the last success of the destination."""
        self._from_table: Rows = OrderedDict()
        self._busy: set[str] = set()

    def add(self, job: Job) -> None:
        lane, tenant = job.delivery.conversation, job.delivery.tenant
        rows = self._tried if lane in self._tried.get(tenant, ()) else self._fresh
        _lane(self._from_table if job.is_from_table else rows, job).append(job)

    def next(self, *, from_table: bool = False, newest: bool = False) -> Job | None:
        """Take the first job of a lane without one in flight; the lane is busy from then on.
        `from_table`: prefer jobs from the tables. `newest`: of untried lanes take the last one."""
        job = self._take_first(self._from_table) if from_table else None
        return job or self._take_first(self._fresh, newest=newest) or self._take_first(self._tried)

    def _take_first(self, rows: Rows, *, newest: bool = False) -> Job | None:
        for tenant, row in rows.items():
            if job := self._first_of_row(row, newest=newest):
                rows.move_to_end(tenant)
                if not row:
                    del rows[tenant]
                return job
        return None

    def _first_of_row(self, row: Row, *, newest: bool) -> Job | None:
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

    def release_lane(self, job: Job) -> Job:
        self._busy.discard(job.delivery.conversation)
        return job

    def requeue(self, job: Job) -> None:
        """Put back a failed job: first in its lane, and its lane last in the row."""
        behind = self.remove_lane(job)[1:]
        rows = self._from_table if job.is_from_table else self._tried
        _lane(rows, job).extendleft(reversed([job, *behind]))
        rows[job.delivery.tenant].move_to_end(job.delivery.conversation)

    def remove_lane(self, job: Job) -> list[Job]:
        """Remove the lane of a job that is to be sidelined; return the job and all behind it."""
        behind: list[Job] = []
        for rows in (self._from_table,) if job.is_from_table else (self._tried, self._fresh):
            behind += _pop_lane(rows, job.delivery.tenant, job.delivery.conversation)
        self._busy.discard(job.delivery.conversation)
        return [job, *behind]

    def reset_tried(self) -> None:
        """Move the lanes that failed back to the front: the destination works again."""
        for tenant, row in self._tried.items():
            rest: Row = self._fresh.pop(tenant, OrderedDict())
            self._fresh[tenant] = OrderedDict(row | rest)
        self._tried.clear()

    def remove_replays(self, ids: Collection[UUID]) -> set[UUID]:
        """Remove the queued replays with these ids, and return the ids removed. Jobs in flight are
        not affected."""
        waiting = _jobs_of(self._from_table)
        replays = [job for job in waiting if job.replays and job.delivery.id in ids]
        for job in replays:
            tenant, lane = job.delivery.tenant, job.delivery.conversation
            self._from_table[tenant][lane].remove(job)
            if not self._from_table[tenant][lane]:
                _pop_lane(self._from_table, tenant, lane)
        return {job.delivery.id for job in replays}

    @property
    def has_untried(self) -> bool:
        """True if a lane waits that has not failed since the last success."""
        return bool(self._fresh)

    @property
    def has_ordinary(self) -> bool:
        """True if a job waits that came in a batch."""
        return bool(self._fresh or self._tried)

    @property
    def waiting(self) -> int:
        rows = (self._fresh, self._tried, self._from_table)
        return sum(len(jobs) for each in rows for row in each.values() for jobs in row.values())

    def remove_tried(self) -> list[Job]:
        """Remove and return all jobs that wait behind a failure, each lane in its order."""
        jobs = _jobs_of(self._tried)
        self._tried.clear()
        return jobs

    def remove_from_table(self) -> list[Job]:
        """Remove and return all waiting jobs from the tables."""
        jobs = _jobs_of(self._from_table)
        self._from_table.clear()
        return jobs


def _jobs_of(rows: Rows) -> list[Job]:
    return [job for row in rows.values() for jobs in row.values() for job in jobs]


def _lane(rows: Rows, job: Job) -> deque[Job]:
    row = rows.setdefault(job.delivery.tenant, OrderedDict())
    return row.setdefault(job.delivery.conversation, deque())


def _pop_lane(rows: Rows, tenant: str, lane: str) -> list[Job]:
    """Remove a lane and return its jobs."""
    row = rows.get(tenant, OrderedDict())
    jobs = row.pop(lane, deque())
    if not row:
        rows.pop(tenant, None)
    return list(jobs)
