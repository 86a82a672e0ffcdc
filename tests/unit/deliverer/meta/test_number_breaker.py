"""A number whose provider takes nothing is held, tried one message at a time, and opens again."""

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


def refused(
    code: int, attempt: int = 1, tried: float = 0.0, retry_after: float | None = None
) -> Verdict:
    return graph_api.judge_error(code, attempt, tried, retry_after)


SENT, UNKNOWN = Sent("wamid.1"), Unknown("no answer")
STOP = refused(190)
HOUR = 3600.0


def answered(gate: NumberBreaker, verdict: Verdict, now: float, attempt: str = "a") -> None:
    """One message goes, and this comes of it."""
    assert gate.room(now) > 0
    gate.on_start(attempt)
    gate.on_verdict(attempt, verdict, now, 0.5)
    gate.on_end(attempt)


def tries(gate: NumberBreaker, verdict: Verdict, since: float, seconds: float) -> int:
    """How many messages go while each gets this, looked at five times a second."""
    count = 0
    for look in range(int(seconds * 5)):
        now = since + look / 5
        for _ in range(gate.room(now)):
            answered(gate, verdict, now, str(count))
            count += 1
            if not gate.room(now):
                break
    return count


@pytest.mark.parametrize("code", [0, 10, 190, 200, 299, 131031, 131048, 4, 80007, 133016])
def test_a_code_about_the_number_holds_it_at_the_first_message(code: int) -> None:
    gate = NumberBreaker(80)
    gate.room(0)
    answered(gate, refused(code), 1)
    assert (gate.open_state is not None, gate.room(1.1)) == (True, 0)


@pytest.mark.parametrize("code", [100, 131026, 131047, 131056, 131000, 130429, 132001])
def test_a_code_about_a_message_a_citizen_or_the_pace_holds_no_number(code: int) -> None:
    gate = NumberBreaker(80)
    for n in range(10):
        answered(gate, refused(code), n)
    assert gate.open_state is None


@pytest.mark.parametrize("silent", [UNKNOWN, refused(131016), refused(131057), refused(2)])
def test_three_answers_that_say_nothing_hold_it_and_two_do_not(silent: Verdict) -> None:
    gate = NumberBreaker(80)
    for n in range(5):
        answered(gate, SENT if n == 2 else silent, n)
    assert gate.open_state is None
    answered(gate, silent, 5)
    assert gate.open_state is not None and gate.room(5.1) == 0


def test_message_given_up_after_a_day_still_counts_for_the_number_breaker() -> None:
    for code in (190, 80007):
        verdict = refused(code, tried=MAX_RETRY_SECONDS)
        assert (type(verdict), signal_of(verdict)) == (Failed, "refuses")
    given_up = refused(131016, tried=MAX_RETRY_SECONDS)
    assert (type(given_up), signal_of(given_up)) == (Failed, "silent")
    assert signal_of(Failed(0, "unreachable: x")) == "silent"


def test_an_hour_of_nothing_costs_tens_of_messages_and_not_all() -> None:
    gate = NumberBreaker(80)
    count = tries(gate, UNKNOWN, 0, HOUR)
    assert HOUR / LONGEST_WAIT <= count <= 80
    assert gate.open_state and gate.open_state.reason == UNWELL


def test_a_limit_is_waited_out_for_as_long_as_meta_asks() -> None:
    gate = NumberBreaker(80)
    answered(gate, refused(80007, retry_after=900.0), 0)
    assert (gate.room(899), gate.room(901)) == (0, 1)
    gate = NumberBreaker(80)
    assert tries(gate, refused(4), 0, HOUR) <= 13


def test_open_breaker_tries_one_message_at_a_time() -> None:
    gate = NumberBreaker(80)
    answered(gate, STOP, 0)
    assert gate.room(FIRST_WAIT) == 1
    gate.on_start("try")
    assert gate.room(FIRST_WAIT + 60) == 0
    gate.on_end("try")  # it never got as far as Meta: its citizen had written too long ago
    assert gate.room(FIRST_WAIT + 60) == 1


def test_breaker_ignores_outcomes_of_messages_sent_before_it_opened() -> None:
    gate = NumberBreaker(80)
    gate.room(0)
    for attempt in "abc":
        gate.on_start(attempt)
    assert gate.on_verdict("a", STOP, 0, 0.5) is not None
    assert gate.on_verdict("b", STOP, 1, 0.5) is None
    gate.on_verdict("c", SENT, 1, 0.5)
    assert gate.open_state is not None
    assert gate.room(FIRST_WAIT) == 1


@pytest.mark.parametrize("verdict", [SENT, refused(131026), refused(131056)])
def test_the_first_answer_that_shows_that_meta_takes_messages_opens_it(verdict: Verdict) -> None:
    gate = NumberBreaker(80)
    answered(gate, STOP, 0)
    answered(gate, STOP, FIRST_WAIT)
    answered(gate, verdict, FIRST_WAIT * 4)
    assert gate.open_state is None
    assert gate.room(FIRST_WAIT * 4 + 1) == REOPEN_WIDTH + 1
    answered(gate, STOP, FIRST_WAIT * 4 + 1)
    assert gate.open_state and gate.open_state.seconds <= FIRST_WAIT


def test_number_resumes_slowly_and_within_its_limit_after_a_hold() -> None:
    gate = NumberBreaker(1000)
    assert gate.room(0) == MAX_IN_FLIGHT
    answered(gate, STOP, 0)
    answered(gate, SENT, 10)
    flying: list[str] = []
    for n in range(20, 80):
        for k in range(gate.room(float(n))):
            flying.append(f"{n}.{k}")
            gate.on_start(flying[-1])
        assert len(flying) <= min(MAX_IN_FLIGHT, REOPEN_WIDTH + n - 19)
        first = flying.pop(0)
        gate.on_verdict(first, SENT, n, 0.5)
        gate.on_end(first)
    assert len(flying) == MAX_IN_FLIGHT - 1


def test_if_it_opens_and_fails_again_and_again_few_messages_are_lost() -> None:
    gate = NumberBreaker(80)
    lost, now = 0, 0.0
    for _ in range(20):
        now += 2 * FIRST_WAIT
        answered(gate, SENT, now)
        lost += tries(gate, UNKNOWN, now + 1, 1)
    assert lost == 20 * SILENT_IN_A_ROW


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_to_a_bound_and_are_spread(tries: int, chance: float) -> None:
    wait = wait_before_try(tries, chance)
    assert 0.75 * FIRST_WAIT <= wait <= LONGEST_WAIT
    assert wait <= wait_before_try(tries + 2, 0.0) or wait > 0.75 * LONGEST_WAIT
