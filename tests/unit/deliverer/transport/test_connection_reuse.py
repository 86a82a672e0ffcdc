"""Requests that may be made again at once, and the failures that count as a closed connection."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from deliverer.transport.connection_reuse import (
    NOT_REPEATED,
    is_closed_before_answer,
    may_repeat,
)
from deliverer.transport.response import Body, Response

KEY = ConnectionKey("crm.example", 443, True, True, None, None, None)
HALF_A_HEAD: Any = object()
"""Stands in for the message that aiohttp's parser had begun."""
EVENTS = frozenset({"POST"})


@pytest.mark.parametrize(
    ("error", "closed"),
    [
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ServerDisconnectedError(HALF_A_HEAD), False),
        (aiohttp.ClientOSError(104, "reset"), True),
        (aiohttp.ClientConnectionResetError("closing transport"), True),
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError()), False),
        (aiohttp.ClientPayloadError(), False),
        (TimeoutError(), False),
        (aiohttp.SocketTimeoutError(), False),
        (aiohttp.ConnectionTimeoutError(), False),
    ],
)
def test_only_a_reused_connection_can_have_been_closed_before(
    error: Exception, closed: bool
) -> None:
    assert is_closed_before_answer(error, reused=True) is closed
    assert is_closed_before_answer(error, reused=False) is False


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
