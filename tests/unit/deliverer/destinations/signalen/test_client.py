"""Verdicts on answers of Signalen: again or not, and whose fault."""

import pytest

from deliverer.destinations.signalen.client import (
    ARCHIVE,
    BEHIND,
    ROW_SHUT,
    UNEXPECTED_RESPONSE,
    UNSETTLED,
    RequestRefused,
    has_mark,
    judge_answer,
)
from deliverer.transport.response import Response

TEXT = (
    b'{"text": ["Dit veld mag niet leeg zijn."], "reporter": {"phone": ["0612345678 is te lang"]}}'
)


@pytest.mark.parametrize(
    ("answer", "outcome", "alarm", "words"),
    [
        (Response(status=201), "settled", False, ""),
        (Response(status=400, body=TEXT), "parked", False, "message: 400 (text, reporter)"),
        (Response(status=400, body=b'["Geen JSON"]'), "parked", False, "message: 400"),
        (Response(status=400, body=b"<html>"), "paused", True, "before Signalen answered 400"),
        (Response(status=400, body=b'{"source": ["?"]}'), "paused", True, "refuses the source"),
        (Response(status=400, body=b'{"category": {}}'), "paused", True, "refuses the category"),
        (Response(status=400, body=b'{"location": {}}'), "paused", True, "the default_place"),
        (Response(status=401), "paused", True, "401"),
        (Response(status=403), "paused", True, "403"),
        (Response(status=404), "paused", True, "404"),
        (Response(status=429), "paused", False, "429"),
        (Response(status=500), "paused", False, "500"),
        (Response(failure="timeout"), "paused", False, "timeout"),
        (Response(status=400, responder="token endpoint"), "paused", True, "token endpoint"),
        (UNSETTLED, "paused", False, "may still be carried out"),
        (BEHIND, "paused", False, "does not have the message yet"),
        (UNEXPECTED_RESPONSE, "paused", True, "not as its source says"),
        (ROW_SHUT, "parked", False, "does not open"),
        (Response(status=403, code=ARCHIVE), "paused", True, "archive, with the token"),
        (Response(status=400, code=ARCHIVE), "paused", True, "archive, with the token"),
        (Response(status=503, code=ARCHIVE), "paused", False, "archive, with the token"),
    ],
)
def test_each_answer_has_a_verdict_without_a_word_of_the_citizen(
    answer: Response, outcome: str, alarm: bool, words: str
) -> None:
    verdict = judge_answer(answer)
    assert (verdict.outcome, verdict.alarm) == (outcome, alarm)
    assert words in verdict.reason and "0612345678" not in verdict.reason


@pytest.mark.parametrize(
    ("answer", "is_certain"),
    [
        (Response(status=400), True),
        (Response(failure="refused", request_sent=False), True),
        (Response(failure="reset"), False),
        (Response(status=500), False),
        (Response(status=504), False),
        (Response(status=408), False),
        (UNEXPECTED_RESPONSE, False),
    ],
)
def test_post_may_have_been_carried_out_unless_it_surely_was_not(
    answer: Response, is_certain: bool
) -> None:
    assert RequestRefused(answer).is_certain is is_certain


def test_only_signalen_itself_says_that_a_report_is_gone() -> None:
    assert RequestRefused(Response(status=404, body=b'{"detail": "No Signal"}')).is_gone
    assert not RequestRefused(Response(status=404, body=b"<h1>nginx</h1>")).is_gone


@pytest.mark.parametrize("others", [None, {}, "x", [7], [{"id": "postkamer-2"}]])
def test_mark_is_found_among_what_other_programs_wrote(others: object) -> None:
    assert not has_mark(others, "postkamer-1")
    assert has_mark([7, {"id": "postkamer-1"}], "postkamer-1")
