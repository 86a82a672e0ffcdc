"""Meaning of Meta's answer: sent, later, failed or unknown; decided by `error.code` alone."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.meta.graph_api import (
    HOURLY_LIMIT_CODES,
    LONGEST_RETRY_AFTER,
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    MAX_RETRY_SECONDS,
    RETRY_BOUNDED_CODES,
    RETRY_CODES,
    STOP_CODES,
    UNREACHABLE,
    Failed,
    RetryLater,
    Sent,
    Unknown,
    judge,
    judge_read_receipt,
    message_request,
    read_receipt_request,
)
from deliverer.transport.response import Response
from services.whatsapp.delivery_status import (
    NEVER_TAKEN,
    OTHER,
    PUT_OFF,
    REASONS,
    WINDOW_CLOSED_CODE,
    error_explanation,
)

RETRIED = RETRY_CODES | RETRY_BOUNDED_CODES
REFUSED = sorted(REASONS.keys() - (RETRIED | HOURLY_LIMIT_CODES | STOP_CODES))
SHUT = (301, 307, 308, 401, 403, 404, 405, 407, 410)
"""Statuses by which a proxy refuses a request before it passes anything on."""
NEITHER = (204, 302, 303, 400, 408, 409, 413, 415, 422, 425, 500, 501, 502, 503, 504, 520, 599)
"""Statuses of requests that may have been passed on first."""


def error(code: Any, status: int = 400, retry_after: float | None = None) -> Response:
    body = {"error": {"message": "(#1) Sanne", "type": "OAuthException", "code": code}}
    return Response(status=status, body=msgspec.json.encode(body), retry_after=retry_after)


def accepted(messages: Any) -> Response:
    contacts = [{"input": "+31611111111", "wa_id": "31611111111"}]
    body = {"messaging_product": "whatsapp", "contacts": contacts, "messages": messages}
    return Response(status=200, body=msgspec.json.encode(body))


def test_message_is_sent_when_meta_gives_a_wamid() -> None:
    assert judge(accepted([{"id": "wamid.HBgL"}]), 1) == Sent("wamid.HBgL")


@pytest.mark.parametrize(
    ("word", "begin"),
    [
        ("accepted", ""),
        ("held_for_quality_assessment", "held_for_quality_assessment: "),
        ("paused", "paused: "),
        ("tomorrow", ""),
        (7, ""),
    ],
)
def test_sent_message_that_waits_at_meta_says_so(word: Any, begin: str) -> None:
    verdict = judge(accepted([{"id": "wamid.HBgL", "message_status": word}]), 1)
    assert isinstance(verdict, Sent) and verdict.wamid == "wamid.HBgL"
    assert verdict.reason.startswith(begin) and bool(verdict.reason) == bool(begin)


def test_older_code_means_that_the_window_is_closed() -> None:
    older, newer = (judge(error(code), 1) for code in (470, WINDOW_CLOSED_CODE))
    assert isinstance(older, Failed) and isinstance(newer, Failed)
    assert older.reason.partition(": ")[2] == newer.reason.partition(": ")[2]


@pytest.mark.parametrize(
    "answer",
    [
        *(accepted(messages) for messages in ([], [{}], [{"id": ""}], [{"id": 7}], None)),
        *(Response(status=200, body=body) for body in (b"", b"OK", b"\xff", b"[" * 8192, b"[]")),
        Response(status=500, body=b'{"error":{"message":"\xff","code":1}}'),
        *(Response(status=status, body=b"<html>") for status in NEITHER),
        Response(status=503, body=b'{"error":{"message":"cut off'),
        *(error(code) for code in (None, "131000", 1.5, True, 2**40)),
    ],
)
def test_inconclusive_response_is_unknown_and_never_retried(answer: Response) -> None:
    assert judge(answer, 1) == Unknown("no usable answer")


@pytest.mark.parametrize("failure", ["timeout", "reset"])
def test_failure_after_the_first_byte_is_unknown(failure: Any) -> None:
    assert judge(Response(failure=failure, request_sent=True), 1) == Unknown("no answer")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": "no key"}', b'{"meta": {"code": 7}}'])
@pytest.mark.parametrize("status", SHUT)
def test_blocked_way_to_meta_stops_the_number_and_retries_for_a_day(
    status: int, body: bytes
) -> None:
    answer = Response(status=status, body=body)
    reason = f"http_{status}: de weg naar Meta is dicht; de beheerder moet iets doen"
    for attempt, seconds in ((1, 4.0), (2, 16.0), (3, 60.0), (9999, 60.0)):
        verdict = judge(answer, attempt, MAX_RETRY_SECONDS - 1)
        assert verdict == RetryLater(seconds, 0, reason, stop=True)
    assert judge(answer, 1, MAX_RETRY_SECONDS) == Failed(0, reason)


def test_too_many_requests_at_a_proxy_are_retried_and_stop_no_number() -> None:
    answer = Response(status=429, body=b"slow down")
    reason = "http_429: het is te druk op de weg naar Meta; Postkamer probeert het opnieuw"
    assert [judge(answer, attempt) for attempt in (1, 2, MAX_ATTEMPTS)] == [
        RetryLater(seconds, 0, reason) for seconds in (4.0, 16.0, LONGEST_WAIT)
    ]
    for asked, granted in ((7.0, 7.0), (1e9, LONGEST_RETRY_AFTER)):
        assert judge(Response(status=429, retry_after=asked), 1) == RetryLater(granted, 0, reason)
    assert judge(answer, 2, MAX_RETRY_SECONDS) == Failed(0, reason)


@given(st.integers(201, 599), st.integers(1, 9999), st.floats(0, 1e9))
def test_only_some_statuses_prove_a_failure_without_an_error_body(
    status: int, attempt: int, tried: float
) -> None:
    known = not isinstance(judge(Response(status=status), attempt, tried), Unknown)
    assert known == (status in (*SHUT, 429))


@pytest.mark.parametrize("failure", ["refused", "name", "tls", "timeout", "reset"])
def test_unsent_request_is_retried_for_a_day_and_then_fails(failure: Any) -> None:
    answer = Response(failure=failure, request_sent=False)
    assert judge(answer, 1) == RetryLater(4.0, 0, UNREACHABLE)
    assert judge(answer, 1000, MAX_RETRY_SECONDS - 1) == RetryLater(LONGEST_WAIT, 0, UNREACHABLE)
    assert judge(answer, 2, MAX_RETRY_SECONDS) == Failed(0, UNREACHABLE)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, "retry") for code in RETRIED),
        *((code, "slow") for code in HOURLY_LIMIT_CODES),
        *((code, "stop") for code in (*STOP_CODES, 200, 230, 299)),
        *((code, "failed") for code in (*REFUSED, 100, 131008, 131009, 132000, 999999, -1, 300)),
    ],
)
def test_error_code_decides_and_the_http_status_does_not(code: int, kind: str) -> None:
    # An error under 200 is nothing that Meta documents: nobody knows.
    assert judge(error(code, 200), 1) == Unknown("no usable answer")
    why = f"{code}: {REASONS.get(code, PUT_OFF)}"
    expected = {
        "retry": RetryLater(4.0, code, why),
        "slow": RetryLater(LONGEST_WAIT, code, why),
        "stop": RetryLater(4.0, code, why, stop=True),
        "failed": Failed(code, f"{code}: {REASONS.get(code, OTHER)}"),
    }
    for status in (400, 401, 403, 429, 500, 503):
        assert judge(error(code, status), 1) == expected[kind]


RECIPIENT = (131026, 130403, 131021, 131030, 131049, 131050, 130472, 131062, 137000, 130497)
FAULT = (100, 131008, 131009, 131051, 131053, 132000, 132012, 132018, 135000, 131055)
OF_A_TEMPLATE = (132001, 132005, 132007, 132015, 132016, 132068, 132069)


@pytest.mark.parametrize("code", [*RECIPIENT, *FAULT, *OF_A_TEMPLATE])
def test_failed_message_has_a_reason_of_its_own_for_each_error_code(code: int) -> None:
    verdict = judge(error(code), 1)
    assert isinstance(verdict, Failed)
    assert OTHER not in verdict.reason and verdict.reason.startswith(f"{code}: ")
    assert [each for each in REASONS if REASONS[each] == REASONS[code]] == [code]


def test_each_error_code_has_one_meaning() -> None:
    meanings = [RETRY_CODES, RETRY_BOUNDED_CODES, HOURLY_LIMIT_CODES, STOP_CODES]
    meanings += [frozenset(range(200, 300)), frozenset(REFUSED)]
    assert len(frozenset().union(*meanings)) == sum(map(len, meanings))


WAITS = [4.0, 16.0, 64.0, 256.0, 300.0, 300.0, 300.0]


def waits(code: int, attempts: int) -> list[float]:
    verdicts = [judge(error(code), attempt) for attempt in range(1, attempts + 1)]
    assert all(isinstance(v, RetryLater) and v.reason == f"{code}: {PUT_OFF}" for v in verdicts)
    return [v.seconds for v in verdicts if isinstance(v, RetryLater)]


@pytest.mark.parametrize("code", RETRY_BOUNDED_CODES)
def test_unexplained_refusal_by_meta_fails_after_twenty_minutes(code: int) -> None:
    assert waits(code, MAX_ATTEMPTS - 1) == WAITS
    assert judge(error(code), MAX_ATTEMPTS) == Failed(code, f"{code}: {NEVER_TAKEN}")


@pytest.mark.parametrize("code", sorted(RETRY_CODES))
def test_message_during_an_outage_at_meta_is_retried_for_a_day(code: int) -> None:
    assert waits(code, 20) == WAITS + [LONGEST_WAIT] * 13
    last = judge(error(code), 9999, MAX_RETRY_SECONDS - 1)
    assert last == RetryLater(LONGEST_WAIT, code, f"{code}: {PUT_OFF}")
    assert judge(error(code), 2, MAX_RETRY_SECONDS) == Failed(code, f"{code}: {NEVER_TAKEN}")


@pytest.mark.parametrize("code", [*STOP_CODES, *HOURLY_LIMIT_CODES, 250])
def test_message_from_a_stopped_number_fails_after_a_day(code: int) -> None:
    assert isinstance(judge(error(code), 9999, MAX_RETRY_SECONDS - 1), RetryLater)
    why = error_explanation(code, NEVER_TAKEN if code in HOURLY_LIMIT_CODES else OTHER)
    assert judge(error(code), 2, MAX_RETRY_SECONDS) == Failed(code, why)


RETRY_AFTER = st.floats(0, allow_nan=False)


@given(st.sampled_from(sorted(RETRIED | HOURLY_LIMIT_CODES)), RETRY_AFTER, st.integers(1, 7))
def test_retry_after_of_meta_is_kept_within_a_bound(
    code: int, retry_after: float, attempt: int
) -> None:
    verdict = judge(error(code, retry_after=retry_after), attempt)
    assert isinstance(verdict, RetryLater)
    assert 0 < verdict.seconds <= LONGEST_RETRY_AFTER
    if 0 < retry_after <= LONGEST_WAIT:
        assert verdict.seconds == retry_after


@given(st.integers(0, 599), st.binary(max_size=40), st.integers(1, 20), st.booleans())
def test_any_answer_has_a_verdict(status: int, body: bytes, attempt: int, sent: bool) -> None:
    verdict = judge(Response(status=status, body=body, request_sent=sent), attempt)
    assert isinstance(verdict, Sent | RetryLater | Failed | Unknown)


@pytest.mark.parametrize("code", [1, 4, 100, 131026])
def test_reason_never_quotes_meta(code: int) -> None:
    assert "Sanne" not in repr(judge(error(code), MAX_ATTEMPTS))


@pytest.mark.parametrize(
    ("kind", "address", "to"),
    [
        ("phone", "31611111111", {"to": "+31611111111"}),
        ("phone", "+31611111111", {"to": "+31611111111"}),
        ("bsuid", "NL.4821930577162048", {"recipient": "NL.4821930577162048"}),
    ],
)
def test_message_request_is_what_meta_documents(
    kind: str, address: str, to: dict[str, str]
) -> None:
    content = {"type": "text", "text": {"body": "Één"}}
    assert msgspec.json.decode(message_request(kind, address, content, "id.1")) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **to,
        **content,
        "biz_opaque_callback_data": "id.1",
    }


@pytest.mark.parametrize(
    ("typing", "indicator"), [(False, {}), (True, {"typing_indicator": {"type": "text"}})]
)
def test_read_receipt_request_is_what_meta_documents(
    typing: bool, indicator: dict[str, Any]
) -> None:
    body = msgspec.json.decode(read_receipt_request("wamid.HBgL", typing=typing))
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.HBgL"}
    assert body == receipt | indicator


def test_read_receipt_with_an_unknown_outcome_is_retried() -> None:
    assert judge_read_receipt(Response(status=200, body=b'{"success":true}'), 1) is None
    for answer in (Response(failure="timeout"), Response(failure="refused", request_sent=False)):
        assert judge_read_receipt(answer, 2) == RetryLater(16.0)
    for status in NEITHER:
        assert judge_read_receipt(Response(status=status), 1) == RetryLater(4.0)


def test_error_codes_mean_the_same_for_read_receipts_as_for_messages() -> None:
    for code in (131009, 100, 131026):
        assert isinstance(judge_read_receipt(error(code), 1), Failed)
    for code in (*RETRY_CODES, *HOURLY_LIMIT_CODES):
        assert isinstance(judge_read_receipt(error(code), 1), RetryLater)
    for answer in (*map(error, STOP_CODES), *(Response(status=one) for one in SHUT)):
        verdict = judge_read_receipt(answer, 1)
        assert isinstance(verdict, RetryLater) and verdict.stop
