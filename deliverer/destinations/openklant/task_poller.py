"""Rounds past the tasks in one Open Klant: which of ours did somebody set to done?

Open Klant cannot list what was done lately: of `internetaken` it knows no filter by when, and its
list of all that was ever done, by everybody, only grows. So each task of ours is asked for by its
id, one after the other, the one first that was not asked for for longest. One that it refuses to
show is no reason to leave the others.
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
    Found,
    PolledTask,
    classify_followup,
    classify_task,
    is_unavailable,
    wait,
)
from deliverer.destinations.openklant.tasks import TASKS
from services import clock, metrics
from services.config.organisation import OpenKlantDestination
from services.postgres.database import retry_while_unavailable

PAUSE_SECONDS = 0.1
"""Between two looks: ten a second, one at a time, of the 230 that an Open Klant answers."""
ROUND_SECONDS = 60.0
"""Of looks in one round; what is left comes first in the next."""

log = structlog.get_logger()


class Pace(msgspec.Struct, frozen=True):
    """Seconds between two rounds, and between two looks."""

    every: float
    pause: float = PAUSE_SECONDS


def pace(destination: OpenKlantDestination) -> Pace:
    """Whoever must not be told more often is not asked more often either. Pure."""
    slowest = 1 / destination.per_second if destination.per_second else 0.0
    return Pace(float(destination.look_seconds), max(PAUSE_SECONDS, slowest))


class TaskPoller:
    """At one destination."""

    def __init__(
        self,
        destination: str,
        closings: ClosingStore,
        new_client: Callable[[], OpenKlantClient],
        intervals: Pace,
    ) -> None:
        self._id, self._closings, self._new_client, self._intervals = destination, closings, new_client, intervals

    async def run(self) -> None:
        failures = 0
        while True:
            failures = 0 if await self.poll_once() else failures + 1
            await asyncio.sleep(wait(self._intervals.every, failures, random.random()))

    async def poll_once(self) -> bool:
        """Whether it answered; a task that was not asked for keeps its turn."""
        claim_due = partial(self._closings.due, self._id, self._intervals.every)
        due = await retry_while_unavailable(claim_due, "closings")
        answered = await self._poll_tasks(due)
        if due:
            outcome = "looked" if answered else "away"
            metrics.openklant_rounds.labels(destination=self._id, outcome=outcome).inc()
        unseen = partial(self._closings.unseen_seconds, self._id)
        seconds = await retry_while_unavailable(unseen, "closings")
        metrics.openklant_unseen_seconds.labels(destination=self._id).set(seconds)
        return answered

    async def _poll_tasks(self, due: list[PolledTask]) -> bool:
        loop, calls, counts = asyncio.get_running_loop(), self._new_client(), Counter[Found]()
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

    async def _poll_task(self, task: PolledTask, calls: OpenKlantClient) -> Found:
        """What is found is written down before the next is looked at. Refused without an answer."""
        try:
            status = await self._fetch_status(task, calls)
        except (TypeError, UnicodeDecodeError, RecursionError):  # not as its document says
            status = "strange"
        if status == "done":
            done = partial(self._closings.done, self._id, task, clock.new_id())
            await retry_while_unavailable(done, "closings")
        await retry_while_unavailable(partial(self._closings.looked, self._id, task), "closings")
        return status

    async def _on_refusal(self, task: PolledTask, status: int, counts: Counter[Found]) -> bool:
        """Whether nobody gets an answer, or only this task does not; it comes last in any case."""
        await retry_while_unavailable(partial(self._closings.refused, self._id, task), "closings")
        if is_unavailable(status, counts["refused"], counts.total()):
            log.warning("openklant.away", destination=self._id, status=status)
            return True
        ids = {"record": str(task.event), "internetaak": str(task.internetaak)}
        log.error("openklant.refused", destination=self._id, status=status, **ids)
        return False

    async def _fetch_status(self, task: PolledTask, calls: OpenKlantClient) -> Found:
        status = classify_task(task, await calls.get(TASKS, str(task.internetaak)))
        if status != "done":
            return status
        about = {"klantcontact__uuid": str(task.klantcontact), "status": payloads.TO_DO}
        return classify_followup(task, await calls.find(TASKS, **filters))

    def _count_statuses(self, counts: Counter[Found]) -> None:
        for status, count in counts.items():
            metrics.openklant_looks.labels(destination=self._id, outcome=status).inc(count)
        if odd := counts["strange"] + counts["foreign"]:
            log.error("openklant.strange", destination=self._id, count=odd)
