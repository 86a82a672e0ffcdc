"""Polls our open tasks in one Open Klant, to find those that an employee has done.

Open Klant cannot list the tasks done recently: `internetaken` has no filter by time, and the list
of all tasks ever done only grows. So a round gets each of our tasks by its id, one after the other,
the one polled longest ago first. A refusal of one task does not stop the round.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from functools import partial

import msgspec
import structlog

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.client import OpenKlantClient, RequestRefused
from deliverer.destinations.openklant.closing_store import ClosingStore
from deliverer.destinations.openklant.task_status import (
    PolledTask,
    TaskStatus,
    classify_followup,
    classify_task,
    is_unavailable,
    wait_before_round,
)
from deliverer.destinations.openklant.tasks import TASKS
from services import clock, metrics
from services.config.organisation import OpenKlantDestination
from services.postgres.database import retry_while_unavailable

PAUSE_SECONDS = 0.1
"""Pause between two requests: ten a second, one at a time. An Open Klant answers 230 a second."""
ROUND_SECONDS = 60.0
"""Longest round; the remaining tasks come first in the next."""

log = structlog.get_logger()


class PollIntervals(msgspec.Struct, frozen=True):
    """Seconds between two rounds, and between two requests."""

    every: float
    pause: float = PAUSE_SECONDS


def poll_intervals(destination: OpenKlantDestination) -> PollIntervals:
    """Return the intervals; the rate limit of deliveries holds for requests too. Pure."""
    slowest = 1 / destination.per_second if destination.per_second else 0.0
    return PollIntervals(float(destination.look_seconds), max(PAUSE_SECONDS, slowest))


class TaskPoller:
    """Poller of one destination."""

    def __init__(
        self,
        destination: str,
        closings: ClosingStore,
        new_client: Callable[[], OpenKlantClient],
        intervals: PollIntervals,
    ) -> None:
        self._id, self._closings = destination, closings
        self._new_client, self._intervals = new_client, intervals

    async def run(self) -> None:
        failures = 0
        while True:
            failures = 0 if await self.poll_once() else failures + 1
            await asyncio.sleep(wait_before_round(self._intervals.every, failures, random.random()))

    async def poll_once(self) -> bool:
        """Run one round. False if Open Klant did not answer; tasks not polled keep their turn."""
        claim_due = partial(self._closings.claim_due, self._id, self._intervals.every)
        due = await retry_while_unavailable(claim_due, "closings")
        answered = await self._poll_tasks(due)
        if due:
            outcome = "looked" if answered else "away"
            metrics.openklant_rounds.labels(destination=self._id, outcome=outcome).inc()
        unpolled = partial(self._closings.unpolled_seconds, self._id)
        seconds = await retry_while_unavailable(unpolled, "closings")
        metrics.openklant_unseen_seconds.labels(destination=self._id).set(seconds)
        return answered

    async def _poll_tasks(self, due: list[PolledTask]) -> bool:
        loop, calls, counts = asyncio.get_running_loop(), self._new_client(), Counter[TaskStatus]()
        end = loop.time() + ROUND_SECONDS
        try:
            for task in due:
                if loop.time() > end:
                    break
                try:
                    counts[await self._poll_task(task, calls)] += 1
                except RequestRefused as refused:
                    counts["refused"] += 1
                    if await self._on_refusal(task, refused.answer.status, counts):
                        return False
                await asyncio.sleep(self._intervals.pause)
        finally:
            self._count_statuses(counts)
        return True

    async def _poll_task(self, task: PolledTask, calls: OpenKlantClient) -> TaskStatus:
        """Poll one task, and store the result before the next is polled. RequestRefused if Open
        Klant does not show it."""
        try:
            status = await self._fetch_status(task, calls)
        except (TypeError, UnicodeDecodeError, RecursionError):  # not as specified
            status = "strange"
        if status == "done":
            done = partial(self._closings.mark_done, self._id, task, clock.new_id())
            await retry_while_unavailable(done, "closings")
        await retry_while_unavailable(
            partial(self._closings.mark_polled, self._id, task), "closings"
        )
        return status

    async def _on_refusal(self, task: PolledTask, status: int, counts: Counter[TaskStatus]) -> bool:
        """Move the refused task to the end. True if Open Klant is unavailable for all tasks."""
        await retry_while_unavailable(
            partial(self._closings.mark_refused, self._id, task), "closings"
        )
        if is_unavailable(status, counts["refused"], counts.total()):
            log.warning("openklant.away", destination=self._id, status=status)
            return True
        ids = {"record": str(task.event), "internetaak": str(task.internetaak)}
        log.error("openklant.refused", destination=self._id, status=status, **ids)
        return False

    async def _fetch_status(self, task: PolledTask, calls: OpenKlantClient) -> TaskStatus:
        status = classify_task(task, await calls.get(TASKS, str(task.internetaak)))
        if status != "done":
            return status
        filters = {"klantcontact__uuid": str(task.klantcontact), "status": payloads.TO_DO}
        return classify_followup(task, await calls.find(TASKS, **filters))

    def _count_statuses(self, counts: Counter[TaskStatus]) -> None:
        for status, count in counts.items():
            metrics.openklant_looks.labels(destination=self._id, outcome=status).inc(count)
        if odd := counts["strange"] + counts["foreign"]:
            log.error("openklant.strange", destination=self._id, count=odd)
