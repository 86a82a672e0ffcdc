"""The deliveries of one channel: which is attempted when, and what follows when one fails.

A window of deliveries in flight, one at a time a conversation. What cannot be delivered now stays
where it is, unacknowledged and in order; the destination is probed with growing waits, one delivery
at a time, and the window opens again when one passes. A message that fails while others pass stands
aside with its conversation, and stops nobody else.
"""

import asyncio
import random
from contextlib import suppress
from functools import partial
from uuid import UUID

import msgspec
import structlog

from deliverer.crm.attempt import DeliveryAttempt
from deliverer.crm.breaker import WAITS, DestinationBreaker
from deliverer.crm.concurrency_window import ConcurrencyWindow
from deliverer.crm.lanes import Job, Lanes
from deliverer.crm.replays import Replays
from deliverer.crm.response_policy import FIRST_RETRY_AFTER, Verdict, wait_before_probe
from deliverer.crm.sidelined import Sidelined, Table
from deliverer.transport.pacer import Pacer
from deliverer.transport.response import Response
from services import metrics
from services.amqp.consumer import ChannelLost, ConsumerStopping, Inbox
from services.amqp.incoming_message import IncomingMessage
from services.postgres.database import retry_while_unavailable
from services.tasks import background_task

FRAMES = 16
"""Envelopes in hand: at most 256 KiB each, so 4 MiB; enough to cover pace and confirm."""
PART_APART = 4
"""Of the window, as its fourth part: what stands apart may take that at most."""
LOOK_SECONDS = 1.0
"""Between two looks at what people want."""
PACE_SECONDS = 0.010
"""Until it is looked again whether a destination may be asked once more."""
TICK_SECONDS = 0.001
"""Past the end of a wait: the loop's timers may fire a little early."""

log = structlog.get_logger()


