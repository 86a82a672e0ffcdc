"""One request and its answer, over a connection of aiohttp's connector.

The connector resolves the name, checks the address, speaks TLS and keeps connections, and aiohttp's
parser reads the answer. We use nothing of what its session adds (redirects, cookies, proxies,
hooks), which takes more CPU time than all the rest. aiohttp documents the connector, and not
the protocol and the writer: tests with real servers tell when a new version changes these.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage, StreamWriter
from multidict import CIMultiDict
from yarl import URL

from deliverer.transport.response import Body
from services.tasks import cancel_and_wait

CONNECT_SECONDS = 2.0
"""Time limit of making a connection."""
TARGETS = 32
"""Targets that stay prepared: servers, and the contexts of TLS that they were shown."""
BODILESS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods of requests that tell no length unless they have a body."""

TlsContext = ssl.SSLContext | bool
"""Context of TLS for new connections; True means the system's authorities."""


class Request(NamedTuple):
    method: str
    url: str
    body: Body
    headers: Mapping[str, str]


class Answer:
    """The part of an answer that has come."""

    head: RawResponseMessage | None = None
    body = b""
    is_begun = False
    """True from just before the first byte of the request is written. Until then nothing has left
    us, whatever fails."""
    on_used_connection = False
    """True if the connection had carried a request before."""


class RequestSender:
    """Sends requests over the connections of one connector, each with at most `seconds`."""

    def __init__(self, connector: aiohttp.TCPConnector, seconds: float) -> None:
        self._connector, self._seconds = connector, seconds
        self._timeout = aiohttp.ClientTimeout(
            total=seconds, connect=seconds, sock_connect=CONNECT_SECONDS
        )
        self._loop = asyncio.get_running_loop()
        self._used: WeakSet[ResponseHandler] = WeakSet()
        """Connections that have carried a request."""
        self._target = lru_cache(TARGETS)(_make_target)
        self._common = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "postkamer"}
        if connector.force_close:
            self._common["Connection"] = "close"

    async def send(self, request: Request, tls: TlsContext, max_bytes: int, answer: Answer) -> None:
        """Make a request, and put into `answer` what comes, at most `max_bytes` of its body.
        Redirects are not followed: they would carry the content elsewhere.

        Raises an error of aiohttp's, TimeoutError or OSError; `answer` may have a part then.
        """
        deadline = self._loop.time() + self._seconds
        url = _parse(request.url)
        connection = await self._connect(url, tls)
        protocol = connection.protocol
        assert protocol is not None
        timer = self._loop.call_at(deadline, _give_up, protocol)
        try:
            answer.on_used_connection = protocol in self._used
            if not answer.on_used_connection:
                self._used.add(protocol)
            await self._send_and_read(protocol, url, request, max_bytes, answer)
        except BaseException:
            connection.close()
            raise
        finally:
            timer.cancel()
        connection.release()  # it is used again only if all of the answer was read

    async def _connect(self, url: URL, tls: TlsContext) -> Connection:
        try:
            return await self._connector.connect(self._target(url.origin(), tls), [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError from error

    async def _send_and_read(
        self, protocol: ResponseHandler, url: URL, request: Request, max_bytes: int, answer: Answer
    ) -> None:
        if not protocol.is_connected():  # closed at once by the server, or by a proxy before it
            raise aiohttp.ClientConnectionResetError("closed before the request")
        answer.is_begun = True
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        writer = StreamWriter(protocol, self._loop)
        line = f"{request.method} {url.raw_path_qs} HTTP/1.1"
        await writer.write_headers(line, self._headers(url, request))
        if isinstance(request.body, bytes):
            # The transport takes it all: the answer may come before the server has read it.
            await writer.write(request.body, drain=False)
            await _read(protocol, max_bytes, answer)
        else:
            async with _sending(protocol, writer, request.body):
                await _read(protocol, max_bytes, answer)

    def _headers(self, url: URL, request: Request) -> CIMultiDict[str]:
        headers = CIMultiDict(Host=url.host_port_subcomponent or "", **self._common)
        headers.update(request.headers)
        body = request.body
        if isinstance(body, bytes) and (body or request.method not in BODILESS):
            headers["Content-Length"] = str(len(body))
        return headers


def _parse(url: str) -> URL:
    try:
        parsed = URL(url)
    except ValueError as error:
        raise aiohttp.InvalidURL(url) from error
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:
        raise aiohttp.InvalidURL(url)
    return parsed


def _make_target(origin: URL, tls: TlsContext) -> aiohttp.ClientRequest:
    """Return a request as the connector wants to see it, which connects and says nothing."""
    return aiohttp.ClientRequest("GET", origin, ssl=tls)


def _give_up(protocol: ResponseHandler) -> None:
    """End a request that takes too long. `asyncio.timeout` around it takes some 10 us more."""
    protocol.set_exception(TimeoutError())
    if protocol.transport:
        protocol.transport.abort()


async def _read(protocol: ResponseHandler, max_bytes: int, answer: Answer) -> None:
    head, content = await protocol.read()
    while 100 <= head.code < 200 and head.code != 101:
        head, content = await protocol.read()
    answer.head = head
    while len(answer.body) < max_bytes:
        piece = await content.read(max_bytes - len(answer.body))
        if not piece:
            break
        answer.body += piece


@asynccontextmanager
async def _sending(
    protocol: ResponseHandler, writer: StreamWriter, pieces: AsyncIterator[bytes]
) -> AsyncIterator[None]:
    """Send a stream meanwhile: the server may answer before it has read everything."""

    async def send() -> None:
        try:
            async for piece in pieces:
                await writer.write(piece)
        except Exception as error:
            if protocol.exception() is None:
                protocol.set_exception(aiohttp.ClientConnectionError("it broke off"), error)

    task = asyncio.create_task(send())
    try:
        yield
    finally:
        if not task.done():
            protocol.force_close()
        await cancel_and_wait(task)
