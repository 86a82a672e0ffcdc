"""An engine with everything around it that it speaks to: a channel, a CRM, a book."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec

from deliverer.audit.attempts import Attempt
from deliverer.audit.recorder import RecordAttempt
from deliverer.crm.attempt import DeliveryAttempt
from deliverer.crm.http_receiver import DestinationEndpoint, HttpReceiver
from deliverer.crm.lanes import Job
from deliverer.crm.replays import ReplayJob, ReplayScan
from deliverer.crm.scheduler import BATCHES
from deliverer.crm.session import Session
from deliverer.crm.settlements import Settlement
from deliverer.crm.sidelined import PER_CONVERSATION, SidelinedDelivery
from deliverer.destinations import cloudevents
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.response import Response
from services import contract
from services.amqp.consumer import Inbox
from services.config.organisation import CloudEventsDestination
from services.contract import Delivery, DeliveryBatch
from tests.support.deliverer.delivery_jobs import delivery

OK = Response(status=200)


class Channel:
    """A channel that writes down what was acknowledged, and has so much in hand at most."""

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

    def comes(self, arrived: Any) -> None:
        self._waiting.append(arrived)
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiting and self._room:
            self._room -= 1
            self.inbox.put(self._waiting.popleft())


class Arrived:
    """An AMQP message as it comes in."""

    headers: Mapping[str, Any] = {}

    def __init__(self, tag: int, body: bytes, type: str) -> None:
        self.delivery_tag, self.body, self.type = tag, body, type


class Crm:
    """Takes a while, answers what it is told to, and writes down when it was asked what."""

    def __init__(
        self, answer: Callable[[int], Response] = lambda _: OK, seconds: float = 1
    ) -> None:
        self.answer, self.seconds = answer, seconds
        self.asked: list[tuple[float, int]] = []
        self.open: dict[int, str] = {}
        self.most = 0

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        event = msgspec.json.decode(body)
        number, conversation = int(event["sequence"]), event["data"]["conversation"]
        assert conversation not in self.open.values(), "two of one conversation at once"
        self.asked.append((asyncio.get_running_loop().time(), number))
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


class Book:
    """What is settled, for good."""

    def __init__(self) -> None:
        self.settled: list[Settlement] = []
        self.before: set[UUID] = set()
        self.again: list[ReplayJob] = []
        self.aside: dict[UUID, tuple[float, int, Job]] = {}
        """Delivery -> when it is due, its place, and itself, as it was kept."""
        self.still = False

    async def put(self, settled: Settlement, size: int) -> None:
        await asyncio.sleep(0.02)
        self.settled.append(settled)
        if kept := self.aside.pop(settled.event, None):
            attempts = settled.attempts + kept[2].attempts
            self.settled[-1] = msgspec.structs.replace(settled, attempts=attempts)

    async def is_paused_by_operator(self, destination: str) -> bool:
        return self.still

    async def claim_due(
        self, destination: str, in_hand: Collection[UUID], *, is_paused: bool
    ) -> ReplayScan:
        over = frozenset(in_hand).difference(again.delivery.id for again in self.again)
        new = [again for again in self.again if again.delivery.id not in in_hand]
        return ReplayScan([] if is_paused else new, over)

    async def find_states(self, destination: str, events: list[UUID]) -> dict[UUID, str]:
        there = dict.fromkeys(self.before, "settled") | dict.fromkeys(self.aside, "aside")
        return {event: there[event] for event in events if event in there}


class Table:
    """What stands aside, in a book: as `SidelinedStore`, in memory."""

    def __init__(self, book: Book) -> None:
        self._aside = book.aside

    async def conversations(self, destination: str) -> set[str]:
        await asyncio.sleep(0.01)
        return {job.delivery.conversation for _, _, job in self._aside.values()}

    async def insert(self, destination: str, jobs: Sequence[Job], wait: float) -> None:
        await asyncio.sleep(0.01)
        due = asyncio.get_running_loop().time() + wait
        for job in jobs:
            before = self._aside.get(job.delivery.id)
            attempts = job.attempts + (before[2].attempts if before else 0)
            kept = msgspec.structs.replace(job, attempts=attempts)
            self._aside[job.delivery.id] = (due, job.delivery.sequence, kept)

    async def due(
        self, destination: str, conversations: Collection[str], limit: int
    ) -> list[SidelinedDelivery]:
        await asyncio.sleep(0.01)
        now, found = asyncio.get_running_loop().time(), list[SidelinedDelivery]()
        for whose in conversations:
            rows = sorted(
                (place, due, SidelinedDelivery(job.delivery, job.failures, job.attempts))
                for due, place, job in self._aside.values()
                if job.delivery.conversation == whose
            )
            if rows and rows[0][1] <= now:
                found += [waiting for _, _, waiting in rows[:PER_CONVERSATION]]
        return found


class Hall:
    """An engine at work on a channel of its own."""

    def __init__(
        self,
        crm: Crm,
        window: int = 4,
        per_second: int | None = None,
        note: RecordAttempt | None = None,
    ) -> None:
        self.crm, self.book = crm, Book()
        self.attempts: list[Attempt] = []
        """That settled nothing, where nobody else is told of them."""
        self._note = note or self.attempts.append
        self.opens()
        destination = CloudEventsDestination(
            id="crm",
            kind="cloudevents",
            url="https://crm.example",
            window=window,
            per_second=per_second,
        )
        self.destination = destination
        self.posts_through(crm)
        self.tags = 0

    def posts_through(self, poster: HttpClientProtocol) -> None:
        terms = DestinationEndpoint("https://crm.example", (b"key",), "")
        book: Any = self.book
        receiver = HttpReceiver(terms, cloudevents, poster)
        self.engine = DeliveryAttempt(self.destination, receiver, book, book, self._note)

    def opens(self) -> None:
        """A channel, with nothing in it."""
        self.channel = Channel(BATCHES)
        self.inbox = self.channel.inbox

    def receives(self, *deliveries: Delivery) -> None:
        batch = DeliveryBatch(destination="crm", deliveries=list(deliveries))
        self.frame(contract.encode(batch))

    def frame(self, body: bytes, kind: str = contract.DELIVERY_BATCH) -> None:
        self.tags += 1
        self.channel.comes(Arrived(self.tags, body, kind))

    def session(self) -> Session:
        book: Any = self.book
        return Session(self.engine, book, Table(self.book), self.inbox)

    async def works(self, until: Callable[[], bool]) -> None:
        """Until something holds; then it is stopped, in order."""
        task = asyncio.create_task(self.session().run())
        await until_it_holds(lambda: until() or task.done())
        self.inbox.drain()
        await task


async def until_it_holds(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.1)


def of(n: int, conversation: str) -> Delivery:
    data = msgspec.json.encode({"conversation": conversation})
    return delivery(n, conversation, data=data)
