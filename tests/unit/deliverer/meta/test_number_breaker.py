"""A number whose provider takes nothing is held, and tried with one message at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.meta import graph_api
from deliverer.meta.graph_api import MAX_RETRY_SECONDS, Failed, Sent, Unknown, Verdict
from deliverer.meta.number_breaker import (
    FIRST_WAIT,
    LONGEST_WAIT,
    MAX_IN_FLIGHT,
    REOPEN_WIDTH,
    SILENT_IN_A_ROW,
    UNWELL,
    NumberBreaker,
    signal_of,
    wait_before_try,
)


def refused(code: int, tried: float = 0.0, retry_after: float | None = None) -> Verdict:
    return graph_api.judge_error(code, 1, tried, retry_after)


SENT, UNKNOWN = Sent("wamid.1"), Unknown("no answer")
STOP = refused(190)
HOUR = 3600.0


def send(breaker: NumberBreaker, verdict: Verdict, now: float, attempt: str = "a") -> None:
    """One message goes, and this comes of it."""
    assert breaker.room(now) > 0
    breaker.on_start(attempt)
    breaker.on_verdict(attempt, verdict, now, 0.5)
    breaker.on_end(attempt)


def count_sends(breaker: NumberBreaker, verdict: Verdict, since: float, seconds: float) -> int:
    """Messages that go while each gets this verdict, at five looks a second."""
    count = 0
    for look in range(int(seconds * 5)):
        now = since + look / 5
        for _ in range(breaker.room(now)):
            send(breaker, verdict, now, str(count))
            count += 1
            if not breaker.room(now):
                break
    return count


@pytest.mark.parametrize("code", [0, 10, 190, 200, 299, 131031, 131048, 4, 80007, 133016])
def test_error_code_about_the_number_opens_the_breaker_at_once(code: int) -> None:
    breaker = NumberBreaker(80)
    breaker.room(0)
    send(breaker, refused(code), 1)
    assert (breaker.open_state is not None, breaker.room(1.1)) == (True, 0)


@pytest.mark.parametrize("code", [100, 131026, 131047, 131056, 131000, 130429, 132001])
def test_error_code_about_a_message_or_the_pace_leaves_the_breaker_closed(code: int) -> None:
    breaker = NumberBreaker(80)
    for n in range(10):
        send(breaker, refused(code), n)
    assert breaker.open_state is None


@pytest.mark.parametrize("silent", [UNKNOWN, refused(131016), refused(131057), refused(2)])
def test_breaker_opens_after_three_inconclusive_answers_in_a_row(silent: Verdict) -> None:
    breaker = NumberBreaker(80)
    for n in range(5):
        send(breaker, SENT if n == 2 else silent, n)
    assert breaker.open_state is None
    send(breaker, silent, 5)
    assert breaker.open_state is not None and breaker.room(5.1) == 0


def test_message_given_up_after_a_day_still_counts_for_the_number_breaker() -> None:
    for code, signal in ((190, "refuses"), (80007, "refuses"), (131016, "silent")):
        verdict = refused(code, tried=MAX_RETRY_SECONDS)
        assert (type(verdict), signal_of(verdict)) == (Failed, signal)
    assert signal_of(Failed(0, "unreachable: x")) == "silent"


def test_silent_hour_of_the_provider_costs_tens_of_messages() -> None:
    breaker = NumberBreaker(80)
    count = count_sends(breaker, UNKNOWN, 0, HOUR)
    assert HOUR / LONGEST_WAIT <= count <= 80
    assert breaker.open_state and breaker.open_state.reason == UNWELL


def test_open_breaker_waits_as_long_as_meta_asks() -> None:
    breaker = NumberBreaker(80)
    send(breaker, refused(80007, retry_after=900.0), 0)
    assert (breaker.room(899), breaker.room(901)) == (0, 1)
    breaker = NumberBreaker(80)
    assert count_sends(breaker, refused(4), 0, HOUR) <= 13


def test_open_breaker_tries_one_message_at_a_time() -> None:
    breaker = NumberBreaker(80)
    send(breaker, STOP, 0)
    assert breaker.room(FIRST_WAIT) == 1
    breaker.on_start("try")
    assert breaker.room(FIRST_WAIT + 60) == 0
    breaker.on_end("try")  # it never got as far as Meta: its citizen had written too long ago
    assert breaker.room(FIRST_WAIT + 60) == 1


def test_breaker_ignores_outcomes_of_messages_sent_before_it_opened() -> None:
    breaker = NumberBreaker(80)
    breaker.room(0)
    for attempt in "abc":
        breaker.on_start(attempt)
    assert breaker.on_verdict("a", STOP, 0, 0.5) is not None
    assert breaker.on_verdict("b", STOP, 1, 0.5) is None
    breaker.on_verdict("c", SENT, 1, 0.5)
    assert breaker.open_state is not None
    assert breaker.room(FIRST_WAIT) == 1


@pytest.mark.parametrize("verdict", [SENT, refused(131026), refused(131056)])
def test_breaker_closes_at_the_first_answer_that_shows_meta_takes_messages(
    verdict: Verdict,
) -> None:
    breaker = NumberBreaker(80)
    send(breaker, STOP, 0)
    send(breaker, STOP, FIRST_WAIT)
    send(breaker, verdict, FIRST_WAIT * 4)
    assert breaker.open_state is None
    assert breaker.room(FIRST_WAIT * 4 + 1) == REOPEN_WIDTH + 1
    send(breaker, STOP, FIRST_WAIT * 4 + 1)
    assert breaker.open_state and breaker.open_state.seconds <= FIRST_WAIT


def test_number_resumes_slowly_and_within_its_limit_after_a_hold() -> None:
    breaker = NumberBreaker(1000)
    assert breaker.room(0) == MAX_IN_FLIGHT
    send(breaker, STOP, 0)
    send(breaker, SENT, 10)
    flying: list[str] = []
    for n in range(20, 80):
        for k in range(breaker.room(float(n))):
            flying.append(f"{n}.{k}")
            breaker.on_start(flying[-1])
        assert len(flying) <= min(MAX_IN_FLIGHT, REOPEN_WIDTH + n - 19)
        first = flying.pop(0)
        breaker.on_verdict(first, SENT, n, 0.5)
        breaker.on_end(first)
    assert len(flying) == MAX_IN_FLIGHT - 1


def test_breaker_that_keeps_reopening_loses_few_messages() -> None:
    breaker = NumberBreaker(80)
    lost, now = 0, 0.0
    for _ in range(20):
        now += 2 * FIRST_WAIT
        send(breaker, SENT, now)
        lost += count_sends(breaker, UNKNOWN, now + 1, 1)
    assert lost == 20 * SILENT_IN_A_ROW


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_between_tries_grow_to_a_bound_and_are_spread(tries: int, chance: float) -> None:
    wait = wait_before_try(tries, chance)
    assert 0.75 * FIRST_WAIT <= wait <= LONGEST_WAIT
    assert wait <= wait_before_try(tries + 2, 0.0) or wait > 0.75 * LONGEST_WAIT
