"""Admission in a simulated overload: bounded, without fluttering, and back by itself."""

from collections import deque
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission import (
    BYTES,
    GATEWAY_MEASURES,
    PARTITION_MEASURES,
    REQUESTS,
    STALLED,
    Load,
    Measure,
    decide,
)

NOTHING = Load(requests=0, bytes=0, stalled=0.0)
LATE_TICKS = 15
"""Ticks after which a waiting request is told that it took too long."""


class Door:
    """Remembers the last answer, and counts how often it changed."""

    def __init__(self, *measures: Measure) -> None:
        self.measures, self.reason, self.changes = measures, "", 0

    def admits(self, load: Load) -> bool:
        admitted, reason = decide(load, self.measures, self.reason)
        self.changes += reason != self.reason
        self.reason = reason
        return admitted


@pytest.mark.slow
@given(
    capacity=st.integers(1, 30),
    factor=st.floats(1, 12),
    ticks=st.integers(1, 60),
    after=st.floats(0, 0.9),
    room=st.floats(2, 12),
    opens=st.floats(0.6, 0.95),
)
def test_an_overload_is_bounded_does_not_flutter_and_is_over_when_it_is_over(
    capacity: int, factor: float, ticks: int, after: float, room: float, opens: float
) -> None:
    closes = int(capacity * room) + 3
    measure = Measure("requests", closes, int(closes * opens), "many")
    door, in_hand, finished = Door(measure), 0, 0

    def tick(arriving: int) -> int:
        """Do one tick, and return how many arrivals it refused."""
        nonlocal in_hand, finished
        refused = 0
        for _ in range(arriving):
            if door.admits(Load(in_hand, 0, 0.0)):
                in_hand += 1
            else:
                refused += 1
        assert in_hand <= closes
        done = min(capacity, in_hand)
        in_hand, finished = in_hand - done, finished + done
        return refused

    for _ in range(ticks):
        tick(int(capacity * factor))
    assert door.changes <= 2 * (finished / (measure.closes - measure.opens) + 1)
    calm = int(capacity * after)
    for _ in range(closes // (capacity - calm) + 2):
        tick(calm)
    changes = door.changes
    assert sum(tick(calm) for _ in range(20)) == 0, "everything is let in again"
    assert door.changes - changes <= 1


@given(arriving=st.integers(1, 50), dead=st.integers(1, 200))
def test_stalled_partition_admits_one_request_at_a_time(arriving: int, dead: int) -> None:
    """Ticks of 0.1 s; nothing is confirmed during the first `dead` of them."""
    door = Door(*PARTITION_MEASURES)
    waiting: deque[int] = deque()  # when they came
    since: int | None = None
    tried: list[int] = []
    for now in range(dead + LATE_TICKS + 30):
        while waiting and now - waiting[0] >= LATE_TICKS:
            waiting.popleft()
        refused = 0
        for _ in range(arriving):
            stalled = 0.0 if since is None else (now - since) / 10
            if not door.admits(Load(len(waiting), 0, stalled)):
                refused += 1
                continue
            since = now if since is None else since
            waiting.append(now)
            if door.reason:
                tried.append(now)
        if now >= dead and waiting:
            waiting.clear()
            since = None
    assert all(b - a >= LATE_TICKS for a, b in pairwise(tried))
    assert refused == 0 and door.reason == "" and door.changes <= 2


def test_each_measure_closes_the_door_for_its_own_reason() -> None:
    few = Load(1, 0, 0.0)
    for measure, load in (
        (REQUESTS, few._replace(requests=int(REQUESTS.closes))),
        (BYTES, few._replace(bytes=int(BYTES.closes))),
        (STALLED, few._replace(stalled=STALLED.closes)),
    ):
        assert decide(load, (*GATEWAY_MEASURES, *PARTITION_MEASURES), "") == (False, measure.reason)
    assert decide(NOTHING, (*GATEWAY_MEASURES, *PARTITION_MEASURES), "") == (True, "")


def test_between_its_bounds_a_door_stays_as_it_is() -> None:
    between = Load(int(REQUESTS.closes) - 1, 0, 0.0)
    assert decide(between, GATEWAY_MEASURES, "") == (True, "")
    assert decide(between, GATEWAY_MEASURES, REQUESTS.reason) == (False, REQUESTS.reason)
    assert decide(between, GATEWAY_MEASURES, BYTES.reason) == (True, "")
