"""Whose fault a failure is: the message's, when others pass meanwhile; else the destination's."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.crm.breaker import (
    FAILURES_BEFORE_SIDELINE,
    MAX_IN_A_ROW,
    SIDELINE_WAITS,
    SUCCESSES_REQUIRED,
    DestinationBreaker,
)
from deliverer.crm.lanes import IncomingBatch, Job
from deliverer.crm.response_policy import Verdict, judge
from deliverer.transport.response import Response
from services.amqp.incoming_message import IncomingMessage
from tests.support.deliverer.delivery_jobs import delivery

FRAME = IncomingBatch(IncomingMessage(type="", body=b"", delivery_tag=1, delivery_count=0), 0)
ERROR, REFUSED = (judge(Response(status=status)) for status in (500, 422))


def job(conversation: str = "poison") -> Job:
    return Job(delivery(1, conversation), FRAME)


def fails(health: DestinationBreaker, one: Job, verdict: Verdict = ERROR) -> Verdict:
    """What an attempt comes to, and the pause that it may be."""
    found = health.classify(one, verdict)
    if found.outcome == "paused":
        health.on_failure()
    return found


def takes(health: DestinationBreaker, others: int) -> None:
    health.probes = 0
    for _ in range(others):
        health.on_success()


def test_failing_message_is_sidelined_then_parked_while_others_pass() -> None:
    health, poison = DestinationBreaker(), job()
    assert fails(health, poison).outcome == "paused"
    waits = []
    for _ in SIDELINE_WAITS:
        takes(health, SUCCESSES_REQUIRED)
        found = fails(health, poison)
        assert found.outcome == "aside"
        waits.append(found.wait)
    assert tuple(waits) == SIDELINE_WAITS
    takes(health, SUCCESSES_REQUIRED)
    found = fails(health, poison)
    assert found.outcome == "parked"
    assert found.reason == ("the destination answered 500, 7 times, and took what came between")
    assert sum(SIDELINE_WAITS) == 15 * 60


def test_message_is_not_sidelined_when_all_others_fail_too() -> None:
    health, jobs = DestinationBreaker(), [job(str(n)) for n in range(5)]
    for _ in range(100):
        assert {fails(health, one).outcome for one in jobs} == {"paused"}


def test_a_destination_that_mostly_fails_parks_nothing() -> None:
    health, jobs = DestinationBreaker(), [job(str(n)) for n in range(50)]
    for turn in range(1000):
        assert fails(health, jobs[turn % 50]).outcome in ("paused", "aside")
        takes(health, SUCCESSES_REQUIRED - 1)
        fails(health, job(f"new {turn}"))  # as it does with whatever comes first


def test_sidelined_message_waits_no_longer_when_all_others_fail_too() -> None:
    health, poison = DestinationBreaker(), job()
    fails(health, poison)
    takes(health, SUCCESSES_REQUIRED)
    assert fails(health, poison).wait == SIDELINE_WAITS[0]
    for _ in range(10):
        fails(health, job("other"))
        assert fails(health, poison).wait == SIDELINE_WAITS[0]


@given(
    st.sampled_from(
        [judge(Response(status=401)), judge(Response(failure="refused", request_sent=False))]
    )
)
def test_breaker_never_blames_a_message_for_a_failure_of_the_destination(verdict: Verdict) -> None:
    health, one = DestinationBreaker(), job()
    for _ in range(20):
        assert fails(health, one, verdict) == verdict
        takes(health, SUCCESSES_REQUIRED)


@pytest.mark.parametrize("status", [302, 403, 404, 410, 425, 429, 500, 503, 599])
def test_any_failing_status_sidelines_a_message_when_others_pass(status: int) -> None:
    health, one = DestinationBreaker(), job()
    fails(health, one, judge(Response(status=status)))
    takes(health, SUCCESSES_REQUIRED)
    assert fails(health, one, judge(Response(status=status))).outcome == "aside"


def test_ten_that_are_refused_in_a_row_are_not_the_messages_fault_any_more() -> None:
    health = DestinationBreaker()
    for n in range(MAX_IN_A_ROW):
        assert fails(health, job(str(n)), REFUSED).outcome == "parked"
    found = fails(health, job("another"), REFUSED)
    assert (found.outcome, found.alarm) == ("paused", True)
    assert found.reason.startswith("ten messages in a row were refused")
    takes(health, 1)
    assert fails(health, job("another"), REFUSED).outcome == "parked"


def test_refusals_in_one_conversation_count_once_for_the_breaker() -> None:
    health = DestinationBreaker()
    assert {fails(health, job(), REFUSED).outcome for _ in range(100)} == {"parked"}


def test_sidelined_messages_are_parked_however_slowly_others_pass() -> None:
    health, poisons = DestinationBreaker(), [job(name) for name in "abc"]
    for _ in range(2):
        for one in poisons:
            fails(health, one)
        takes(health, SUCCESSES_REQUIRED)
    for _ in range(100):
        found = [fails(health, one).outcome for one in poisons]
        takes(health, 1)
    assert found == ["parked"] * 3


def test_sidelined_messages_pause_the_destination_when_nothing_passes() -> None:
    health, jobs = DestinationBreaker(), [job(str(n)) for n in range(MAX_IN_A_ROW + 1)]
    for one in jobs:
        fails(health, one)
        takes(health, 1)
        assert fails(health, one).outcome == "aside"
    takes(health, 1)
    found = [fails(health, one).outcome for one in jobs]
    assert found == ["aside"] * MAX_IN_A_ROW + ["paused"]
    takes(health, 1)
    assert fails(health, jobs[0]).outcome == "aside"


def test_refused_replays_do_not_pause_the_destination() -> None:
    health = DestinationBreaker()
    for n in range(3 * MAX_IN_A_ROW):
        again = msgspec.structs.replace(job(str(n)), replays=1)
        assert fails(health, again, REFUSED).outcome == "parked"
    assert fails(health, job("new"), REFUSED).outcome == "parked"


def test_suspicion_takes_more_than_one_failure() -> None:
    assert FAILURES_BEFORE_SIDELINE == 2  # the sentences in the docs say "twice"
