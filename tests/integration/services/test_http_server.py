"""HTTP server of every service, with real sockets: limits, silence, and an orderly end."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from aiohttp import web

from services.http import application as http_application
from services.http import server
from services.http.application import api_app, delay_rejection
from services.http.problems import HEADERS, problem_response
from services.http.server import ServerLimits, serve
from services.tasks import background_task
from tests.support.integration.event_loops import on_both_loops
from tests.support.integration.raw_http import spoken

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HALF = b"GET /hello HTTP/1.1\r\nHost: x\r\nX-Half"
WHOLE = b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
SILENT_SECONDS = 0.5
LONG = 10.0
"""Seconds after which a test fails that waits for what should come at once."""


def hello(started: asyncio.Event | None = None, go_on: asyncio.Event | None = None) -> Any:
    """An application with one page, which says that it has begun and waits until it may end."""

    async def page(_: web.Request) -> web.Response:
        if started and go_on:
            started.set()
            await go_on.wait()
        return web.Response(text="hello")

    return api_app([web.get("/hello", page)])


@asynccontextmanager
async def serving(app: web.Application | None = None, **limits: Any) -> AsyncIterator[int]:
    """The port of a server, for a test that hangs no longer than LONG."""
    bounds = ServerLimits(**limits)
    async with asyncio.timeout(LONG), serve(app or hello(), "127.0.0.1", 0, limits=bounds) as port:
        yield port


@asynccontextmanager
async def connected(port: int, count: int, said: bytes = b"") -> AsyncIterator[list[Connection]]:
    """Connections on which this was said."""
    made: list[Connection] = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(said)
            made.append((reader, writer))
        yield made
    finally:
        for _, writer in made:
            writer.close()


async def closed(reader: asyncio.StreamReader) -> bool:
    """The other side ends it without a word."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True


