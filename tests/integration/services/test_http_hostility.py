"""Malformed and ambiguous HTTP, sent to a real server through a raw socket.

Each is refused with one problem that quotes nothing, or is one request; nothing hangs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

from services.http import server
from services.http.application import api_app
from services.http.server import serve
from tests.support.integration.event_loops import on_both_loops
from tests.support.integration.raw_http import (
    CHUNKED,
    HOST,
    LONG,
    POST,
    SECRET,
    THREE,
    Seen,
    closing,
    refused,
    said,
)

BAD = {
    "a length and chunks": POST
    + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /seen HTTP/1.1\r\n\r\n",
    "chunks and a length": POST
    + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\nGET /seen HTTP/1.1\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\n" + THREE,
    "two equal lengths": POST + b"Content-Length: 3\r\n" + THREE,
    "a list of lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "a negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "a signed length": POST + b"Content-Length: +3\r\n\r\nabc",
    "a hexadecimal length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "an endless length": POST + b"Content-Length: " + b"9" * 400 + b"\r\n\r\nabc",
    "a folded header": POST + b"X-Geheim: geheim\r\n geheim\r\n" + THREE,
    "a folded first header": b"POST /seen HTTP/1.1\r\n " + HOST + THREE,
    "bare line feeds": b"POST /seen HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc",
    "a bare line feed": POST + b"X-Geheim: geheim\n" + THREE,
    "a bare carriage return": POST + b"X-Geheim: geheim\r" + THREE,
    "a chunk size that is none": CHUNKED + b"geheim\r\nabc\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"3\r\nabcgeheim\r\n0\r\n\r\n",
    "an endless chunk size": CHUNKED + b"f" * 40 + b"\r\nabc",
    "a negative chunk size": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "chunks that are not last": POST + b"Transfer-Encoding: chunked, geheim\r\n\r\n0\r\n\r\n",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
    "a header without a colon": POST + b"geheim\r\n" + THREE,
    "a space before the colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "a nul in a header": POST + b"X-Geheim: geh\0eim\r\n" + THREE,
    "a nul in a name": POST + b"X-Geh\0eim: geheim\r\n" + THREE,
    "no host": b"POST /seen HTTP/1.1\r\n" + THREE,
    "two hosts": POST + HOST + THREE,
    "an unreadable address": b"POST http://[geheim/seen HTTP/1.1\r\n" + HOST + THREE,
    "bytes in the path": b"POST /geheim\xff HTTP/1.1\r\n" + HOST + THREE,
    "a version to come": b"POST /seen HTTP/3.7\r\n" + HOST + THREE,
    "the other HTTP": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET * 40,
    "no HTTP": b"geheim geheim geheim geheim\r\n\r\n",
}
TOO_LARGE = {
    "ten thousand headers": POST + b"".join(b"X-%d: geheim\r\n" % n for n in range(10_000)),
    "a line without end": b"POST /" + SECRET * 20_000,
    "a header without end": POST + b"X-Geheim: " + SECRET * 20_000,
    "a name without end": POST + SECRET * 20_000,
    "trailers without end": CHUNKED + b"0\r\n" + b"X-Geheim: geheim\r\n" * 10_000,
}
ENDLESS = {
    "a chunk extension without end": CHUNKED + b"3;" + SECRET * 100_000,
    "a chunk size without end": CHUNKED + b"0" * 100_000,
    "a body that does not come": POST + b"Content-Length: 3\r\n\r\na",
    "a body that is waited for": POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n",
}
ONE = {
    "a body": POST + THREE,
    "chunks": CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
    "chunks with an extension": CHUNKED + b"3;geheim=geheim\r\nabc\r\n0\r\n\r\n",
    "an absolute address": b"POST http://elsewhere/seen HTTP/1.1\r\n" + HOST + THREE,
    "packed, but not unpacked": POST + b"Content-Encoding: gzip\r\n" + THREE,
    "in capitals": b"POST /seen HTTP/1.1\r\nHOST: x\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n"
    b"3\r\nabc\r\n0\r\n\r\n",
}


REFUSED = [
    *((400, name, sent) for name, sent in BAD.items()),
    *((431, name, sent) for name, sent in TOO_LARGE.items()),
    *((408, name, sent) for name, sent in ENDLESS.items()),
]


@pytest.fixture(autouse=True)
def short_linger(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of a refused body is read for less long than the 2 s that a slow sender gets."""
    monkeypatch.setattr(server, "LINGER_SECONDS", 0.3)


