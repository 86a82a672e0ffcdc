"""Failures of a request, and whether a byte of it may have left; reading of an answer."""

import asyncio
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_reqrep import ConnectionKey

from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import (
    ANSWER_BYTES,
    HttpClient,
    Sessions,
    _classify_error,
    _is_without_answer,
)
from deliverer.transport.response import Response

KEY = ConnectionKey("crm.example", 443, True, True, None, None, None)


def tls_alert(reason: str) -> aiohttp.ClientOSError:
    """An alert that comes while aiohttp writes, as it raises it."""
    error = aiohttp.ClientOSError(1, "x")
    error.__cause__ = ssl.SSLError(1, "x")
    error.__cause__.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "failure", "sent"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, OSError("no such name")), "name", False),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError()), "refused", False),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError("wrong")), "tls", False),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("old")), "tls", False),
        (aiohttp.ConnectionTimeoutError(), "timeout", False),
        (TimeoutError(), "timeout", True),
        (aiohttp.SocketTimeoutError(), "timeout", True),
        (aiohttp.ServerDisconnectedError(), "reset", True),
        (aiohttp.ClientOSError(104, "reset"), "reset", True),
        (aiohttp.ClientPayloadError(), "reset", True),
        (ConnectionResetError(), "reset", True),
        (tls_alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "tls", True),
        (tls_alert("TLSV1_ALERT_UNKNOWN_CA"), "tls", True),
        (tls_alert("APPLICATION_DATA_AFTER_CLOSE_NOTIFY"), "reset", True),
    ],
)
def test_failure_says_whether_a_first_byte_may_have_left(
    error: Exception, failure: str, sent: bool
) -> None:
    """A doubt counts as sent, so that a citizen never gets anything twice."""
    assert _classify_error(error) == (failure, sent)


HALF_A_HEAD: Any = object()
"""Stands in for the message that aiohttp's parser had begun."""


@pytest.mark.parametrize(
    ("error", "without"),
    [
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ServerDisconnectedError(HALF_A_HEAD), False),
        (aiohttp.ClientOSError(104, "reset"), True),
        (aiohttp.ClientConnectionResetError("closing transport"), True),
        (ConnectionResetError(), True),
        (BrokenPipeError(), True),
        (aiohttp.ClientPayloadError(), False),
        (TimeoutError(), False),
        (aiohttp.SocketTimeoutError(), False),
    ],
)
def test_failure_says_whether_a_byte_of_the_answer_came(error: Exception, without: bool) -> None:
    assert _is_without_answer(error) is without


class Session:
    """Answers 200 with these pieces, one after another."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces, self.error = pieces, error
        self.said = {"Retry-After": "7"}

    def request(self, method: str, url: str, **_: Any) -> "Session":
        return self

    async def __aenter__(self) -> Any:
        loop = asyncio.get_running_loop()
        protocol = BaseProtocol(loop)
        protocol.connection_made(asyncio.Transport())
        self.status, self.headers = 200, self.said
        self.content = aiohttp.StreamReader(protocol, 2**16, loop=loop)
        self.feeding = asyncio.create_task(self.feed())
        return self

    async def feed(self) -> None:
        for piece in self.pieces:
            self.content.feed_data(piece)
            await asyncio.sleep(0.1)
        if self.error:
            self.content.set_exception(self.error)
        else:
            self.content.feed_eof()

    async def __aexit__(self, *_: object) -> None:
        self.feeding.cancel()


async def response(*pieces: bytes, error: Exception | None = None) -> Response:
    return await post_in(Session(*pieces, error=error))


async def post_in(session: Any) -> Response:
    return await HttpClient(Sessions(session, session)).post("https://x", b"{}", {})


@pytest.mark.parametrize(
    ("pieces", "error", "body"),
    [
        ([], None, b""),
        ([b'{"messages":', b'[{"id":"w"}]}'], None, b'{"messages":[{"id":"w"}]}'),
        ([b"x" * 1000] * 20, None, b"x" * ANSWER_BYTES),
        ([b"x" * 100_000], None, b"x" * ANSWER_BYTES),
        ([b"half"], aiohttp.ClientPayloadError("cut off"), b"half"),
        ([b"half"], TimeoutError(), b"half"),
    ],
    ids=["empty", "in pieces", "endless", "large", "cut off", "stalled"],
)
async def test_answer_is_read_up_to_a_bound_and_keeps_its_status(
    pieces: list[bytes], error: Exception | None, body: bytes
) -> None:
    answer = await response(*pieces, error=error)
    assert (answer.status, answer.retry_after, answer.body) == (200, 7.0, body)


async def test_date_in_retry_after_counts_from_the_date_of_the_answer() -> None:
    session = Session()
    session.said = {
        "Date": "Wed, 25 Nov 1998 12:00:00 GMT",
        "Retry-After": "Wed, 25 Nov 1998 12:01:30 GMT",
    }
    assert (await post_in(session)).retry_after == 90


class Failing:
    """Fails so, over a reused connection."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def request(self, method: str, url: str, *, trace_request_ctx: Any, **_: Any) -> Any:
        trace_request_ctx.reused = True
        raise self.error


async def test_message_stays_in_doubt_if_only_the_first_of_two_requests_left() -> None:
    closed: Any = Failing(aiohttp.ServerDisconnectedError())
    refused: Any = Failing(aiohttp.ClientConnectorError(KEY, ConnectionRefusedError()))
    reuse = ConnectionReuse(repeatable=frozenset({"POST"}))
    client = HttpClient(Sessions(closed, refused), reuse=reuse)
    answer = await client.post("https://x", b"{}", {})
    assert answer == Response(failure="refused", request_sent=True, calls=2)
