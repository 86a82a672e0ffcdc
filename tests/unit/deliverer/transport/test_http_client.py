"""Failures of a request, and whether a byte of it may have left; reading of an answer."""

import asyncio
import ssl
from collections.abc import Sequence
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection

from deliverer.transport.connection_reuse import ConnectionReuse
from deliverer.transport.http_client import (
    ANSWER_BYTES,
    HttpClient,
    _is_without_answer,
)
from deliverer.transport.request_sender import RequestSender
from deliverer.transport.response import Failure, Response

KEY = ConnectionKey("crm.example", 443, True, True, None, None, None)


def tls_alert(reason: str) -> aiohttp.ClientOSError:
    """An alert that comes while aiohttp writes, as it raises it."""
    error = aiohttp.ClientOSError(1, "x")
    error.__cause__ = ssl.SSLError(1, "x")
    error.__cause__.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (aiohttp.ClientConnectorDNSError(KEY, OSError("no such name")), "name"),
        (aiohttp.ClientConnectorError(KEY, ConnectionRefusedError()), "refused"),
        (aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError("wrong")), "tls"),
        (aiohttp.ClientConnectorCertificateError(KEY, ssl.CertificateError("old")), "tls"),
        (aiohttp.ConnectionTimeoutError(), "timeout"),
        (TimeoutError(), "timeout"),
        (aiohttp.SocketTimeoutError(), "timeout"),
        (aiohttp.ServerDisconnectedError(), "reset"),
        (aiohttp.ClientOSError(104, "reset"), "reset"),
        (aiohttp.ClientPayloadError(), "reset"),
        (ConnectionResetError(), "reset"),
        (tls_alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "tls"),
        (tls_alert("TLSV1_ALERT_UNKNOWN_CA"), "tls"),
        (tls_alert("APPLICATION_DATA_AFTER_CLOSE_NOTIFY"), "reset"),
    ],
)
async def test_failure_before_the_request_has_sent_nothing(
    error: Exception, failure: Failure
) -> None:
    assert await post_over(Failing(error)) == Response(failure=failure, request_sent=False)


@pytest.mark.parametrize("error", [None, ConnectionResetError(), tls_alert("x").__cause__])
async def test_failure_behind_the_request_may_have_sent_it(error: Exception | None) -> None:
    """A doubt counts as sent, so that a citizen never gets anything twice."""
    assert await post_over(Connector(end=error)) == Response(failure="reset")


async def test_connection_that_closed_before_the_request_has_sent_nothing() -> None:
    answer = await post_over(Closed())
    assert answer == Response(failure="reset", request_sent=False)


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


HEAD = b"HTTP/1.1 200 OK\r\nRetry-After: 7\r\n\r\n"


