"""The only outgoing HTTP: a request out, an answer or the way it failed back. Never raises."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import aiohttp

from deliverer.transport.response import Body, Failure, Response
from deliverer.transport.retry_after import asked_seconds
from deliverer.transport.ssrf import Network, is_allowed_address
from services import clock

ATTEMPT_SECONDS, CONNECT_SECONDS = 15.0, 2.0
"""For one attempt in all, and for its connection."""
ANSWER_BYTES = 8192
"""Of an answer that are read: Graph's errors and a CRM's problem fit; the rest is thrown away."""
IDLE_SECONDS = 15.0
"""A connection without use is closed: before most servers do it for us, which would look like a
failed attempt."""


Tls = Callable[[], ssl.SSLContext | bool]
"""What connections are made with by now; True: with what the system knows."""


def system_tls_context() -> bool:
    return True


class HttpClient:
    def __init__(
        self,
        session: aiohttp.ClientSession,
        tls: Tls = system_tls_context,
        most: int = ANSWER_BYTES,
    ) -> None:
        """Of an answer `most` bytes are read."""
        self._session, self._tls, self._most = session, tls, most

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        return await self.request("POST", url, body, headers)

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        """One attempt; redirects are not followed, they would carry the content elsewhere."""
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False, ssl=self._tls()
            ) as response:
                return Response(
                    status=response.status,
                    retry_after=_wait(response.headers),
                    body=await _read_limited(response.content, self._most),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure, sent = _classify(error)
            return Response(failure=failure, request_sent=sent)


async def _read_limited(content: aiohttp.StreamReader, most: int) -> bytes:
    """The first part of an answer, in however many pieces it comes. When it breaks off, what was
    read must do: the status is there, and says the most."""
    read = b""
    with suppress(aiohttp.ClientError, TimeoutError, OSError):
        while len(read) < most:
            piece = await content.read(most - len(read))
            if not piece:
                break
            read += piece
    return read


def _wait(headers: Mapping[str, str]) -> float | None:
    asked = headers.get("Retry-After")
    return asked_seconds(asked, headers.get("Date", ""), clock.now()) if asked else None


def _classify(error: BaseException) -> tuple[Failure, bool]:
    """How it failed, and whether a first byte may have left."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "name", False
    if isinstance(error, aiohttp.ClientSSLError):
        return "tls", False
    if isinstance(error, aiohttp.ClientConnectorError):
        return ("inside" if isinstance(error.os_error, PrivateAddressError) else "refused"), False
    if isinstance(error, TimeoutError):
        return "timeout", not isinstance(error, aiohttp.ConnectionTimeoutError)
    if isinstance(error.__cause__, ssl.SSLError) and "_ALERT_" in (error.__cause__.reason or ""):
        return "tls", True  # with TLS 1.3 it looks at our certificate after we began to write
    return "reset", True


class PrivateAddressError(OSError):
    """A connection that was not made."""


def _only_to(networks: Collection[Network]) -> Callable[[aiohttp.AddrInfoType], socket.socket]:
    """Sockets to the internet and these networks. Looked at for each connection, when the address
    is known: what a name leads to changes."""

    def made(address: aiohttp.AddrInfoType) -> socket.socket:
        family, type, protocol, _, (host, *_) = address
        if not is_allowed_address(str(host), networks):
            raise PrivateAddressError
        return socket.socket(family, type, protocol)

    return made


@asynccontextmanager
async def http_client(
    connections: int,
    seconds: float = ATTEMPT_SECONDS,
    networks: Collection[Network] | None = None,
    tls: Tls = system_tls_context,
    answer_bytes: int = ANSWER_BYTES,
) -> AsyncIterator[HttpClient]:
    """A sender with at most `connections` at once, and so long for one attempt; to the internet and
    these `networks` alone, where they are given; what `tls` gives holds for new connections."""
    connector = aiohttp.TCPConnector(
        limit=connections,
        ttl_dns_cache=60,
        keepalive_timeout=IDLE_SECONDS,
        socket_factory=None if networks is None else _only_to(networks),
    )
    timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # an answer is read to a bound, in bytes as they come
        headers={"User-Agent": "postkamer", "Accept-Encoding": "identity"},
    ) as session:
        yield HttpClient(session, tls, answer_bytes)


class HttpClientProtocol(Protocol):
    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response: ...
