"""The destinations that run: those of the start, and each that is added while the service runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from deliverer.audit.recorder import RecordAttempt
from deliverer.crm.attempt import DeliveryAttempt, Receiver
from deliverer.crm.destination_kind import Credentials, ReceiverContext
from deliverer.crm.scheduler import BATCHES
from deliverer.crm.session import DeliveryTables, Session
from deliverer.crm.settlements import Settlements
from deliverer.destinations import DESTINATIONS
from services.amqp import topology
from services.amqp.batcher import BatchLimits, run_batcher
from services.amqp.connection import BrokerConnection
from services.amqp.consumer import Consumer, Inbox, run_consumer
from services.config.organisation import Destination
from services.lifecycle import first_failure, watch_parts
from services.tasks import background_task

SETTLE_LIMITS = BatchLimits(min_interval=0.020, flush_size=256)
"""Settlements are written every 20 ms. Only their batch message waits for it, no citizen does."""


class SharedResources(NamedTuple):
    """Resources that all destinations share."""

    link: BrokerConnection
    settlements: Settlements
    tables: DeliveryTables
    receivers: ReceiverContext
    record_attempt: RecordAttempt
    share: Callable[[Consumer], None]
    """Shares the queue of a consumer with the other deliverers."""
    sessions: dict[str, Session]
    """The session of each destination, once it has one."""


class RunningDestination(NamedTuple):
    consumer: Consumer
    receiver: Receiver
    tasks: list["asyncio.Task[None]"]
    """Consumer, writer of settlements, watcher of the certificates, and tasks of its kind."""


class RunningDestinations:
    """`consumers` and `receivers` are of all destinations that run, and grow in place."""

    task: "asyncio.Task[object]"
    """Fails as soon as a part of any destination does."""

    def __init__(
        self,
        shared: SharedResources,
        credentials: Mapping[str, Credentials],
        stack: AsyncExitStack,
        broken: "asyncio.Future[object]",
    ) -> None:
        self._shared, self._credentials = shared, credentials
        self._stack, self._broken = stack, broken
        self.consumers: list[Consumer] = []
        self.receivers: dict[str, Receiver] = {}

    async def add(self, destinations: Sequence[Destination]) -> None:
        """Run those of the destinations that do not run yet."""
        for each in destinations:
            if each.id not in self.receivers:
                context = run_destination(self._shared, each, self._credentials[each.id])
                running = await self._stack.enter_async_context(context)
                watch_parts(self._broken, *running.tasks)
                self.consumers.append(running.consumer)
                self.receivers[each.id] = running.receiver


@asynccontextmanager
async def run_destinations(
    shared: SharedResources,
    destinations: Sequence[Destination],
    credentials: Mapping[str, Credentials],
) -> AsyncIterator[RunningDestinations]:
    """Run these destinations, and those that are added, while the context is open."""
    broken = first_failure()

    async def watch() -> object:
        return await broken

    async with AsyncExitStack() as stack, background_task(watch()) as task:
        running = RunningDestinations(shared, credentials, stack, broken)
        running.task = task
        await running.add(destinations)
        yield running


@asynccontextmanager
async def run_destination(
    shared: SharedResources, destination: Destination, credentials: Credentials
) -> AsyncIterator[RunningDestination]:
    """Run one destination."""
    queue = next(q for q in topology.queues(0, [destination.id]) if q.kind == "destination")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        settle = await enter(run_batcher(shared.settlements.write, SETTLE_LIMITS))
        kind = DESTINATIONS[destination.kind]
        receiver, tasks = await enter(kind.receiver(destination, credentials, shared.receivers))
        certificates = credentials.certificates
        watch = [await enter(background_task(certificates.watch()))] if certificates else []
        engine = DeliveryAttempt(
            destination, receiver, shared.settlements, settle, shared.record_attempt
        )

        async def work(inbox: Inbox) -> None:
            session = Session(engine, shared.tables, inbox, lambda: consumer.is_ours)
            shared.sessions[destination.id] = session
            await session.run()

        consumer = await enter(run_consumer(shared.link, queue, BATCHES, work))
        shared.share(consumer)
        own = consumer.task, settle.task
        yield RunningDestination(consumer, receiver, [*own, *tasks, *watch])