async def refused(port: int) -> bool:
    """True if the port has no listener any more."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it stops just now
        return False
    writer.close()
    return False


@asynccontextmanager
async def asking(port: int) -> AsyncIterator[Connection]:
    """A connection that was silent for no moment."""
    reader, writer = await spoken(port, WHOLE)
    try:
        yield reader, writer
    finally:
        writer.close()


async def answered(connection: Connection) -> bool:
    connection[1].write(WHOLE)
    return await is_hello(connection[0])


async def is_hello(reader: asyncio.StreamReader) -> bool:
    head = await reader.readuntil(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 200") and await reader.readexactly(5) == b"hello"


@on_both_loops
async def test_half_headers_are_closed_in_time_while_others_are_served() -> None:
    async with (
        serving(connections=400, silent_seconds=SILENT_SECONDS) as port,
        connected(port, 300, HALF) as silent,
    ):
        ends = asyncio.gather(*(closed(reader) for reader, _ in silent))
        served = 0
        while not ends.done():
            async with asking(port) as (genuine, _):
                assert await is_hello(genuine)
            served += 1
        assert await ends == [True] * 300
        assert served > 0


@on_both_loops
async def test_half_a_second_header_is_closed_in_time() -> None:
    async with (
        serving(silent_seconds=SILENT_SECONDS) as port,
        asking(port) as (reader, writer),
    ):
        assert await is_hello(reader)
        writer.write(HALF)
        assert await closed(reader)


@on_both_loops
async def test_answer_may_take_longer_than_the_silence_limit() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    app = hello(started, go_on)
    async with (
        serving(app, silent_seconds=SILENT_SECONDS) as port,
        asking(port) as (slow, _),
        background_task(is_hello(slow)) as answer,
    ):
        await started.wait()
        async with connected(port, 1, HALF) as (later,):
            assert await closed(later[0]), "opened later, and ended by its silence"
        go_on.set()
        assert await answer


async def is_rejected(reader: asyncio.StreamReader) -> bool:
    """A whole 503 and the end, without a reset."""
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert status == "HTTP/1.1 503 Service Unavailable"
    assert headers["connection"] == "close" and 5 <= int(headers["retry-after"]) <= 15
    assert HEADERS.items() <= {n: headers.get(n.lower()) for n in HEADERS}.items()
    assert int(headers["content-length"]) == len(body)
    return bool(msgspec.json.decode(body)["status"] == 503)


async def is_not_served(reader: asyncio.StreamReader) -> bool:
    """The 503 or a part of it, or a reset, and the end."""
    received = b""
    with suppress(ConnectionError):
        received = await reader.read()
    return b"HTTP/1.1 503 ".startswith(received[:13])


@on_both_loops
async def test_connection_over_the_limit_is_answered_503_until_there_is_room() -> None:
    async with serving(connections=3) as port:
        async with connected(port, 3) as within:
            for connection in within:
                assert await answered(connection)
            async with connected(port, 20) as over:
                assert all(await asyncio.gather(*(is_rejected(reader) for reader, _ in over)))
            async with connected(port, 20, WHOLE + b"x" * 100_000) as over:
                assert all(await asyncio.gather(*(is_not_served(reader) for reader, _ in over)))
            for connection in within:
                assert await answered(connection)
        while True:  # until the server has seen that they left
            async with connected(port, 1) as (connection,):
                try:
                    assert await answered(connection)
                    break
                except (AssertionError, asyncio.IncompleteReadError, ConnectionError):
                    continue


@on_both_loops
async def test_many_connections_are_accepted_in_one_turn_of_the_loop() -> None:
    async with (
        serving(connections=600) as port,
        connected(port, 500) as there,
    ):
        turns = 0
        for _, writer in there:
            writer.write(WHOLE)
        everyone = asyncio.gather(*(r.readuntil(b"hello") for r, _ in there))
        while not everyone.done():
            await asyncio.sleep(0)
            turns += 1
        assert len(await everyone) == 500
        assert turns < 250, "not one connection in a turn"


@on_both_loops
async def test_stopping_server_answers_requests_and_closes_idle_connections() -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(LONG):
        serving = serve(hello(started, go_on), "127.0.0.1", 0)
        port = await serving.__aenter__()
        async with connected(port, 1, HALF) as (silent,), connected(port, 1) as (busy,):
            answer = asyncio.create_task(answered(busy))
            await started.wait()
            stopping = asyncio.create_task(serving.__aexit__(None, None, None))
            while not await refused(port):
                pass
            assert not stopping.done()
            go_on.set()
            assert await answer
            await stopping
            assert await closed(silent[0])


@on_both_loops
async def test_server_that_leaves_a_shared_port_answers_what_is_on_its_way() -> None:
    async with asyncio.timeout(LONG):
        serving = serve(hello(), "127.0.0.1", 0, shared=True)
        port = await serving.__aenter__()
        async with connected(port, 1) as (used,):
            assert await answered(used)
            # The loop does not turn meanwhile, so that this one waits in the kernel.
            with socket.create_connection(("127.0.0.1", port)) as queued:
                queued.sendall(WHOLE)
                leaving = asyncio.create_task(serving.__aexit__(None, None, None))
                queued.setblocking(False)
                loop = asyncio.get_running_loop()
                assert (await loop.sock_recv(queued, 4096)).startswith(b"HTTP/1.1 200 ")
            used[1].write(WHOLE)
            head = await used[0].readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ") and b"Connection: close" in head
            await leaving


@on_both_loops
async def test_server_that_leaves_a_shared_port_waits_for_silent_ones_no_longer_than_its_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "LAST_SECONDS", 0.05)
    async with asyncio.timeout(LONG):
        serving = serve(hello(), "127.0.0.1", 0, shared=True)
        port = await serving.__aenter__()
        async with connected(port, 1) as (silent,):
            assert await answered(silent)
            await serving.__aexit__(None, None, None)
            assert await closed(silent[0])


async def test_port_in_use_is_an_oserror() -> None:
    async with serving() as port:
        with pytest.raises(OSError, match="Address already in use"):
            async with serve(hello(), "127.0.0.1", port):
                pass


@on_both_loops
async def test_refusal_is_delayed_unless_a_body_is_still_to_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_application, "REJECTION_DELAY_SECONDS", 0.4)

    async def page(request: web.Request) -> web.Response:
        return await delay_rejection(request, problem_response(503, "Service Unavailable"), 0.0)

    loop = asyncio.get_running_loop()
    head = b"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    async with (
        serving(api_app([web.post("/hello", page)])) as port,
        connected(port, 1, head + b"abc") as (whole,),
        connected(port, 1, head) as (half,),
    ):

        async def answer(reader: asyncio.StreamReader) -> tuple[float, bytes]:
            said = await reader.readuntil(b"\r\n\r\n")
            return loop.time(), said

        (late, of_whole), (soon, of_half) = await asyncio.gather(answer(whole[0]), answer(half[0]))
        assert b"503" in of_whole and b"Connection: close" in of_half
        assert soon < late, "the whole one came first, and waits"
