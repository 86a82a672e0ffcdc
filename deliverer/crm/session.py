"""Deliveries of one AMQP channel: carries out the decisions of `deliverer.crm.scheduler`.

Holds a task for each delivery in flight, one timer, and one task that polls the tables.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol, TypeVar, get_args

import msgspec
import structlog

from deliverer.crm.attempt import DeliveryAttempt
from deliverer.crm.condition import Condition
from deliverer.crm.lanes import Job
from deliverer.crm.replays import Replays
from deliverer.crm.response_policy import Outcome
from deliverer.crm.scheduler import (
    BATCHES,
    Ack,
    Action,
    PollSoon,
    RecordFailure,
    Report,
    Scheduler,
    Settle,
    Sideline,
    StartDelivery,
)
from deliverer.crm.sidelined import SidelinedDelivery
from deliverer.crm.table_lease import LEASE_SECONDS, LONGEST_ATTEMPT_SECONDS, RENEW_SECONDS
from services import clock, metrics
from services.amqp.consumer import ChannelLost, ConsumerStopping, Inbox
from services.amqp.incoming_message import IncomingMessage
from services.http.service_status import DestinationStatus
from services.postgres.database import retry_while_unavailable
from services.postgres.lease import release_leases
from services.tasks import background_task

POLL_SECONDS = 1.0
"""Interval between polls of the tables."""

T = TypeVar("T")
log = structlog.get_logger()


class SidelinedTable(Protocol):
    """`deliverer.crm.sidelined_store.SidelinedStore`."""

    async def conversations(self, destination: str) -> set[str]: ...

    async def insert(self, destination: str, jobs: Sequence[Job], wait: float) -> None: ...

    async def due(
        self, destination: str, conversations: Collection[str], limit: int
    ) -> list[SidelinedDelivery]: ...


class Leases(Protocol):
    """`deliverer.crm.table_lease.TableLeases`."""

    async def take(self, destination: str) -> datetime | None: ...

    async def release(self, destination: str) -> None: ...


class Conditions(Protocol):
    """`deliverer.crm.condition_store.ConditionStore`."""

    async def store(self, destination: str, condition: Condition) -> None: ...


class DeliveryTables(NamedTuple):
    """Tables of the deliveries of all destinations."""

    replays: Replays
    sidelined: SidelinedTable
    leases: Leases
    conditions: Conditions


class Session:
    def __init__(
        self,
        engine: DeliveryAttempt,
        tables: DeliveryTables,
        inbox: Inbox,
        is_ours: Callable[[], bool],
    ) -> None:
        """`is_ours` returns False while another process has the destination in its share: then that
        one delivers what waits in the tables."""
        self._engine, self._inbox, self._is_ours = engine, inbox, is_ours
        self._replays, self._sidelined, self._leases, self._conditions = tables
        self._lease_since: datetime | None = None
        """Since when this process has the lease on the tables."""
        self._lease_ends = -math.inf
        """Time at which the lease ends if it is not renewed."""
        destination = engine.destination
        self._id = destination.id
        self._scheduler = Scheduler(destination.window, destination.per_second)
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._poll_soon = asyncio.Event()
        self._has_received = False
        self._stored_condition: Condition | None = None
        count = metrics.deliveries.labels
        self._outcomes = {each: count(self._id, each) for each in get_args(Outcome)}

    def status(self) -> DestinationStatus:
        """Return the state of the destination, as the operations port shows it."""
        scheduler, failure = self._scheduler, self._scheduler.failure
        ago = timedelta(seconds=self._loop.time() - failure.since) if failure else None
        return DestinationStatus(
            self._id,
            scheduler.concurrency,
            scheduler.sidelined_conversations,
            clock.now() - ago if ago is not None else None,
            failure.reason if failure else "",
        )

    async def run(self) -> None:
        """Deliver until the channel is lost or the consumer stops."""
        self._publish_metrics()
        self._scheduler.load_sidelined(await self._query(self._sidelined.conversations, "aside"))
        try:
            async with background_task(self._poll()) as polling:
                polling.add_done_callback(self._on_task_done)
                while True:
                    for incoming in await self._inbox.take(BATCHES):
                        await self._receive(incoming)
                    self._tick()
        except ConsumerStopping:
            # Deliveries in flight are finished and stored.
            self._scheduler.stop()
            if self._tasks:
                await asyncio.wait(self._tasks)
            await self._store_condition()
            await release_leases(self._leases.release(self._id), "tables")
        except ChannelLost:
            await self._store_condition()
            raise
        finally:
            # The next consumer of the queue makes the deliveries that were in hand.
            self._scheduler.stop()
            self._arm()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _receive(self, incoming: IncomingMessage) -> None:
        self._scheduler.on_message()
        # Another process held the queue until now, and may have sidelined more since we began.
        earlier = set[str]()
        if not self._has_received:
            earlier = await self._query(self._sidelined.conversations, "aside")
            self._has_received = True
        try:
            jobs, sidelined = await self._engine.read_batch(incoming)
        except (msgspec.DecodeError, TypeError):
            await self._engine.park_unreadable(incoming)
            jobs, sidelined = [], set[str]()
        await self._perform(self._scheduler.on_batch(incoming, jobs, sidelined | earlier))

    async def _poll(self) -> None:
        """Poll the tables: the operator's pause, replays, sidelined deliveries. Store the
        condition of the destination, for its owner."""
        scheduler = self._scheduler
        while True:
            paused, has_replays = await self._query(self._replays.orders, "orders")
            await self._perform(scheduler.on_operator_pause(paused))
            is_ours = self._is_ours()
            is_waiting = has_replays or scheduler.sidelined_conversations > 0
            has_lease = await self._hold_tables(wanted=is_ours and is_waiting)
            if has_lease and (has_replays or scheduler.replays):
                await self._look_for_replays(is_paused=paused)
            if is_ours and not paused:
                await self._scan(has_lease=has_lease)
            self._tick()
            await self._store_condition()
            self._poll_soon.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._poll_soon.wait()

    async def _hold_tables(self, *, wanted: bool) -> bool:
        """Return whether this process makes the deliveries of the tables: it has the lease on them.
        Where it is not `wanted`, release that once nothing is in hand."""
        scheduler, now = self._scheduler, self._loop.time()
        if not wanted:
            scheduler.put_back()
            if not scheduler.has_from_table:
                await self._release_tables()
                return False
        if now > self._lease_ends - LEASE_SECONDS + RENEW_SECONDS:
            since = await self._query(self._leases.take, "lease")
            if since is None or since != self._lease_since:
                scheduler.put_back()  # another process may have made them meanwhile
            self._lease_since = since
            self._lease_ends = now + LEASE_SECONDS if since else -math.inf
            scheduler.on_lease(self._lease_ends - LONGEST_ATTEMPT_SECONDS)
        return wanted and self._loop.time() < self._lease_ends

    async def _release_tables(self) -> None:
        if self._lease_since:
            self._scheduler.on_lease(-math.inf)
            await self._query(self._leases.release, "lease")
        self._lease_since, self._lease_ends = None, -math.inf

    async def _look_for_replays(self, *, is_paused: bool) -> None:
        in_hand = self._scheduler.replays
        due = partial(self._replays.due_replays, in_hand=in_hand, is_paused=is_paused)
        scan = await self._query(due, "replays")
        self._scheduler.on_replays([replay.job for replay in scan.due], scan.over)

    async def _scan(self, *, has_lease: bool) -> None:
        conversations = self._scheduler.start_scan()
        limit = self._scheduler.on_conversations(
            await self._query(self._sidelined.conversations, "aside")
        )
        if has_lease and conversations and limit > 0:
            due = partial(self._sidelined.due, conversations=conversations, limit=limit)
            self._scheduler.on_due(await self._query(due, "aside"))

    async def _store_condition(self) -> None:
        condition = self._scheduler.condition
        if condition and condition != self._stored_condition:
            await self._query(partial(self._conditions.store, condition=condition), "condition")
            self._stored_condition = condition

    async def _query(self, query: Callable[[str], Awaitable[T]], what: str) -> T:
        return await retry_while_unavailable(partial(query, self._id), what)

    def _tick(self, due: float = 0.0) -> None:
        """`due`: time of the timer, because the loop may fire it a little early."""
        for start in self._scheduler.tick(max(self._loop.time(), due)):
            self._start(start)
        self._arm()

    def _on_timer(self, due: float) -> None:
        self._timer = None
        self._tick(due)

    def _arm(self) -> None:
        """One timer, for when the scheduler wants to be woken."""
        due = self._scheduler.next_due
        if due == (self._timer and self._timer.when()):
            return
        if self._timer:
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._on_timer, due)

    async def _perform(self, actions: Sequence[Action]) -> None:
        """Carry out the actions in order; the scheduler puts those that need no waiting first."""
        self._arm()
        for action in actions:
            match action:
                case StartDelivery():
                    self._start(action)
                case Settle() | Sideline():
                    await self._write(action)
                case Ack():
                    await self._inbox.ack(action.incoming)
                case RecordFailure():
                    self._count_outcome(action.verdict.outcome)
                    self._engine.record_failure(action.job, action.answer, action.verdict)
                case PollSoon():
                    self._poll_soon.set()
                case Report():
                    log_event = getattr(log, action.level)
                    log_event(action.event, destination=self._id, **action.fields)

    def _start(self, start: StartDelivery) -> None:
        task = asyncio.create_task(self._deliver(start))
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    async def _deliver(self, start: StartDelivery) -> None:
        answer, verdict = await self._engine.attempt(start.job)
        now, chance = self._loop.time(), random.random()
        await self._perform(self._scheduler.on_result(start, answer, verdict, now, chance))

    async def _write(self, action: Settle | Sideline) -> None:
        if isinstance(action, Settle):
            self._count_outcome(action.verdict.outcome)
            await self._engine.settle(action.job, action.answer, action.verdict)
            await self._perform(self._scheduler.on_settled(action.job))
        else:
            insert = partial(self._sidelined.insert, jobs=action.jobs, wait=action.wait)
            await self._query(insert, "aside")
            await self._perform(self._scheduler.on_sidelined(action.jobs))

    def _count_outcome(self, outcome: Outcome) -> None:
        self._outcomes[outcome].inc()

    def _publish_metrics(self) -> None:
        scheduler = self._scheduler
        for gauge, value in (
            (metrics.destination_paused, lambda: scheduler.is_paused),
            (metrics.destination_window, lambda: scheduler.concurrency),
            (metrics.destination_aside, lambda: scheduler.sidelined_conversations),
        ):
            gauge.labels(destination=self._id).set_function(value)

    def _on_task_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error and not isinstance(error, ChannelLost):
            log.error("delivery.failed", exc_info=error)
            self._inbox.mark_lost()
