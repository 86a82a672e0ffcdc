"""One destination: a window of deliveries in flight, one at a time a conversation, and a pause.

    envelope in -> skip what is settled -> lanes -> POST -> settle -> ack when all of it is settled

What cannot be delivered now stays where it is, unacknowledged and in order; the destination is
probed with growing waits, one delivery at a time, and the window opens again when one passes.
"""

import asyncio
import random
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from deliverer.answers import Answer, Body
from deliverer.lanes import Frame, Job, Lanes
from deliverer.policy import Verdict, judge, wait_before_probe
from deliverer.settlements import Settlement, Settlements, parked, settlement
from services import clock, contract, observe
from services.batcher import Batcher
from services.consumer import Inbox, Lost, Stopping
from services.contract import Delivery, DeliveryBatch
from services.incoming import Incoming
from services.town import Destination

FRAMES = 16
"""Envelopes in hand: at most 256 KiB each, so 4 MiB; enough to cover pace and confirm."""
TICK_SECONDS = 0.001
"""Past the end of a pause: the loop's timers may fire a little early."""
MESSAGE_RECEIVED = "nl.postkamer.message-received.v1"

log = structlog.get_logger()


class Poster(Protocol):
    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Answer: ...


class Kind(Protocol):
    """How a destination of one kind is spoken to; pure."""

    def body(self, delivery: Delivery) -> bytes: ...

    def headers(
        self, delivery: Delivery, content: bytes, key: bytes, now: datetime
    ) -> Mapping[str, str]: ...


class Engine:
    def __init__(
        self,
        destination: Destination,
        key: bytes,
        kind: Kind,
        poster: Poster,
        settlements: Settlements,
        settle: Batcher[Settlement],
    ) -> None:
        self._destination, self._key, self._kind = destination, key, kind
        self._poster, self._settlements, self._settle = poster, settlements, settle
        self.probes = 0
        """Failures in a row; above 0 the destination is paused."""

    async def work(self, inbox: Inbox) -> None:
        """Until the channel is lost or let go."""
        self.probes = 0
        observe.destination_paused.labels(destination=self._destination.id).set(0)
        await _Run(self, inbox).run()

    async def attempt(self, job: Job) -> tuple[Answer, Verdict]:
        delivery = job.delivery
        job.attempts += 1
        content = self._kind.body(delivery)
        headers = self._kind.headers(delivery, content, self._key, clock.now())
        answer = await self._poster.post(self._destination.url, content, headers)
        verdict = judge(answer)
        observe.deliveries.labels(destination=self._destination.id, outcome=verdict.outcome).inc()
        return answer, verdict

    async def settle(self, job: Job, answer: Answer, verdict: Verdict) -> None:
        """Return once it is written down for good."""
        now = clock.now()
        delivery = job.delivery
        settled = settlement(delivery, self._destination.id, job.attempts, answer.status, now)
        if verdict.outcome == "parked":
            settled = parked(settled, delivery, verdict.reason, answer.body)
            log.error(
                "delivery.parked",
                destination=self._destination.id,
                record=delivery.id,
                status=answer.status,
                reason=verdict.reason,
            )
            observe.parked.labels(queue=self._destination.id).inc()
        elif delivery.type == MESSAGE_RECEIVED:
            observe.trip_seconds.observe((now - delivery.received_at).total_seconds())
        await self._settle.put(settled, len(settled.body or b"") + 200)

    def pause(self, answer: Answer, verdict: Verdict) -> float:
        """Note one more failure; seconds to wait before the next probe."""
        say = log.error if verdict.alarm else log.warning
        id = self._destination.id
        say("destination.paused", destination=id, reason=verdict.reason, attempt=self.probes)
        observe.destination_paused.labels(destination=id).set(1)
        wait = wait_before_probe(self.probes, answer.retry_after, random.random())
        self.probes += 1
        return wait

    def resume(self) -> None:
        if self.probes:
            log.info("destination.resumed", destination=self._destination.id)
            observe.destination_paused.labels(destination=self._destination.id).set(0)
        self.probes = 0

    @property
    def window(self) -> int:
        return 1 if self.probes else self._destination.window

    async def jobs(self, frame: Incoming) -> list[Job]:
        """What is still to be delivered of an envelope. KeyError for one of a newer version."""
        batch = contract.decode(frame.kind, frame.body)
        if not isinstance(batch, DeliveryBatch):
            raise TypeError("not an envelope of deliveries")
        ids = [delivery.id for delivery in batch.deliveries]
        known = await self._settlements.known(self._destination.id, ids)
        left = [delivery for delivery in batch.deliveries if delivery.id not in known]
        held = Frame(frame, len(left))
        return [Job(delivery, held) for delivery in left]

    async def unreadable(self, frame: Incoming) -> None:
        """Keep an envelope that cannot be read, with the parked ones."""
        now = clock.now()
        log.error("frame.unreadable", destination=self._destination.id)
        observe.quarantined.labels(reason="frame unreadable").inc()
        kept = Settlement(
            destination=self._destination.id,
            event=clock.new_id(),
            conversation="",
            state="parked",
            attempts=0,
            status=0,
            at=now,
            reason="an envelope that cannot be read",
            body=frame.body,
        )
        await self._settle.put(kept, len(frame.body))


class _Run:
    """The deliveries of one channel. Whatever changes (an envelope, a landing, the end of a pause)
    launches what may fly."""

    def __init__(self, engine: Engine, inbox: Inbox) -> None:
        self._engine, self._inbox = engine, inbox
        self._loop = asyncio.get_running_loop()
        self._lanes = Lanes()
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._not_before = 0.0

    async def run(self) -> None:
        try:
            while True:
                for frame in await self._inbox.take(FRAMES):
                    await self._add(frame)
                self._launch()
        except Stopping:
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

    async def _add(self, frame: Incoming) -> None:
        try:
            jobs = await self._engine.jobs(frame)
        except (msgspec.DecodeError, TypeError):
            await self._engine.unreadable(frame)
            jobs = []
        for job in jobs:
            self._lanes.add(job)
        if not jobs:
            await self._inbox.ack(frame)

    def _launch(self) -> None:
        while self._in_flight < self._engine.window and self._loop.time() >= self._not_before:
            job = self._lanes.next()
            if job is None:
                return
            self._in_flight += 1
            task = asyncio.create_task(self._fly(job))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error and not isinstance(error, Lost):
            log.error("delivery.failed", exc_info=error)
            self._inbox.lose()

    async def _fly(self, job: Job) -> None:
        before = self._engine.probes
        answer, verdict = await self._engine.attempt(job)
        self._in_flight -= 1
        # Of many that fail together only the first counts, and one that was under way before the
        # destination failed says nothing about now.
        current = self._engine.probes == before
        if verdict.outcome == "paused":
            self._lanes.back(job)
            if current:
                self._pause(self._engine.pause(answer, verdict))
            return
        if current:
            self._engine.resume()
        # The next of this conversation may go: if we end before this one is written down, both
        # are done again, in order, under the same ids.
        self._lanes.done(job)
        self._launch()
        await self._engine.settle(job, answer, verdict)
        job.frame.left -= 1
        if not job.frame.left:
            await self._inbox.ack(job.frame.incoming)

    def _pause(self, seconds: float) -> None:
        self._not_before = max(self._not_before, self._loop.time() + seconds)
        self._loop.call_later(seconds + TICK_SECONDS, self._launch)
