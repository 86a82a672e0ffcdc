"""The only outgoing HTTP. A request returns an answer or the kind of failure; it never raises."""

import ssl
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import aiohttp
import msgspec
from aiohttp.http import HttpProcessingError

from deliverer.transport.connection_reuse import NOT_REPEATED, ConnectionReuse, may_repeat
from deliverer.transport.request_sender import Answer, Request, RequestSender, TlsContext
from deliverer.transport.response import Body, Failure, Response
from deliverer.transport.retry_after import retry_after_seconds
from services import clock
from services.egress.restricted_socket import PrivateAddressError, restricted_socket_factory
from services.egress.ssrf import Network

ATTEMPT_SECONDS = 15.0
"""Time limit of a whole request."""
ANSWER_BYTES = 8192
"""Bytes read of an answer. Errors of the Graph API and problem details of a CRM fit; the rest is
discarded."""
VERSION_CHARACTERS = 20
"""Longest `API-version` that is read; real ones have five."""

Tls = Callable[[], TlsContext]
"""Returns the TLS context for new connections."""


def system_tls_context() -> bool:
    return True


class HttpClient:
    def __init__(
        self,
        pooled: RequestSender,
        unpooled: RequestSender,
        tls: Tls = system_tls_context,
        max_bytes: int = ANSWER_BYTES,
        reuse: ConnectionReuse = NOT_REPEATED,
    ) -> None:
        """`pooled` reuses connections, `unpooled` makes one for each request."""
        self._pooled, self._unpooled = pooled, unpooled
        self._tls, self._max_bytes, self._reuse = tls, max_bytes, reuse

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        return await self.request("POST", url, body, headers)

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        """Make one attempt, and repeat it once, over a new connection, if it met a closed one."""
        request = Request(method, url, body, headers)
        sender = self._unpooled if method in self._reuse.unpooled else self._pooled
        answer = await self._request(sender, request)
        if not may_repeat(method, body, answer, self._reuse.repeatable):
            return answer
        answer = await self._request(self._unpooled, request)
        # The first may have left us, so even if the second could not, the message is in doubt.
        return msgspec.structs.replace(answer, calls=2, request_sent=True)

    async def _request(self, sender: RequestSender, request: Request) -> Response:
        answer = Answer()
        try:
            await sender.send(request, self._tls(), self._max_bytes, answer)
        except (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError) as error:
            # If it breaks in the body, the part that arrived is enough: the status says the most.
            if answer.head is None:
                failure = _classify_error(error)
                closed = answer.on_used_connection and failure == "reset"
                closed = closed and _is_without_answer(error)
                sent = answer.is_begun
                return Response(failure=failure, request_sent=sent, closed_before_answer=closed)
        assert answer.head
        headers = answer.head.headers
        return Response(
            status=answer.head.code,
            retry_after=_retry_after(headers),
            api_version=headers.get("API-version", "")[:VERSION_CHARACTERS],
            body=answer.body,
        )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    header = headers.get("Retry-After")
    return retry_after_seconds(header, headers.get("Date", ""), clock.now()) if header else None


def _classify_error(error: BaseException) -> Failure:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name"
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "inside" if isinstance(error.os_error, PrivateAddressError) else "refused"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error.__cause__, ssl.SSLError) and "_ALERT_" in (error.__cause__.reason or ""):
        return "tls"  # with TLS 1.3 the server checks our certificate after we start to write
    return "reset"


def _is_without_answer(error: BaseException) -> bool:
    """Return True if a connection closed before a byte of the answer. aiohttp puts the part of the
    head that arrived in the error. A reset brings none, and counts as no byte."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError | ConnectionError)


@asynccontextmanager
async def http_client(
    connections: int,
    seconds: float = ATTEMPT_SECONDS,
    networks: Collection[Network] | None = None,
    tls: Tls = system_tls_context,
    answer_bytes: int = ANSWER_BYTES,
    reuse: ConnectionReuse = NOT_REPEATED,
) -> AsyncIterator[HttpClient]:
    """Open a client with at most `connections` requests at once and `seconds` per request. With
    `networks`, it connects only to the internet and these networks."""
    connector = partial(
        aiohttp.TCPConnector,
        limit=connections,
        ttl_dns_cache=60,
        socket_factory=None if networks is None else restricted_socket_factory(networks),
    )
    unpooled = connector(force_close=True)
    pooled = connector(keepalive_timeout=reuse.idle_seconds) if reuse.idle_seconds else unpooled
    async with pooled, unpooled:
        first, second = RequestSender(pooled, seconds), RequestSender(unpooled, seconds)
        yield HttpClient(first, second, tls, answer_bytes, reuse)


class HttpClientProtocol(Protocol):
    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response: ...


class RequestClient(HttpClientProtocol, Protocol):
    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response: ...