class Session:
    """Whatever changes (an envelope, a landing, the end of a pause) launches what may fly."""

    def __init__(
        self, engine: DeliveryAttempt, replays: Replays, asides: Table, inbox: Inbox
    ) -> None:
        self._engine, self._replays, self._inbox = engine, replays, inbox
        self._id = engine.destination.id
        self._standing = Sidelined(self._id, asides)
        self._loop = asyncio.get_running_loop()
        self._lanes, self._health = Lanes(), DestinationBreaker()
        self._window = ConcurrencyWindow(engine.destination.window)
        per_second = engine.destination.per_second
        self._pace = Pacer(per_second) if per_second else None
        self._paced: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = self._apart = self._frames = 0
        """Deliveries that are under way, and those of them that stand apart; envelopes in hand."""
        self._failing: set[str] = set()
        """Conversations that failed since any delivery was taken."""
        self._not_before = 0.0
        self._again: set[UUID] = set()
        """In hand of what is tried again."""
        self._soon = asyncio.Event()
        """There may be something to look at before its time."""
        self._paused_by_operator: bool | None = None
        """Whether a person holds it still; None until that is known."""

    async def run(self) -> None:
        """Until the channel is lost or let go."""
        self._publish_metrics()
        metrics.destination_window.labels(destination=self._id).set_function(lambda: self._most)
        aside = metrics.destination_aside.labels(destination=self._id)
        aside.set_function(lambda: len(self._standing))
        await self._standing.load()
        try:
            async with background_task(self._poll_operator()) as looking:
                looking.add_done_callback(self._ended)
                while True:
                    for frame in await self._inbox.take(FRAMES):
                        await self._add(frame)
                    self._start_ready()
        except ConsumerStopping:
            # Nothing new is launched; what flies is finished and written down.
            self._not_before = float("inf")
            if self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            # Nor by the timer of a pause: whoever has the queue next delivers what was in hand.
            self._not_before = float("inf")
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _add(self, frame: IncomingMessage) -> None:
        self._frames += 1
        try:
            jobs, aside = await self._engine.jobs(frame)
        except (msgspec.DecodeError, TypeError):
            await self._engine.unreadable(frame)
            jobs, aside = [], set[str]()
        self._standing.add(aside)
        behind = [job for job in jobs if job.delivery.conversation in self._standing]
        for job in jobs:
            if job.delivery.conversation not in self._standing:
                self._lanes.add(job)
        if behind:
            await self._keep(behind)
        if not jobs:
            await self._ack(frame)

    async def _ack(self, frame: IncomingMessage) -> None:
        self._frames -= 1
        await self._inbox.ack(frame)

    async def _poll_operator(self) -> None:
        """At what people want of this destination."""
        while True:
            look = partial(self._replays.is_paused_by_operator, self._id)
            still = await retry_while_unavailable(look, "pause")
            if still != bool(self._paused_by_operator):
                event = "destination.held" if still else "destination.freed"
                log.warning(event, destination=self._id)
                self._not_before = 0.0  # whoever frees it need not wait for its next probe
            self._paused_by_operator = still
            self._publish_metrics()
            due = partial(self._replays.due, self._id, self._again, still=still)
            found = await retry_while_unavailable(due, "replays")
            self._again -= self._lanes.remove_replays(found.over)
            for again in found.again:
                self._again.add(again.delivery.id)
                self._lanes.add(again.job)
            few = self._health.probes > 0
            for job in [] if still else await self._standing.due(few=few):
                self._lanes.add(job)
            self._start_ready()
            await self._rest()

    async def _rest(self) -> None:
        self._soon.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._soon.wait()

    @property
    def _most(self) -> int:
        """Deliveries in flight, by now."""
        return 1 if self._health.probes else self._window.size

    @property
    def _room_apart(self) -> bool:
        """Whether one may go that stands apart: of these a part of the window is under way at most,
        and a place that is the only one is for whoever does not, if any waits."""
        if self._most == 1 and self._lanes.has_ordinary:
            return False
        return self._apart < max(1, self._most // PART_APART)

    def _start_ready(self) -> None:
        if self._paused_by_operator is not False:
            return
        while self._in_flight < self._most and self._loop.time() >= self._not_before:
            if self._pace and not self._pace.room(self._loop.time()):
                self._wait_for_pace()
                return
            job = self._lanes.next(apart=self._room_apart, newest=self._health.probes > 0)
            if job is None:
                return
            if self._pace:
                self._pace.consume(1)
            self._in_flight += 1
            self._apart += job.is_apart
            task = asyncio.create_task(self._deliver(job))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _wait_for_pace(self) -> None:
        """Look again soon: by one timer, however often there was no room."""
        if self._paced is None:
            self._paced = self._loop.call_later(PACE_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._paced = None
        self._start_ready()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error and not isinstance(error, ChannelLost):
            log.error("delivery.failed", exc_info=error)
            self._inbox.mark_lost()

    async def _deliver(self, job: Job) -> None:
        left, probes = self._loop.time(), self._health.probes
        answer, said = await self._engine.attempt(job)
        full = self._in_flight >= self._most
        self._in_flight -= 1
        self._apart -= job.is_apart
        verdict = self._health.classify(job, said)
        metrics.deliveries.labels(destination=self._id, outcome=verdict.outcome).inc()
        # Of many that fail together only the first counts, and one that was under way before the
        # destination failed says nothing about now.
        current = self._health.probes == probes
        if verdict.outcome == "aside":
            await self._stand_aside(job, answer, verdict)
        elif verdict.outcome == "paused":
            self._engine.failed(job, answer, verdict)
            self._failing.add(job.delivery.conversation)
            if current:
                self._pause(answer, verdict)
            await self._requeue(job)
        else:
            if current:
                self._window.on_response(left, self._loop.time(), full=full, calls=answer.calls)
                self._on_response(verdict)
            await self._settle(job, answer, verdict)

    async def _settle(self, job: Job, answer: Response, verdict: Verdict) -> None:
        # The next of this conversation may go: if we end before this one is written down, both
        # are done again, in order, under the same ids.
        self._lanes.done(job)
        self._start_ready()
        await self._engine.settle(job, answer, verdict)
        await self._done(job, settled=True)

    async def _done(self, job: Job, *, settled: bool) -> None:
        """It need not be in hand any more."""
        self._again.discard(job.delivery.id)
        if self._standing.release(job, settled=settled):
            self._soon.set()
        if job.frame:
            job.frame.left -= 1
            if not job.frame.left:
                await self._ack(job.frame.incoming)

    async def _requeue(self, job: Job) -> None:
        """It is tried again, after those of others; unless these have all failed too, and as many
        envelopes are in hand as may be: then nobody can tell whether it is the destination before
        they make room for others."""
        self._lanes.requeue(job)
        if self._frames >= FRAMES and not self._lanes.has_untried and not self._in_flight:
            await self._keep(self._lanes.all_tried(), WAITS[0])

    async def _stand_aside(self, job: Job, answer: Response, verdict: Verdict) -> None:
        """It waits in the table, and what comes after it in its conversation; what a person set to
        be tried again goes alone."""
        log.error("delivery.aside", destination=self._id, record=job.delivery.id)
        self._engine.failed(job, answer, verdict)
        jobs = [self._lanes.done(job)] if job.replays else self._lanes.remove_lane(job)
        self._start_ready()
        # Nothing comes between: what is added from here on knows that it stands aside.
        asked = min(answer.retry_after or 0.0, FIRST_RETRY_AFTER)
        await self._keep(jobs, max(verdict.wait, asked))

    async def _keep(self, jobs: list[Job], wait: float = 0.0) -> None:
        await self._standing.store(jobs, wait)
        for job in jobs:
            await self._done(job, settled=False)

    def _pause(self, answer: Response, verdict: Verdict) -> None:
        """After one more failure of the destination."""
        probes, reason = self._health.probes, verdict.reason
        say = log.error if verdict.alarm else log.warning
        say("destination.paused", destination=self._id, reason=reason, attempt=probes)
        several = len(self._failing) > 1
        wait = wait_before_probe(probes, answer.retry_after, random.random(), several=several)
        self._health.failed()
        self._window.on_failure(self._loop.time())
        self._publish_metrics()
        self._not_before = max(self._not_before, self._loop.time() + wait)
        self._schedule_start(wait)

    def _on_response(self, verdict: Verdict) -> None:
        """It answered as one that is there; if it took the delivery, it works."""
        if verdict.outcome == "settled":
            self._health.on_success()
            self._failing.clear()
            self._lanes.reset_tried()
        if self._health.probes:
            log.info("destination.resumed", destination=self._id)
            self._health.probes = 0
            self._publish_metrics()

    def _publish_metrics(self) -> None:
        paused = bool(self._paused_by_operator) or self._health.probes > 0
        metrics.destination_paused.labels(destination=self._id).set(paused)

    def _schedule_start(self, seconds: float) -> None:
        self._loop.call_later(seconds + TICK_SECONDS, self._start_ready)
