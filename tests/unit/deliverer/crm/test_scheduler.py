"""The scheduler under any events in any order: conversations in order, nothing lost, no flood."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverer.crm.breaker import SIDELINE_WAITS
from deliverer.crm.lanes import IncomingBatch, Job
from deliverer.crm.response_policy import FIRST_WAIT, judge
from deliverer.crm.scheduler import Ack, Action, Report, Scheduler, Settle, Sideline, StartDelivery
from deliverer.crm.sidelined import PER_CONVERSATION, SidelinedDelivery
from deliverer.transport.response import Response
from services.amqp.incoming_message import IncomingMessage
from tests.support.deliverer.delivery_jobs import delivery
from tests.support.example_count import example_count

REPLAY = 10_000
"""Numbers from here on are of replays."""
OK = Response(status=200)


class World:
    """A shell around a scheduler that carries everything out, as late as it likes, and checks."""

    def __init__(self, window: int, per_second: int | None, poisoned: Sequence[int] = ()) -> None:
        self.scheduler, self.window = Scheduler(window, per_second), window
        self.poisoned = {f"c{each}" for each in poisoned}
        """Conversations that the destination fails on, each time."""
        self.now, self.numbers, self.intake_waits = 1000.0, 0, False
        self.flying: list[StartDelivery] = []
        self.writing: list[Settle | Sideline] = []
        self.unsettled: dict[str, list[int]] = {}
        """Conversation -> numbers that came in, and are not taken or refused, in order."""
        self.table: dict[int, tuple[float, SidelinedDelivery]] = {}
        self.replays: dict[int, tuple[float, Job]] = {}
        self.written: set[int] = set()
        self.envelopes: dict[int, list[int]] = {}
        self.acked: list[int] = []
        self.wants_pause, self.operator_pauses = False, True
        self.paused_at: float | None = None
        self.polling = self.poll()
        self.has_lease = True
        self.scheduler.on_lease(math.inf)

    def perform(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case StartDelivery():
                    self.start(action)
                case Settle() | Sideline():
                    self.writing.append(action)
                case Ack():
                    tag = action.incoming.delivery_tag
                    assert tag not in self.acked
                    missing = set(self.envelopes[tag]) - self.written - set(self.table)
                    assert not missing, "acknowledged, and neither written down nor stored"
                    self.acked.append(tag)
                case Report(event="destination.paused"):
                    self.paused_at = self.now
                case Report(event="destination.resumed"):
                    self.paused_at = None
                case Report(event="destination.freed" | "destination.held") if self.paused_at:
                    self.paused_at -= FIRST_WAIT  # its next probe goes at once

    def start(self, start: StartDelivery) -> None:
        job, number = start.job, start.job.delivery.sequence
        conversation = job.delivery.conversation
        in_flight = Counter(each.job.delivery.conversation for each in self.flying)
        assert not in_flight[conversation], "two of one conversation at once"
        if number < REPLAY:
            assert self.unsettled[conversation][0] == number, "out of order"
        assert self.has_lease or not job.is_from_table, "the tables are the work of another"
        self.flying.append(start)
        assert len(self.flying) <= self.scheduler.concurrency <= self.window
        assert not self.operator_pauses
        if self.paused_at is not None:
            assert len(self.flying) == 1 and self.now >= self.paused_at + FIRST_WAIT / 2

    def batch(self, conversations: Sequence[int]) -> None:
        if self.intake_waits or len(self.envelopes) - len(self.acked) == 16:
            return
        tag = len(self.envelopes) + 1
        incoming = IncomingMessage("", b"", tag, 0)
        frame, jobs = IncomingBatch(incoming, len(conversations)), []
        for each in conversations:
            self.numbers += 1
            jobs.append(Job(delivery(self.numbers, f"c{each}"), frame))
            self.unsettled.setdefault(f"c{each}", []).append(self.numbers)
        self.envelopes[tag] = [job.delivery.sequence for job in jobs]
        self.scheduler.on_message()
        actions = self.scheduler.on_batch(incoming, jobs, set())
        self.intake_waits = any(isinstance(action, Sideline) for action in actions)
        self.intake = actions
        self.perform(actions)
        if not self.intake_waits:
            self.tick()

    def replay(self, conversation: int) -> None:
        number = REPLAY + len(self.replays) + len(self.written)
        self.replays[number] = (self.now, Job(delivery(number, f"c{conversation}"), None, 1))

    def land(self, which: int, answer: Response) -> None:
        """One that is in flight."""
        if not self.flying:
            return
        start = self.flying.pop(which % len(self.flying))
        start.job.attempts += 1
        if start.job.delivery.conversation in self.poisoned:
            answer = Response(status=500)
        paused = self.paused_at
        actions = self.scheduler.on_result(start, answer, judge(answer), self.now, 0.5)
        if any(isinstance(each, Settle) for each in actions) and not start.job.replays:
            self.unsettled[start.job.delivery.conversation].remove(start.job.delivery.sequence)
        if paused is not None and not any(isinstance(each, Settle) for each in actions):
            assert self.scheduler.is_paused
        self.perform(actions)

    def write(self, which: int) -> None:
        """One of the writes that are under way ends."""
        if not self.writing:
            return
        action = self.writing.pop(which % len(self.writing))
        if isinstance(action, Settle):
            number = action.job.delivery.sequence
            self.written.add(number)
            self.table.pop(number, None)
            self.replays.pop(number, None)
            self.perform(self.scheduler.on_settled(action.job))
            return
        for job in action.jobs:
            number, due = job.delivery.sequence, self.now + action.wait
            if job.replays:
                again = Job(job.delivery, None, job.replays, failures=job.failures)
                self.replays[number] = (due, again)
            else:
                self.table[number] = (due, SidelinedDelivery(job.delivery, job.failures))
        self.perform(self.scheduler.on_sidelined(action.jobs))
        if self.intake_waits and action in self.intake:
            self.intake_waits = False
            self.tick()

    def poll(self) -> Iterator[None]:
        """Anything may happen between two queries."""
        while True:
            paused = self.operator_pauses = self.wants_pause
            self.perform(self.scheduler.on_operator_pause(paused))
            if not paused:
                yield from self.scan()
            self.tick()
            yield

    def lease(self, taken: bool) -> None:
        """Another process gives the tables to this one, or takes them."""
        if not taken:
            self.scheduler.put_back()
        self.has_lease = taken
        self.scheduler.on_lease(math.inf if taken else -math.inf)

    def scan(self) -> Iterator[None]:
        if not self.has_lease:
            return
        due = [job for at, job in self.replays.values() if at <= self.now]
        held = self.scheduler.replays
        self.scheduler.on_replays([job for job in due if job.delivery.id not in held], set())
        yield
        asked = self.scheduler.start_scan()
        yield
        stored = {each.delivery.conversation for _, each in self.table.values()}
        most = self.scheduler.on_conversations(stored)
        yield
        if asked and most > 0:
            self.scheduler.on_due(self.due(asked, most))

    def due(self, conversations: set[str], most: int) -> list[SidelinedDelivery]:
        rows: dict[str, list[tuple[float, SidelinedDelivery]]] = {}
        for _, row in sorted(self.table.items()):
            rows.setdefault(row[1].delivery.conversation, []).append(row)
        ready = [each for whose, each in rows.items() if whose in conversations]
        ready = [each for each in ready if each[0][0] <= self.now]
        return [waiting for each in ready[:most] for _, waiting in each[:PER_CONVERSATION]]

    def advance(self, seconds: float) -> None:
        """Time passes, and the timer rings when it should."""
        until = self.now + seconds
        while (due := self.scheduler.next_due) is not None and due <= until:
            self.now = max(self.now, due)
            self.tick()
            assert self.scheduler.next_due != due, "it would ring for ever"
        self.now = until

    def tick(self) -> None:
        self.perform(self.scheduler.tick(self.now))

    def drain(self) -> None:
        """All is well from here on; half an hour goes by."""
        self.wants_pause, self.poisoned = False, set()
        self.lease(taken=True)
        for _ in range(1800):
            while self.flying or self.writing:
                self.land(0, OK)
                self.write(0)
            next(self.polling)
            self.advance(1.0)


ANSWERS = [
    OK,
    OK,
    OK,
    *(Response(status=s) for s in (400, 403, 500, 503)),
    Response(failure="refused"),
]
which = st.integers(0, 30)
STEPS = st.one_of(
    st.tuples(st.just("batch"), st.lists(st.integers(0, 6), min_size=1, max_size=8)),
    st.tuples(st.just("replay"), st.integers(0, 6)),
    st.tuples(st.just("land"), which, st.just(OK)),
    st.tuples(st.just("land"), which, st.sampled_from(ANSWERS)),
    st.tuples(st.just("write"), which),
    st.tuples(st.just("poll")),
    st.tuples(st.just("advance"), st.sampled_from([0.0, 0.02, 0.6, 5.0, SIDELINE_WAITS[0], 70.0])),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("lease"), st.booleans()),
)


def carry_out(world: World, step: tuple[Any, ...]) -> None:
    match step:
        case ("poll",):
            next(world.polling)
        case ("pause", wanted):
            world.wants_pause = wanted
        case (name, *arguments):
            getattr(world, name)(*arguments)


@pytest.mark.slow
@settings(max_examples=example_count(200), deadline=None, derandomize=True)
@given(
    st.integers(1, 6),
    st.sampled_from([None, None, 20]),
    st.lists(st.integers(0, 6), max_size=3),
    st.lists(STEPS, min_size=40, max_size=120),
)
def test_any_events_keep_order_and_bounds_and_lose_nothing(
    window: int, per_second: int | None, poisoned: list[int], steps: list[tuple[Any, ...]]
) -> None:
    world = World(window, per_second, poisoned)
    next(world.polling)
    for step in steps:
        carry_out(world, step)
    world.drain()
    assert sorted(world.acked) == sorted(world.envelopes)
    assert set(range(1, world.numbers + 1)) <= world.written
    assert not world.table and not world.replays
    assert not any(world.unsettled.values())


def scheduler_with(*sidelined: str) -> tuple[Scheduler, list[Action]]:
    """A scheduler with an envelope of two deliveries, and its actions."""
    scheduler, incoming = Scheduler(4), IncomingMessage("", b"", 1, 0)
    jobs = [Job(delivery(n, f"c{n}"), IncomingBatch(incoming, 2)) for n in (1, 2)]
    return scheduler, scheduler.on_batch(incoming, jobs, set(sidelined))


def test_scheduler_starts_nothing_before_it_may_or_after_it_stops() -> None:
    scheduler, actions = scheduler_with()
    assert actions == []
    assert scheduler.tick(1000.0) == [] and scheduler.next_due is None
    scheduler.on_operator_pause(False)
    scheduler.stop()
    assert scheduler.tick(1000.0) == [] and scheduler.next_due is None


def test_delivery_of_a_conversation_that_the_table_holds_is_sidelined() -> None:
    scheduler, [sideline] = scheduler_with("c1")
    assert isinstance(sideline, Sideline)
    assert [job.delivery.sequence for job in sideline.jobs] == [1]
    scheduler.on_operator_pause(False)
    assert [start.job.delivery.sequence for start in scheduler.tick(1000.0)] == [2]


def test_envelope_with_nothing_left_to_deliver_is_acknowledged_at_once() -> None:
    incoming = IncomingMessage("", b"", 1, 0)
    assert Scheduler(4).on_batch(incoming, [], set()) == [Ack(incoming)]


def world_with(conversations: int) -> World:
    """Deliveries of so many conversations in hand, four of them in flight."""
    world = World(8, None)
    next(world.polling)
    world.batch(list(range(conversations)))
    assert len(world.flying) == 4
    return world


def test_delivery_started_before_a_failure_is_no_probe_after_it() -> None:
    world = world_with(6)
    world.land(0, OK)
    world.land(0, Response(status=503))
    while world.flying:
        world.land(0, OK)
    assert world.scheduler.is_paused, "it was under way before, and says nothing about now"
    world.advance(FIRST_WAIT)
    world.land(0, OK)
    assert not world.scheduler.is_paused


def test_probe_goes_at_once_when_the_operator_resumes_the_destination() -> None:
    world = world_with(6)
    for _ in range(4):
        world.land(0, Response(status=503, retry_after=3600.0))
    for wanted in (True, False):
        world.wants_pause = wanted
        for _ in range(5):
            next(world.polling)
        assert len(world.flying) == (0 if wanted else 1)
