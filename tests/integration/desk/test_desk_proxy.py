"""deploy/proxy/nginx.conf before a desk: changes at once, files as they come, a town hall behind
one address, and events of the deliverer alone."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from desk.inbox.receiver import PATH as EVENTS
from services.http.client_networks import FORWARDED
from services.http.server import ServerLimits, serve
from tests.support.gateway.proxy import DESK_NAME, DESK_PAGES, NAME, proxy_before
from tests.support.test_ca import Authority

TOWN_HALL, DELIVERER = "127.0.9.1", "127.0.7.2"
FILE = "/conversations/106540352242922-a/file"
FORM_BYTES = 256 * 1024
LARGE_BYTES = 6 * 1024 * 1024
LONG = 20.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class DeskBehind:
    """An application with the paths of the desk that its proxy treats in a way of their own."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.bodies: list[int] = []
        self.begun, self.pages = asyncio.Event(), asyncio.Semaphore(0)
        self.go_on = asyncio.Event()
        self.app = web.Application(client_max_size=2 * LARGE_BYTES)
        self.app.router.add_get("/stream", self.stream)
        self.app.router.add_post("/{path:.*}", self.receive)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"event: list\ndata: 1\n\n")
        self.pages.release()
        await self.go_on.wait()
        return response

    async def receive(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        size = 0
        async for piece in request.content.iter_chunked(64 * 1024):
            size += len(piece)
            self.begun.set()
        self.bodies.append(size)
        return web.Response()


class Proxy:
    def __init__(self, port: int, authority: Authority) -> None:
        self._port = port
        self._trust = ssl.create_default_context(cafile=str(authority.certificate))

    def trust(self, *protocols: str) -> ssl.SSLContext:
        if protocols:
            self._trust.set_alpn_protocols(protocols)
        return self._trust

    async def connect(self, client: str, name: str = DESK_NAME, *protocols: str) -> Connection:
        return await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            ssl=self.trust(*protocols),
            server_hostname=name,
            local_addr=(client, 0),
        )

    async def begin(self, client: str, path: str, more: str = "", verb: str = "GET") -> Connection:
        reader, writer = await self.connect(client)
        writer.write(f"{verb} {path} HTTP/1.1\r\nHost: {DESK_NAME}\r\n{more}\r\n".encode())
        return reader, writer

    async def post(self, client: str, path: str, size: int, more: str = "") -> int:
        length = f"{more}Content-Length: {size}\r\n"
        reader, writer = await self.begin(client, path, length, "POST")
        try:
            writer.write(b"x" * min(size, FORM_BYTES))
            return await status(reader)
        finally:
            writer.close()


async def status(reader: asyncio.StreamReader) -> int:
    return int((await reader.readuntil(b"\r\n\r\n")).split()[1])


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@asynccontextmanager
async def proxied(folder: Path, authority: Authority) -> AsyncIterator[tuple[DeskBehind, Proxy]]:
    desk = DeskBehind()
    limits = ServerLimits(connections=1024)
    async with asyncio.timeout(LONG), serve(desk.app, "127.0.0.1", 0, limits=limits) as upstream:
        with proxy_before(folder, upstream, authority) as port:
            yield desk, Proxy(port, authority)
            desk.go_on.set()


async def test_change_reaches_every_page_of_a_town_hall_at_once(
    tmp_path: Path, authority: Authority
) -> None:
    """More pages wait than a client of the gateway may have requests, and their number is bound."""
    async with proxied(tmp_path, authority) as (_, proxy):
        pages = [await proxy.begin(TOWN_HALL, "/stream") for _ in range(DESK_PAGES)]
        for reader, _ in pages:
            assert await status(reader) == 200
            assert b"event: list" in await reader.readuntil(b"data: 1\n")  # and it goes on
        assert await proxy.post(TOWN_HALL, "/conversations/x/answer", 10) == 503
        for _, writer in pages:
            writer.close()


async def test_file_goes_on_as_it_comes_and_a_form_is_bounded(
    tmp_path: Path, authority: Authority
) -> None:
    async with proxied(tmp_path, authority) as (desk, proxy):
        length = f"Content-Length: {LARGE_BYTES}\r\n"
        reader, writer = await proxy.begin(TOWN_HALL, FILE, length, "POST")
        writer.write(b"x" * 100_000)
        await desk.begun.wait()  # before the rest is there
        writer.write(b"x" * (LARGE_BYTES - 100_000))
        assert await status(reader) == 200
        writer.close()
        assert desk.bodies == [LARGE_BYTES]
        assert await proxy.post(TOWN_HALL, "/conversations/x/answer", FORM_BYTES) == 200
        assert await proxy.post(TOWN_HALL, "/conversations/x/answer", FORM_BYTES + 1) == 413


async def test_events_come_from_the_deliverer_alone(tmp_path: Path, authority: Authority) -> None:
    forged = "X-Forwarded-For: 198.51.100.9\r\nForwarded: for=198.51.100.9\r\n"
    async with proxied(tmp_path, authority) as (desk, proxy):
        assert await proxy.post(TOWN_HALL, EVENTS, 10) == 403
        assert await proxy.post(DELIVERER, EVENTS, 10, forged) == 200
    [headers] = desk.headers
    assert (headers[FORWARDED.lower()], headers["host"]) == (DELIVERER, DESK_NAME)
    assert "forwarded" not in headers


async def test_browser_has_one_connection_for_all_its_pages(
    tmp_path: Path, authority: Authority
) -> None:
    """The gateway's clients go on as before."""
    async with proxied(tmp_path, authority) as (_, proxy):
        for name, protocol in ((DESK_NAME, "h2"), (NAME, "http/1.1")):
            _, writer = await proxy.connect(TOWN_HALL, name, "h2", "http/1.1")
            shown = writer.get_extra_info("ssl_object")
            assert shown.selected_alpn_protocol() == protocol
            writer.close()
