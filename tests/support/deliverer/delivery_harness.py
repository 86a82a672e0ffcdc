"""A destination's session with all that it speaks to: a channel, a CRM, tables in memory."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast
from uuid import UUID

import msgspec

from deliverer.audit.attempts import Attempt
from deliverer.audit.recorder import RecordAttempt
from deliverer.crm.attempt import DeliveryAttempt
from deliverer.crm.condition import Condition
from deliverer.crm.http_receiver import DestinationEndpoint, HttpReceiver
from deliverer.crm.lanes import Job
from deliverer.crm.replays import Orders, ReplayJob, ReplayScan
from deliverer.crm.scheduler import BATCHES
from deliverer.crm.session import DeliveryTables, Session
from deliverer.crm.settlements import Settlement
from deliverer.crm.sidelined import PER_CONVERSATION, SidelinedDelivery
from deliverer.destinations import cloudevents
from deliverer.destinations.cloudevents_batches import BatchReceiver
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.response import Response
from services import contract, metrics
from services.amqp.consumer import Inbox
from services.amqp.sealed_batch import seal_batch
from services.config.organisation import CloudEventsDestination
from services.contract import Delivery, DeliveryBatch
from tests.support.deliverer.delivery_jobs import delivery

OK = Response(status=200)
SINCE = datetime(2026, 11, 30, tzinfo=UTC)
"""Time since which this process has the lease on the tables."""
WRITERS = 10_000
"""Numbers from here on are of `writing` citizens."""
Answer = Callable[[int], Response]


class Channel:
    """A channel that notes what was acknowledged, and delivers up to its prefetch."""

    def __init__(self, prefetch: int) -> None:
        self.acked: list[int] = []
        self.inbox = Inbox(cast(Any, self))
        self._waiting: deque[Any] = deque()
        self._room = prefetch

    async def get_underlay_channel(self) -> "Channel":
        return self

    async def basic_ack(self, tag: int, multiple: bool) -> None:
        self.acked.append(tag)
        self._room += 1
        self._hand_on()

    def put(self, message: Any) -> None:
        self._waiting.append(message)
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting and self._room:
            self._room -= 1
            self.inbox.put(self._waiting.popleft())


class AmqpMessage:
    headers: Mapping[str, Any] = {}

    def __init__(self, tag: int, body: bytes, type: str) -> None:
        self.delivery_tag, self.body, self.type = tag, body, type


def now() -> float:
    return asyncio.get_running_loop().time()


def fail_for(seconds: float, answer: Response, only: int | None = None) -> Answer:
    """Answer so from now on, to everything or to one number; after these seconds take all."""
    mended = now() + seconds
    return lambda n: answer if now() < mended and only in (None, n) else OK


class Crm:
    """Takes `seconds` for each answer, and notes when it was asked for which number."""

    def __init__(self, answer: Answer = lambda _: OK, seconds: float = 1) -> None:
        self.answer, self.seconds = answer, seconds
        self.asked: list[tuple[float, int]] = []
        self.open: dict[int, str] = {}
        self.most = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        event = msgspec.json.decode(body)
        number, conversation = int(event["sequence"]), event["data"]["conversation"]
        assert conversation not in self.open.values(), "two of one conversation at once"
        self.asked.append((now(), number))
        self.open[number] = conversation
        self.most = max(self.most, len(self.open))
        try:
            await asyncio.sleep(self.seconds)
            return self.answer(number)
        finally:
            del self.open[number]

    @property
    def numbers(self) -> list[int]:
        return [number for _, number in self.asked]


class Tables:
    """The deliverer's tables, in memory: settlements, replays and sidelined deliveries."""

    def __init__(self) -> None:
        self.settled: list[Settlement] = []
        self.before: set[UUID] = set()
        """Events that were settled by an earlier process."""
        self.replays: list[ReplayJob] = []
        self.aside: dict[UUID, tuple[float, int, Job]] = {}
        """Delivery -> when it is due, its place, and itself."""
        self.is_paused = False
        self.lease: datetime | None = SINCE
        """Since when this process has the lease on the tables; None while another has it."""
        self.answers = asyncio.Event()
        """While it is clear, the database does not answer who has the lease."""
        self.answers.set()
        self.releases = 0
        self.conditions: list[Condition] = []
        """Conditions of the destination that were stored, for its owner."""

    async def put(self, settled: Settlement, size: int) -> None:
        await asyncio.sleep(0.02)
        self.settled.append(settled)
        if settled.replays:
            self.replays = [each for each in self.replays if each.delivery.id != settled.event]
        if row := self.aside.pop(settled.event, None):
            attempts = settled.attempts + row[2].attempts
            self.settled[-1] = msgspec.structs.replace(settled, attempts=attempts)

    async def store(self, destination: str, condition: Condition) -> None:
        self.conditions.append(condition)

    async def orders(self, destination: str) -> Orders:
        return Orders(self.is_paused, bool(self.replays))

    async def take(self, destination: str) -> datetime | None:
        await self.answers.wait()
        return self.lease

    async def release(self, destination: str) -> None:
        self.releases += 1

    async def due_replays(
        self, destination: str, in_hand: Collection[UUID], *, is_paused: bool
    ) -> ReplayScan:
        over = frozenset(in_hand).difference(again.delivery.id for again in self.replays)
        new = [again for again in self.replays if again.delivery.id not in in_hand]
        return ReplayScan([] if is_paused else new, over)

    async def find_states(self, destination: str, events: list[UUID]) -> dict[UUID, str]:
        states = dict.fromkeys(self.before, "settled") | dict.fromkeys(self.aside, "aside")
        return {event: states[event] for event in events if event in states}

    async def conversations(self, destination: str) -> set[str]:
        await asyncio.sleep(0.01)
        return {job.delivery.conversation for _, _, job in self.aside.values()}

    async def insert(self, destination: str, jobs: Sequence[Job], wait: float) -> None:
        await asyncio.sleep(0.01)
        for job in jobs:
            before = self.aside.get(job.delivery.id)
            attempts = job.attempts + (before[2].attempts if before else 0)
            row = msgspec.structs.replace(job, attempts=attempts)
            self.aside[job.delivery.id] = (now() + wait, job.delivery.sequence, row)

    async def due(
        self, destination: str, conversations: Collection[str], limit: int
    ) -> list[SidelinedDelivery]:
        await asyncio.sleep(0.01)
        found = list[SidelinedDelivery]()
        for conversation in conversations:
            rows = sorted(
                (place, due, SidelinedDelivery(job.delivery, job.failures, job.attempts))
                for due, place, job in self.aside.values()
                if job.delivery.conversation == conversation
            )
            if rows and rows[0][1] <= now():
                found += [waiting for _, _, waiting in rows[:PER_CONVERSATION]]
        return found