class Connector:
    """Connects to a server that sends these pieces, one after another, and then ends so: it closes
    the connection, breaks it, or says no more. It answers no second request."""

    force_close = False

    def __init__(self, *pieces: bytes, end: BaseException | None = None) -> None:
        self.pieces, self.end = pieces, end
        self.kept: list[bool] = []
        """For each request, True if its connection may be used again."""
        self.protocol: ResponseHandler | None = None

    async def connect(self, *_: object) -> Connection:
        loop, pieces = asyncio.get_running_loop(), self.pieces
        if self.protocol is not None:
            pieces = ()
        else:
            self.protocol = ResponseHandler(loop)
            self.protocol.connection_made(Wire(self.protocol))
        self.sending = asyncio.create_task(self.send(self.protocol, pieces))
        return Connection(cast(Any, self), KEY, self.protocol, loop)

    async def send(self, protocol: ResponseHandler, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            protocol.data_received(piece)
            await asyncio.sleep(0.1)
        if not isinstance(self.end, TimeoutError):
            protocol.connection_lost(self.end)

    def _release(self, _: object, used: ResponseHandler, *, should_close: bool = False) -> None:
        self.kept.append(not (should_close or used.should_close))
        self.sending.cancel()


class Failing(Connector):
    """Makes no connection."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def connect(self, *_: object) -> Connection:
        raise self.error


class Closed(Connector):
    """Makes a connection that the server closes before anything was written."""

    async def connect(self, *_: object) -> Connection:
        connection = await super().connect()
        assert self.protocol is not None
        self.protocol.connection_lost(None)
        return connection


class Wire(asyncio.Transport):
    """Takes all that is written."""

    def __init__(self, protocol: ResponseHandler) -> None:
        super().__init__()
        self.protocol = protocol

    def write(self, data: Any) -> None: ...

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None:
        self.protocol.connection_lost(None)


def sender(connector: Any) -> RequestSender:
    return RequestSender(connector, seconds=10)


async def post_over(connector: Connector) -> Response:
    through = sender(connector)
    return await HttpClient(through, through).post("https://x", b"{}", {})


@pytest.mark.parametrize(
    ("pieces", "end", "body"),
    [
        ([], None, b""),
        ([b'{"messages":', b'[{"id":"w"}]}'], None, b'{"messages":[{"id":"w"}]}'),
        ([b"x" * 1000] * 20, None, b"x" * ANSWER_BYTES),
        ([b"x" * 100_000], None, b"x" * ANSWER_BYTES),
        ([b"half"], ConnectionResetError("cut off"), b"half"),
        ([b"half"], TimeoutError(), b"half"),
    ],
    ids=["empty", "in pieces", "endless", "large", "cut off", "stalled"],
)
async def test_answer_is_read_up_to_a_bound_and_keeps_its_status(
    pieces: list[bytes], end: Exception | None, body: bytes
) -> None:
    answer = await post_over(Connector(HEAD, *pieces, end=end))
    assert (answer.status, answer.retry_after, answer.body) == (200, 7.0, body)


async def test_server_that_says_nothing_is_given_up_at_the_end_of_the_time() -> None:
    began = asyncio.get_running_loop().time()
    answer = await post_over(server := Connector(end=TimeoutError()))
    assert answer == Response(failure="timeout", request_sent=True)
    assert asyncio.get_running_loop().time() - began == pytest.approx(10)
    assert server.kept == [False]


PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("pieces", "status", "is_kept"),
    [
        ([PLAIN], 200, True),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 x\r\n\r\n" + PLAIN], 200, True),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"], 200, True),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, True),
        ([b"HTTP/1.1 307 x\r\nLocation: https://y\r\nContent-Length: 0\r\n\r\n"], 307, True),
        ([PLAIN.replace(b"Length: 2", b"Length: 90000"), b"x" * 90_000], 200, False),
        ([PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")], 200, False),
        ([PLAIN.replace(b"1.1", b"1.0")], 200, False),
        ([PLAIN + b"HTTP/1.1 200 OK\r\n\r\n"], 200, False),
        ([HEAD, b"{}"], 200, False),
        ([b"no HTTP at all\r\n\r\n"], 0, False),
    ],
    ids=["plain", "informed before", "chunked", "bodiless", "redirect", "cut short", "says close",
         "HTTP/1.0", "said more", "until the end", "nonsense"],
)  # fmt: skip
async def test_connection_is_used_again_only_after_a_whole_answer(
    pieces: list[bytes], status: int, is_kept: bool
) -> None:
    server = Connector(*pieces)
    assert (await post_over(server)).status == status
    assert server.kept == [is_kept]


async def test_address_that_is_none_of_http_gets_no_request() -> None:
    server = Connector(PLAIN)
    client = HttpClient(sender(server), sender(server))
    for url in ("ftp://x/", "/events", "https://[x/"):
        assert (await client.post(url, b"{}", {})).status == 0
    assert server.kept == []


async def test_date_in_retry_after_counts_from_the_date_of_the_answer() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nDate: Wed, 25 Nov 1998 12:00:00 GMT\r\n"
        b"Retry-After: Wed, 25 Nov 1998 12:01:30 GMT\r\n\r\n"
    )
    assert (await post_over(Connector(head))).retry_after == 90


async def test_message_stays_in_doubt_if_only_the_first_of_two_requests_left() -> None:
    kept, refused = Connector(PLAIN), aiohttp.ClientConnectorError(KEY, ConnectionRefusedError())
    reuse = ConnectionReuse(repeatable=frozenset({"POST"}))
    client = HttpClient(sender(kept), sender(Failing(refused)), reuse=reuse)
    assert await client.post("https://x", b"{}", {}) == Response(status=200, body=b"{}")
    answer = await client.post("https://x", b"{}", {})
    assert answer == Response(failure="refused", request_sent=True, calls=2)


async def test_get_that_meets_a_closed_connection_is_made_again() -> None:
    """A POST is not, unless its server recognises what it has already."""
    for method, answer in (
        ("GET", Response(status=200, body=b"{}", calls=2)),
        ("POST", Response(failure="reset", closed_before_answer=True)),
    ):
        client = HttpClient(sender(Connector(PLAIN)), sender(Connector(PLAIN)))
        assert (await client.request(method, "https://x", b"", {})).calls == 1
        assert await client.request(method, "https://x", b"", {}) == answer
