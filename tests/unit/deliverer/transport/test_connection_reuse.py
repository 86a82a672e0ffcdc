"""Requests that may be made again at once."""

from collections.abc import AsyncIterator

import pytest

from deliverer.transport.connection_reuse import NOT_REPEATED, may_repeat
from deliverer.transport.response import Body, Response

EVENTS = frozenset({"POST"})


async def stream() -> AsyncIterator[bytes]:
    yield b"{}"


CLOSED = Response(failure="reset", closed_before_answer=True)


@pytest.mark.parametrize(
    ("method", "body", "answer", "repeatable", "may"),
    [
        pytest.param("POST", b"{}", CLOSED, EVENTS, True, id="an event"),
        pytest.param("GET", b"", CLOSED, frozenset({"GET"}), True, id="a question"),
        pytest.param("POST", b"{}", CLOSED, frozenset({"GET"}), False, id="a creation"),
        pytest.param("POST", b"{}", CLOSED, NOT_REPEATED.repeatable, False, id="a send to Meta"),
        pytest.param("POST", stream(), CLOSED, EVENTS, False, id="a file"),
        pytest.param("POST", b"{}", Response(status=200), EVENTS, False, id="answered"),
        pytest.param("POST", b"{}", Response(status=503), EVENTS, False, id="refused"),
        pytest.param("POST", b"{}", Response(failure="reset"), EVENTS, False, id="broke off"),
        pytest.param("POST", b"{}", Response(failure="timeout"), EVENTS, False, id="timed out"),
    ],
)
def test_request_is_made_again_only_after_a_close_and_where_a_repeat_is_safe(
    method: str, body: Body, answer: Response, repeatable: frozenset[str], may: bool
) -> None:
    assert may_repeat(method, body, answer, repeatable) is may
