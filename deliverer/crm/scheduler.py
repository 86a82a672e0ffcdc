"""Decides which delivery of a destination starts when, and what follows from each answer. Pure.

    on_... (an event, `now`) -> actions        the shell carries them out, in order
    next_due                                   when the shell calls `tick`, if nothing comes before

Like `h11` it does no I/O: `deliverer.crm.session` holds the tasks and the timer. A window of
deliveries is in flight, one at a time per conversation. A delivery that cannot be made now stays in
hand, unacknowledged and in order. A failing destination is probed with growing waits, one delivery
at a time, and the window opens again when one passes. A message that fails while others pass is
sidelined with its conversation, and stops no other.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal
from uuid import UUID

import msgspec

from deliverer.crm.breaker import SIDELINE_WAITS, DestinationBreaker
from deliverer.crm.concurrency_window import ConcurrencyWindow
from deliverer.crm.condition import WORKING, Condition, failing_condition
from deliverer.crm.lanes import Job, Lanes
from deliverer.crm.response_policy import FIRST_RETRY_AFTER, Verdict, wait_before_probe
from deliverer.crm.sidelined import Sidelined, SidelinedDelivery
from deliverer.transport.pacer import Pacer
from deliverer.transport.response import Response
from services.amqp.incoming_message import IncomingMessage

BATCHES = 16
"""Batches in hand: at most 256 KiB each, so 4 MiB; enough to cover pace and confirm."""
TABLE_SHARE = 4
"""Sidelined deliveries and replays take at most one in so many places of the window."""
PACE_SECONDS = 0.010
"""Wait before the next start at a destination that is at its rate limit."""


class StartDelivery(msgspec.Struct, frozen=True):
    """Attempt this delivery. It starts at `at`, after `probes` failures of the destination in a
    row."""

    job: Job
    at: float
    probes: int


class Settle(msgspec.Struct, frozen=True):
    """Store the delivery as settled or parked; then call `on_settled`."""

    job: Job
    answer: Response
    verdict: Verdict


class RecordFailure(msgspec.Struct, frozen=True):
    """Record the failed attempt; the delivery is retried."""

    job: Job
    answer: Response
    verdict: Verdict


class Sideline(msgspec.Struct, frozen=True):
    """Store these, in order, the first one due after `wait` seconds; then call `on_sidelined`."""

    jobs: Sequence[Job]
    wait: float = 0.0


class Ack(msgspec.Struct, frozen=True):
    """Acknowledge a batch: all of its deliveries are settled, parked or stored."""

    incoming: IncomingMessage


class Report(msgspec.Struct, frozen=True):
    """Log this event."""

    level: Literal["info", "warning", "error"]
    event: str
    fields: Mapping[str, object] = {}


class Failure(msgspec.Struct, frozen=True):
    """The destination fails since then, and for this reason at last."""

    since: float
    reason: str


class PollSoon(msgspec.Struct, frozen=True):
    """Poll the tables before their time: a conversation may have more in them."""


Action = StartDelivery | Settle | RecordFailure | Sideline | Ack | Report | PollSoon


class Scheduler:
    """State of one destination while one channel lasts. Seconds are on one clock, any clock."""

    def __init__(self, window: int, per_second: int | None = None) -> None:
        self._lanes, self._breaker, self._window = (
            Lanes(),
            DestinationBreaker(),
            ConcurrencyWindow(window),
        )
        self.condition: Condition | None = None
        """Condition of the destination; None before its first answer."""
        self._pacer = Pacer(per_second) if per_second else None
        self._sidelined = Sidelined()
        self._in_flight = self._in_flight_from_table = self._batches = 0
        """Deliveries in flight, those of them that are sidelined or replays; batches in hand."""
        self._failing: set[str] = set()
        """Conversations that failed since the last success."""
        self._replays: set[UUID] = set()
        """Replays in hand."""
        self._tables_until = -math.inf
        """Deliveries from the tables start until then: another process may make them later on."""
        self._paused_by_operator: bool | None = None
        """None until it is known; nothing starts before."""
        self._stopped = False
        self.failure: Failure | None = None
        """The failure that pauses the destination; None while it works."""
        self._not_before = 0.0
        """End of the pause: nothing starts before."""
        self._probe_at: float | None = None
        self._pace_at: float | None = None

    @property
    def next_due(self) -> float | None:
        """Time of the next `tick`; None if only an event can change anything."""
        if self._stopped or self._probe_at is None:
            return None if self._stopped else self._pace_at
        return self._probe_at if self._pace_at is None else min(self._probe_at, self._pace_at)

    @property
    def concurrency(self) -> int:
        """Deliveries that may be in flight now."""
        return 1 if self._breaker.probes else self._window.size

    @property
    def is_paused(self) -> bool:
        return bool(self._paused_by_operator) or self._breaker.probes > 0

    @property
    def sidelined_conversations(self) -> int:
        return len(self._sidelined)

    @property
    def replays(self) -> Collection[UUID]:
        """Replays in hand."""
        return self._replays

    @property
    def has_from_table(self) -> bool:
        """True while a delivery from the tables is in hand: it waits, is in flight or being
        stored."""
        return bool(self._replays) or self._sidelined.has_in_hand

    def tick(self, now: float) -> list[StartDelivery]:
        """Start what may start now."""
        if self._probe_at is not None and now >= self._probe_at:
            self._probe_at = None
        if self._pace_at is not None and now >= self._pace_at:
            self._pace_at = None
        return self._start_ready(now)

    def stop(self) -> None:
        """Start nothing more; deliveries in flight are finished."""
        self._stopped = True

    def on_message(self) -> None:
        """A batch is in hand, and being read."""
        self._batches += 1

    def on_batch(
        self, incoming: IncomingMessage, jobs: Sequence[Job], sidelined: set[str]
    ) -> list[Action]:
        """A batch was read into jobs; the table already holds its deliveries of conversations
        in `sidelined`. The caller calls `tick` after the last batch."""
        self._sidelined.add(sidelined)
        sidelined_jobs = [job for job in jobs if job.delivery.conversation in self._sidelined]
        for job in jobs:
            if job.delivery.conversation not in self._sidelined:
                self._lanes.add(job)
        if not jobs:
            return [self._ack(incoming)]
        return [self._sideline(sidelined_jobs)] if sidelined_jobs else []

    def on_result(
        self, start: StartDelivery, answer: Response, verdict: Verdict, now: float, chance: float
    ) -> list[Action]:
        """An attempt ended. `verdict` judges its answer alone; `chance` in [0, 1) spreads the next
        probe."""
        job = start.job
        is_full = self._in_flight >= self.concurrency
        self._in_flight -= 1
        self._in_flight_from_table -= job.is_from_table
        verdict = self._breaker.classify(job, verdict)
        # Of many that fail together only the first counts, and a delivery that started before the
        # destination failed says nothing about its present state.
        is_current = self._breaker.probes == start.probes
        if verdict.outcome == "aside":
            return self._on_poison(job, answer, verdict, now)
        if verdict.outcome == "paused":
            self._failing.add(job.delivery.conversation)
            paused = self._pause(answer, verdict, now, chance) if is_current else []
            return [RecordFailure(job, answer, verdict), *paused, *self._requeue(job)]
        resumed: list[Action] = []
        if is_current:
            self._window.on_response(start.at, now, is_full=is_full, calls=answer.calls)
            resumed = self._on_response(verdict)
        # The next of this conversation may start: if we end before this one is stored, both are
        # repeated, in order, under the same ids.
        self._lanes.release_lane(job)
        return [*resumed, *self._start_ready(now), Settle(job, answer, verdict)]

    def on_settled(self, job: Job) -> list[Action]:
        """A delivery is stored as settled or parked."""
        return self._release(job, settled=True)

    def on_sidelined(self, jobs: Sequence[Job]) -> list[Action]:
        """Deliveries are in the table."""
        self._sidelined.end_storing(jobs)
        return [action for job in jobs for action in self._release(job, settled=False)]

    def on_operator_pause(self, paused: bool) -> list[Action]:
        """An operator has paused the destination, or has not."""
        reports: list[Action] = []
        if paused != bool(self._paused_by_operator):
            reports.append(Report("warning", "destination.held" if paused else "destination.freed"))
            self._not_before = 0.0  # an operator who resumes it need not wait for the next probe
        self._paused_by_operator = paused
        return reports

    def on_replays(self, jobs: Sequence[Job], over: Collection[UUID]) -> None:
        """Replays are due; others are `over`: taken back, or settled."""
        self._replays -= self._lanes.remove_replays(over)
        for job in jobs:
            self._replays.add(job.delivery.id)
            self._lanes.add(job)

    def on_lease(self, until: float) -> None:
        """Deliveries from the tables may start until then."""
        self._tables_until = until

    def put_back(self) -> None:
        """Leave to the tables what came from them and has not started."""
        for job in self._lanes.remove_from_table():
            self._replays.discard(job.delivery.id)
            self._sidelined.release(job, settled=False)

    def load_sidelined(self, conversations: set[str]) -> None:
        """Conversations in the table before anything starts."""
        self._sidelined.update(conversations)

    def start_scan(self) -> set[str]:
        """Return the conversations to query; then call `on_conversations`."""
        return self._sidelined.start_scan()

    def on_conversations(self, conversations: set[str]) -> int:
        """Update the conversations in the table. Return the number of conversations whose
        deliveries may be fetched: one while the destination fails."""
        self._sidelined.update(conversations)
        return self._sidelined.room(only_one=self._breaker.probes > 0)

    def on_due(self, waiting: Sequence[SidelinedDelivery]) -> None:
        """Sidelined deliveries are due."""
        for job in self._sidelined.receive(waiting):
            self._lanes.add(job)

    def _start_ready(self, now: float) -> list[StartDelivery]:
        starts: list[StartDelivery] = []
        if self._paused_by_operator is not False or self._stopped or now < self._not_before:
            return starts
        while self._in_flight < self.concurrency:
            if self._pacer and not self._pacer.room(now):
                self._pace_at = self._pace_at or now + PACE_SECONDS
                break
            job = self._lanes.next(
                from_table=self._has_room_for_table(now), newest=self._breaker.probes > 0
            )
            if job is None:
                break
            if self._pacer:
                self._pacer.consume(1)
            self._in_flight += 1
            self._in_flight_from_table += job.is_from_table
            starts.append(StartDelivery(job, now, self._breaker.probes))
        return starts

    def _has_room_for_table(self, now: float) -> bool:
        """True if a delivery from the tables may start. They take at most a part of the window, and
        a window of one goes to a waiting ordinary delivery first."""
        if now > self._tables_until:
            return False
        if self.concurrency == 1 and self._lanes.has_ordinary:
            return False
        return self._in_flight_from_table < max(1, self.concurrency // TABLE_SHARE)

    def _release(self, job: Job, *, settled: bool) -> list[Action]:
        """Forget a job that is stored."""
        actions: list[Action] = []
        self._replays.discard(job.delivery.id)
        if self._sidelined.release(job, settled=settled):
            actions.append(PollSoon())
        if job.batch:
            job.batch.left -= 1
            if not job.batch.left:
                actions.append(self._ack(job.batch.incoming))
        return actions

    def _ack(self, incoming: IncomingMessage) -> Ack:
        self._batches -= 1
        return Ack(incoming)

    def _sideline(self, jobs: Sequence[Job], wait: float = 0.0) -> Sideline:
        self._sidelined.start_storing(jobs)
        return Sideline(jobs, wait)

    def _on_poison(self, job: Job, answer: Response, verdict: Verdict, now: float) -> list[Action]:
        """Sideline a job with the rest of its conversation; a replay goes alone."""
        jobs = [self._lanes.release_lane(job)] if job.replays else self._lanes.remove_lane(job)
        retry_after = min(answer.retry_after or 0.0, FIRST_RETRY_AFTER)
        return [
            Report("error", "delivery.aside", {"record": job.delivery.id}),
            RecordFailure(job, answer, verdict),
            *self._start_ready(now),
            self._sideline(jobs, max(verdict.wait, retry_after)),
        ]

    def _requeue(self, job: Job) -> list[Action]:
        """Retry a job after those of other conversations. If these have all failed too, and no more
        batches may come in hand, sideline them all: only other messages can show whether the
        messages or the destination fail."""
        self._lanes.requeue(job)
        if self._batches < BATCHES or self._lanes.has_untried or self._in_flight:
            return []
        tried = self._lanes.remove_tried()
        return [self._sideline(tried, SIDELINE_WAITS[0])] if tried else []

    def _pause(self, answer: Response, verdict: Verdict, now: float, chance: float) -> list[Action]:
        """The destination failed once more."""
        probes, several = self._breaker.probes, len(self._failing) > 1
        wait = wait_before_probe(probes, answer.retry_after, chance, several=several)
        self.failure = Failure(self.failure.since if self.failure else now, verdict.reason)
        self._breaker.on_failure()
        self._window.on_failure(now)
        self.condition = failing_condition(answer, verdict)
        self._not_before = self._probe_at = max(self._not_before, now + wait)
        level: Literal["error", "warning"] = "error" if verdict.alarm else "warning"
        fields = {"reason": verdict.reason, "attempt": probes}
        return [Report(level, "destination.paused", fields)]

    def _on_response(self, verdict: Verdict) -> list[Action]:
        """The destination answered; if it accepted the delivery, it works."""
        self.condition = WORKING
        if verdict.outcome == "settled":
            self._breaker.on_success()
            self._failing.clear()
            self._lanes.reset_tried()
        if not self._breaker.probes:
            return []
        self._breaker.probes = 0
        self.failure = None
        return [Report("info", "destination.resumed")]
