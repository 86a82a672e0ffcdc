"""How a request fails, and whether anything of it may have left; what is read of an answer."""

import asyncio
import ssl
from typing import Any

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_reqrep import ConnectionKey

from deliverer.transport.http_client import ANSWER_BYTES, HttpClient, _classify_error
from tests.support.virtual_clock import run

KEY = ConnectionKey("crm.example", 443, True, True, None, None, None)


def caused(cause: ssl.SSLError, reason: str) -> aiohttp.ClientOSError:
    """As aiohttp tells of what the other side says while it is written to."""
    cause.reason = reason
    error = aiohttp.ClientOSError(1, "x")
    error.__cause__ = cause
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
        (caused(ssl.SSLError(1, "x"), "TLSV13_ALERT_CERTIFICATE_REQUIRED"), "tls", True),
        (caused(ssl.SSLError(1, "x"), "TLSV1_ALERT_UNKNOWN_CA"), "tls", True),
        (caused(ssl.SSLError(1, "x"), "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"), "reset", True),
    ],
)
def test_a_failure_says_whether_a_first_byte_may_have_left(
    error: Exception, failure: str, sent: bool
) -> None:
    """Where in doubt it may: then nothing is ever sent to a citizen twice."""
    assert _classify_error(error) == (failure, sent)


class Session:
    """Answers 200 with these pieces, one after the other."""

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


def answered(*pieces: bytes, error: Exception | None = None) -> bytes:
    async def work() -> bytes:
        session: Any = Session(*pieces, error=error)
        answer = await HttpClient(session).post("https://x", b"{}", {})
        assert (answer.status, answer.retry_after) == (200, 7.0)
        return answer.body

    return run(work())


def test_an_answer_is_read_to_its_end_however_it_comes() -> None:
    assert answered() == b""
    assert answered(b'{"messages":', b'[{"id":"w"}]}') == b'{"messages":[{"id":"w"}]}'


def test_an_answer_without_end_is_read_to_a_bound() -> None:
    assert answered(*[b"x" * 1000] * 20) == b"x" * ANSWER_BYTES
    assert answered(b"x" * 100_000) == b"x" * ANSWER_BYTES


@pytest.mark.parametrize("error", [aiohttp.ClientPayloadError("cut off"), TimeoutError()])
def test_an_answer_that_breaks_off_still_has_its_status(error: Exception) -> None:
    assert answered(b"half", error=error) == b"half"


def test_a_date_until_which_it_is_to_be_left_alone_is_by_its_own_clock() -> None:
    async def work() -> float | None:
        session: Any = Session()
        session.said = {
            "Date": "Wed, 25 Nov 1998 12:00:00 GMT",
            "Retry-After": "Wed, 25 Nov 1998 12:01:30 GMT",
        }
        return (await HttpClient(session).post("https://x", b"{}", {})).retry_after

    assert run(work()) == 90
