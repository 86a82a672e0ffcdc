"""The only outgoing HTTP. A request returns an answer or the kind of failure; it never raises."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol

import aiohttp
import msgspec

from deliverer.transport.connection_reuse import NOT_REPEATED, ConnectionReuse, may_repeat
from deliverer.transport.response import Body, Failure, Response
from deliverer.transport.retry_after import retry_after_seconds
from deliverer.transport.ssrf import Network, is_allowed_address
from services import clock

ATTEMPT_SECONDS, CONNECT_SECONDS = 15.0, 2.0
"""Time limits of a whole request, and of making its connection."""
ANSWER_BYTES = 8192
"""Bytes read of an answer. Errors of the Graph API and problem details of a CRM fit; the rest is
discarded."""
VERSION_CHARACTERS = 20
"""Longest `API-version` that is read; real ones have five."""

Tls = Callable[[], ssl.SSLContext | bool]
"""Returns the TLS context for new connections; True means the system's authorities."""


def system_tls_context() -> bool:
    return True


class Sessions(NamedTuple):
    """Session with reused connections, and one that makes a connection for each request."""

    pooled: aiohttp.ClientSession
    unpooled: aiohttp.ClientSession


class ConnectionUse:
    """Connection of one request, as aiohttp's tracing reports it."""

    reused = False


class HttpClient:
    def __init__(
        self,
        sessions: Sessions,
        tls: Tls = system_tls_context,
        max_bytes: int = ANSWER_BYTES,
        reuse: ConnectionReuse = NOT_REPEATED,
    ) -> None:
        self._sessions, self._tls, self._max_bytes = sessions, tls, max_bytes
        self._reuse = reuse

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        return await self.request("POST", url, body, headers)

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        """Make one attempt, and repeat it once, over a new connection, if it met a closed one."""
        pooled, unpooled = self._sessions
        session = unpooled if method in self._reuse.unpooled else pooled
        answer = await self._request(session, method, url, body, headers)
        if not may_repeat(method, body, answer, self._reuse.repeatable):
            return answer
        answer = await self._request(unpooled, method, url, body, headers)
        # The first may have left us, so even if the second could not, the message is in doubt.
        return msgspec.structs.replace(answer, calls=2, request_sent=True)

    async def _request(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: str,
        body: Body,
        headers: Mapping[str, str],
    ) -> Response:
        """Make one request. Redirects are not followed: they would carry the content elsewhere."""
        use = ConnectionUse()
        try:
            async with session.request(
                method,
                url,
                data=body,
                headers=headers,
                allow_redirects=False,
                ssl=self._tls(),
                trace_request_ctx=use,
            ) as response:
                return Response(
                    status=response.status,
                    retry_after=_retry_after(response.headers),
                    api_version=response.headers.get("API-version", "")[:VERSION_CHARACTERS],
                    body=await _read_limited(response.content, self._max_bytes),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure, sent = _classify_error(error)
            closed = use.reused and failure == "reset" and _is_without_answer(error)
            return Response(failure=failure, request_sent=sent, closed_before_answer=closed)


async def _read_limited(content: aiohttp.StreamReader, max_bytes: int) -> bytes:
    """Return the first part of an answer. If the connection breaks, the part that arrived is
    enough: the status says the most."""
    body = b""
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        while len(body) < max_bytes:
            piece = await content.read(max_bytes - len(body))
            if not piece:
                break
            body += piece
    return body


def _retry_after(headers: Mapping[str, str]) -> float | None:
    header = headers.get("Retry-After")
    return retry_after_seconds(header, headers.get("Date", ""), clock.now()) if header else None


def _classify_error(error: BaseException) -> tuple[Failure, bool]:
    """Return the kind of failure, and True if a first byte may have left us."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name", False
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls", False
    if isinstance(error, aiohttp.ClientConnectorError):
        return ("inside" if isinstance(error.os_error, PrivateAddressError) else "refused"), False
    if isinstance(error, TimeoutError):
        return "timeout", not isinstance(error, aiohttp.ConnectionTimeoutError)
    if isinstance(error.__cause__, ssl.SSLError) and "_ALERT_" in (error.__cause__.reason or ""):
        return "tls", True  # with TLS 1.3 the server checks our certificate after we start to write
    return "reset", True


def _is_without_answer(error: BaseException) -> bool:
    """Return True if a connection closed before a byte of the answer. aiohttp puts the part of the
    head that arrived in the error. A reset brings none, and counts as no byte."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError | ConnectionError)


class PrivateAddressError(OSError):
    """Address that we may not connect to."""


def _restricted_socket_factory(
    networks: Collection[Network],
) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """Return a factory of sockets to the internet and these networks only. It checks the address
    of each connection, because the address of a name changes."""

    def create_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        family, type, protocol, _, (host, *_) = address
        if not is_allowed_address(str(host), networks):
            raise PrivateAddressError
        return socket.socket(family, type, protocol)

    return create_socket


def _connection_tracing() -> aiohttp.TraceConfig:
    """Return the tracing that notes in a request's `ConnectionUse` which connection it got. aiohttp
    repeats a GET itself, so the last connection counts."""

    async def on_reuse(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.reused = True

    async def on_create(_: Any, context: SimpleNamespace, __: Any) -> None:
        context.trace_request_ctx.reused = False

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_reuseconn.append(on_reuse)
    tracing.on_connection_create_start.append(on_create)
    return tracing


def _session(connector: aiohttp.TCPConnector, seconds: float) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # the limit on an answer counts the bytes as they arrive
        headers={"User-Agent": "postkamer", "Accept-Encoding": "identity"},
        trace_configs=[_connection_tracing()],
    )


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
        socket_factory=None if networks is None else _restricted_socket_factory(networks),
    )
    unpooled = connector(force_close=True)
    pooled = connector(keepalive_timeout=reuse.idle_seconds) if reuse.idle_seconds else unpooled
    async with _session(pooled, seconds) as first, _session(unpooled, seconds) as second:
        yield HttpClient(Sessions(first, second), tls, answer_bytes, reuse)


class HttpClientProtocol(Protocol):
    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response: ...