class Harness:
    """The destination `crm` at work on a channel."""

    def __init__(
        self,
        crm: Crm | None = None,
        window: int = 4,
        per_second: int | None = None,
        note: RecordAttempt | None = None,
    ) -> None:
        self.crm, self.tables, self.tags = crm or Crm(), Tables(), 0
        self.is_ours = True
        """False while another process has the destination in its share."""
        self.attempts: list[Attempt] = []
        """Attempts that settled nothing, unless `note` takes them."""
        self._note = note or self.attempts.append
        self._destination = CloudEventsDestination(
            id="crm",
            kind="cloudevents",
            url="https://crm.example",
            window=window,
            per_second=per_second,
        )
        self.open_channel()
        self.post_through(self.crm)

    def post_through(self, client: HttpClientProtocol, batch_events: int = 1) -> None:
        endpoint = DestinationEndpoint("https://crm.example", lambda: (b"key",), "")
        tables: Any = self.tables
        receiver = HttpReceiver(endpoint, cloudevents, client)
        if batch_events > 1:
            receiver = BatchReceiver(endpoint, client, batch_events)
        self._engine = DeliveryAttempt(self._destination, receiver, tables, tables, self._note)

    def open_channel(self) -> None:
        self.channel = Channel(BATCHES)
        self.inbox = self.channel.inbox

    def receive(self, *deliveries: Delivery) -> None:
        """One envelope with these."""
        batch = DeliveryBatch(destination="crm", deliveries=list(deliveries))
        name, body = seal_batch(batch)
        self.receive_frame(bytes(body), name)

    def receive_frame(self, body: bytes, kind: str = contract.DELIVERY_BATCH) -> None:
        self.tags += 1
        self.channel.put(AmqpMessage(self.tags, body, kind))

    def session(self) -> Session:
        tables: Any = self.tables
        shared = DeliveryTables(tables, tables, tables, tables)
        self.current = Session(self._engine, shared, self.inbox, lambda: self.is_ours)
        return self.current

    async def run_until(self, holds: Callable[[], bool]) -> None:
        """Work until this holds; then stop in order."""
        task = asyncio.create_task(self.session().run())
        await until(lambda: holds() or task.done())
        self.inbox.drain()
        await task

    async def run_for(self, seconds: float) -> None:
        task = asyncio.create_task(self.session().run())
        await asyncio.wait([task], timeout=seconds)
        self.inbox.drain()
        await task

    async def deliver(self, *deliveries: Delivery) -> None:
        """Receive these, and work until all envelopes are acknowledged."""
        if deliveries:
            self.receive(*deliveries)
        await self.run_until(lambda: len(self.channel.acked) == self.tags)

    def settled(self, state: str = "settled") -> list[Settlement]:
        return [each for each in self.tables.settled if each.state == state]


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.1)


def of(n: int, conversation: str) -> Delivery:
    """Delivery number n, with its conversation in the event that the CRM gets."""
    data = msgspec.json.encode({"conversation": conversation})
    return delivery(n, conversation, data=data)


def spread(numbers: range, conversations: str) -> list[Delivery]:
    """Deliveries of these conversations in turn."""
    return [of(n, conversations[n % len(conversations)]) for n in numbers]


class Writers:
    """Citizens who each write once, and when."""

    def __init__(self, crm: Crm) -> None:
        self._crm = crm
        self.wrote: dict[int, float] = {}

    def longest_wait(self) -> float:
        """Seconds that one of them waited, or waits still."""
        asked: dict[int, float] = {}
        for at, n in self._crm.asked:
            asked.setdefault(n, at)
        return max(asked.get(n, now()) - at for n, at in self.wrote.items())


@asynccontextmanager
async def writing(
    harness: Harness, every: float = 1.0, first: float = 0.0
) -> AsyncIterator[Writers]:
    """Another citizen writes every so many seconds."""
    writers = Writers(harness.crm)

    async def write() -> None:
        await asyncio.sleep(first)
        for n in count(WRITERS):
            writers.wrote[n] = now()
            harness.receive(of(n, f"writer {n}"))
            await asyncio.sleep(every)

    task = asyncio.create_task(write())
    yield writers
    task.cancel()


def metric(name: str, **labels: str) -> float | None:
    labels = labels or {"destination": "crm"}
    return metrics.REGISTRY.get_sample_value(f"postkamer_{name}", labels)
