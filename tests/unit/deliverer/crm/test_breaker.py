"""A failure is the message's fault when others pass meanwhile, and else the destination's."""

import msgspec
import pytest

from deliverer.crm.breaker import (
    FAILURES_BEFORE_SIDELINE,
    MAX_IN_A_ROW,
    SIDELINE_WAITS,
    SUCCESSES_REQUIRED,
    DestinationBreaker,
)
from deliverer.crm.lanes import Job
from deliverer.crm.response_policy import Verdict, judge
from deliverer.transport.response import Response
from tests.support.deliverer.delivery_jobs import FRAME, delivery

UNSENT = Response(failure="refused", request_sent=False)
ERROR, REFUSED = (judge(Response(status=status)) for status in (500, 422))


def job(conversation: str = "poison") -> Job:
    return Job(delivery(1, conversation), FRAME)


def jobs(count: int) -> list[Job]:
    return [job(str(n)) for n in range(count)]


def fail(breaker: DestinationBreaker, one: Job, verdict: Verdict = ERROR) -> Verdict:
    """Classify an attempt, and pause where it says so."""
    found = breaker.classify(one, verdict)
    if found.outcome == "paused":
        breaker.on_failure()
    return found


def outcomes(breaker: DestinationBreaker, jobs: list[Job], verdict: Verdict = ERROR) -> list[str]:
    return [fail(breaker, one, verdict).outcome for one in jobs]


def succeed(breaker: DestinationBreaker, others: int = SUCCESSES_REQUIRED) -> None:
    breaker.probes = 0
    for _ in range(others):
        breaker.on_success()


def test_failing_message_is_sidelined_then_parked_while_others_pass() -> None:
    breaker, poison, waits = DestinationBreaker(), job(), []
    assert fail(breaker, poison).outcome == "paused"
    for _ in SIDELINE_WAITS:
        succeed(breaker)
        found = fail(breaker, poison)
        assert found.outcome == "aside"
        waits.append(found.wait)
    assert tuple(waits) == SIDELINE_WAITS and sum(waits) == 15 * 60
    succeed(breaker)
    found = fail(breaker, poison)
    assert found.outcome == "parked"
    assert found.reason == "the destination answered 500, 7 times, and took what came between"
    assert FAILURES_BEFORE_SIDELINE == 2  # the sentences in the docs say "twice"


def test_message_is_not_sidelined_when_all_others_fail_too() -> None:
    breaker, all_jobs = DestinationBreaker(), jobs(5)
    for _ in range(100):
        assert set(outcomes(breaker, all_jobs)) == {"paused"}


def test_destination_that_mostly_fails_parks_nothing() -> None:
    breaker, all_jobs = DestinationBreaker(), jobs(50)
    for turn in range(1000):
        assert fail(breaker, all_jobs[turn % 50]).outcome in ("paused", "aside")
        succeed(breaker, SUCCESSES_REQUIRED - 1)
        fail(breaker, job(f"new {turn}"))  # as it does with whatever comes first


def test_sidelined_message_waits_no_longer_when_all_others_fail_too() -> None:
    breaker, poison = DestinationBreaker(), job()
    fail(breaker, poison)
    succeed(breaker)
    for _ in range(11):
        assert fail(breaker, poison).wait == SIDELINE_WAITS[0]
        fail(breaker, job("other"))


@pytest.mark.parametrize("answer", [Response(status=401), UNSENT])
def test_breaker_never_blames_a_message_for_a_failure_of_the_destination(answer: Response) -> None:
    breaker, one, verdict = DestinationBreaker(), job(), judge(answer)
    for _ in range(20):
        assert fail(breaker, one, verdict) == verdict
        succeed(breaker)


@pytest.mark.parametrize("status", [302, 403, 404, 410, 425, 429, 500, 503, 599])
def test_any_failing_status_sidelines_a_message_when_others_pass(status: int) -> None:
    breaker, one, verdict = DestinationBreaker(), job(), judge(Response(status=status))
    fail(breaker, one, verdict)
    succeed(breaker)
    assert fail(breaker, one, verdict).outcome == "aside"


def test_destination_pauses_after_ten_refusals_until_a_message_passes() -> None:
    breaker = DestinationBreaker()
    assert set(outcomes(breaker, jobs(MAX_IN_A_ROW), REFUSED)) == {"parked"}
    found = fail(breaker, job("another"), REFUSED)
    assert (found.outcome, found.alarm) == ("paused", True)
    assert found.reason.startswith("ten messages in a row were refused")
    succeed(breaker, 1)
    assert fail(breaker, job("another"), REFUSED).outcome == "parked"


def test_refusals_in_one_conversation_count_once_for_the_breaker() -> None:
    assert set(outcomes(DestinationBreaker(), [job()] * 100, REFUSED)) == {"parked"}


def test_refused_replays_do_not_pause_the_destination() -> None:
    breaker = DestinationBreaker()
    replays = [msgspec.structs.replace(one, replays=1) for one in jobs(3 * MAX_IN_A_ROW)]
    assert set(outcomes(breaker, [*replays, job("new")], REFUSED)) == {"parked"}


def test_sidelined_messages_are_parked_however_slowly_others_pass() -> None:
    breaker, poisons = DestinationBreaker(), jobs(3)
    for _ in range(2):
        outcomes(breaker, poisons)
        succeed(breaker)
    for _ in range(100):
        found = outcomes(breaker, poisons)
        succeed(breaker, 1)
    assert found == ["parked"] * 3


def test_sidelined_messages_pause_the_destination_when_nothing_passes() -> None:
    breaker, all_jobs = DestinationBreaker(), jobs(MAX_IN_A_ROW + 1)
    for one in all_jobs:
        fail(breaker, one)
        succeed(breaker, 1)
        assert fail(breaker, one).outcome == "aside"
    succeed(breaker, 1)
    assert outcomes(breaker, all_jobs) == ["aside"] * MAX_IN_A_ROW + ["paused"]
    succeed(breaker, 1)
    assert fail(breaker, all_jobs[0]).outcome == "aside"
