"""Consequence of a CRM's answer: the whole table of statuses, and how long a pause lasts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.crm.response_policy import (
    FIRST_RETRY_AFTER,
    FIRST_WAIT,
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    judge,
    wait_before_probe,
)
from deliverer.transport.response import Response

# The design's section on delivery: whose fault is it, and does it pass by itself?
MESSAGE = {400, 409, 413, 415, 422}
PASSING = {408, 425, 429, *range(500, 600)}


def expected(status: int) -> tuple[str, bool]:
    """Outcome, and whether it alarms."""
    if 200 <= status < 300:
        return "settled", False
    return ("parked", False) if status in MESSAGE else ("paused", status not in PASSING)


def test_every_status_has_its_consequence_and_no_reason_quotes_the_answer() -> None:
    for status in range(100, 600):
        verdict = judge(Response(status=status, body=b"Sanne"))
        assert (status, verdict.outcome, verdict.alarm) == (status, *expected(status))
        assert (str(status) in verdict.reason) != (verdict.outcome == "settled")
        assert "Sanne" not in verdict.reason


@pytest.mark.parametrize(
    ("failure", "alarm"),
    [("refused", False), ("timeout", False), ("reset", False), ("name", True), ("tls", True)],
)
def test_missing_response_pauses_the_destination(failure: str, alarm: bool) -> None:
    verdict = judge(Response(failure=failure))  # type: ignore[arg-type]
    assert (verdict.outcome, verdict.alarm) == ("paused", alarm)
    assert failure in verdict.reason


NGINX = b"<html>\r\n<head><title>400 %s</title></head>\r\n<body>"


@pytest.mark.parametrize(
    "words",
    [
        b"No required SSL certificate was sent",
        b"The SSL certificate error",
        b"The plain HTTP request was sent to HTTPS port",
    ],
)
def test_status_400_about_a_certificate_pauses_the_destination(words: bytes) -> None:
    verdict = judge(Response(status=400, body=NGINX % words))
    assert (verdict.outcome, verdict.alarm, verdict.may_be_message) == ("paused", True, False)
    assert "400" in verdict.reason
    quoted = b'{"detail": "' + NGINX % words + b'"}'
    for body in (NGINX % b"Bad Request", quoted, words):
        assert judge(Response(status=400, body=body)).outcome == "parked"


CHANCE = st.floats(0, 1, exclude_max=True)


@given(st.integers(0, 10_000), CHANCE)
def test_probes_come_ever_later_up_to_a_bound_and_never_all_at_once(
    probes: int, chance: float
) -> None:
    full = min(FIRST_WAIT * 2 ** min(probes, 20), LONGEST_WAIT)
    assert full / 2 <= wait_before_probe(probes, None, chance, several=False) <= full
    waits = [wait_before_probe(probes + n, None, 0.0, several=False) for n in (0, 1)]
    assert waits == sorted(waits)


@given(st.integers(0, 100), st.floats(0, allow_nan=False), CHANCE, st.booleans())
def test_retry_after_delays_the_next_probe_within_a_bound(
    probes: int, retry_after: float, chance: float, several: bool
) -> None:
    longest = LONGEST_RETRY_AFTER if several else FIRST_RETRY_AFTER
    unasked = wait_before_probe(probes, None, chance, several=several)
    wait = wait_before_probe(probes, retry_after, chance, several=several)
    assert wait == max(unasked, min(retry_after, longest)), "never sooner than without"