@asynccontextmanager
async def seeing() -> AsyncIterator[tuple[Seen, int]]:
    """A server, and its port."""
    seen = Seen()
    async with serve(seen.app, "127.0.0.1", 0) as port:
        yield seen, port


@pytest.mark.parametrize(
    ("status", "sent"), [one[::2] for one in REFUSED], ids=[one[1] for one in REFUSED]
)
@on_both_loops
async def test_hostile_request_is_one_problem_and_the_end(status: int, sent: bytes) -> None:
    async with seeing() as (seen, port):
        (answer,) = await said(port, sent)
        refused(answer, status)
    assert seen.bodies == []


@pytest.mark.parametrize("sent", ONE.values(), ids=ONE)
@on_both_loops
async def test_unusual_request_is_one_request(sent: bytes) -> None:
    async with seeing() as (seen, port):
        assert [status for status, _, _ in await closing(port, sent)] == [200, 200]
    assert seen.bodies == [b"abc", b""]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (POST + b"Expect: geheim\r\n" + THREE, 417),
        (b"POST /geheim HTTP/1.1\r\n" + HOST + THREE, 404),
        (b"PUT /seen HTTP/1.1\r\n" + HOST + THREE, 405),
    ],
)
@on_both_loops
async def test_request_without_a_handler_is_a_problem_and_the_connection_goes_on(
    asked: bytes, status: int
) -> None:
    async with seeing() as (seen, port):
        answer, (next_one, _, _) = await closing(port, asked)
        refused(answer, status)
        assert next_one == 200
        assert status != 405 or answer[1]["allow"] == "GET,HEAD,POST"
    assert seen.bodies == [b""]


@on_both_loops
async def test_unexpected_error_is_a_problem_that_says_nothing_more(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise ValueError(SECRET.decode())

    async def late(_: web.Request) -> web.Response:
        raise TimeoutError

    app = api_app([web.get("/broken", broken), web.get("/late", late)])
    async with serve(app, "127.0.0.1", 0) as port:
        for path in (b"/broken", b"/late"):
            (answer,) = await said(port, b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            refused(answer, 500)
    assert capfd.readouterr().err.count("http.failed") == 2


@on_both_loops
async def test_pipelined_requests_are_answered_one_by_one() -> None:
    async with seeing() as (seen, port):
        answers = await closing(port, (POST + THREE) * 200)
    assert [status for status, _, _ in answers] == [200] * 201
    assert seen.bodies == [b"abc"] * 200 + [b""]


@on_both_loops
async def test_request_in_small_pieces_is_one_request() -> None:
    whole = CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"
    async with seeing() as (seen, port):
        answers = await closing(port, *(whole[n : n + 16] for n in range(0, len(whole), 16)))
    assert [status for status, _, _ in answers] == [200, 200]
    assert seen.bodies == [b"abc", b""]


@pytest.mark.parametrize("rest", [b"geheim\r\n", b"3\r\nabcgeheim\r\n"])
@on_both_loops
async def test_body_that_becomes_malformed_is_one_problem_and_no_error(
    rest: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    async with seeing() as (seen, port):
        (answer,) = await said(port, CHUNKED, b"3\r\nabc\r\n", rest)
        refused(answer, 400, 408)
    assert seen.bodies == []
    assert "http.failed" not in capfd.readouterr().err


@on_both_loops
async def test_sender_that_leaves_in_the_middle_of_a_body_is_no_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with seeing() as (seen, port):
        for begun in (CHUNKED + b"3\r\na", POST + b"Content-Length: 9\r\n\r\nabc"):
            reading = seen.reading
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(begun)
            async with asyncio.timeout(LONG):
                while seen.reading == reading:
                    await asyncio.sleep(0.001)
            writer.close()
        await closing(port, POST + THREE)
    assert seen.bodies == [b"abc", b""]
    assert "http.failed" not in capfd.readouterr().err


def cut_before_handling(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> Any:
    """Make a task; that of a request begins when its connection has gone."""
    if work.__name__ == "_handle_request":
        work.cr_frame.f_locals["self"].transport.abort()
    return asyncio.Task(work, loop=loop, **more)


@on_both_loops
async def test_sender_that_leaves_before_its_request_is_handled_is_no_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with seeing() as (seen, port):
        asyncio.get_running_loop().set_task_factory(cut_before_handling)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST + b"Content-Length: 9\r\n\r\nabc")
        with suppress(ConnectionError):
            assert not await reader.read()
        writer.close()
        asyncio.get_running_loop().set_task_factory(None)
        await closing(port, POST + THREE)
    assert seen.bodies == [b"abc", b""]
    assert "http.failed" not in capfd.readouterr().err
