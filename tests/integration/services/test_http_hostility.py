"""HTTP that is none, or means two things at once, said to a real server through a raw socket.

Each is refused with one problem that quotes nothing, or is one request; nothing hangs.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from services.http.application import api_app
from services.http.server import serve
from services.lifecycle import run_event_loop
from tests.support.integration.raw_http import (
    CHUNKED,
    HOST,
    POST,
    SECRET,
    THREE,
    Seen,
    closing,
    refused,
    said,
)

Run = Callable[[Coroutine[Any, Any, None]], None]
both_loops = pytest.mark.parametrize(
    "run", [asyncio.run, run_event_loop], ids=["asyncio", "installed"]
)

REFUSED = {
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


@both_loops
@pytest.mark.parametrize("what", REFUSED)
def test_what_means_two_things_or_nothing_is_one_problem_and_the_end(run: Run, what: str) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            (answer,) = await said(port, REFUSED[what])
            refused(answer, 400)
        assert seen.bodies == []

    run(work())


@both_loops
@pytest.mark.parametrize("what", TOO_LARGE)
def test_a_header_without_bounds_is_431_and_the_end(run: Run, what: str) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            (answer,) = await said(port, TOO_LARGE[what])
            refused(answer, 431)
        assert seen.bodies == []

    run(work())


@both_loops
@pytest.mark.parametrize("what", ENDLESS)
def test_a_body_that_does_not_end_is_cut_off_in_time(run: Run, what: str) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            (answer,) = await said(port, ENDLESS[what])
            refused(answer, 408)
        assert seen.bodies == []

    run(work())


@both_loops
@pytest.mark.parametrize("what", ONE)
def test_what_means_one_thing_is_one_request(run: Run, what: str) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            assert [status for status, _, _ in await closing(port, ONE[what])] == [200, 200]
        assert seen.bodies == [b"abc", b""]

    run(work())


@both_loops
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (POST + b"Expect: geheim\r\n" + THREE, 417),
        (b"POST /geheim HTTP/1.1\r\n" + HOST + THREE, 404),
        (b"PUT /seen HTTP/1.1\r\n" + HOST + THREE, 405),
    ],
)
def test_what_no_handler_is_for_is_a_problem_and_the_next_request_goes_on(
    run: Run, asked: bytes, status: int
) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            answer, (next_one, _, _) = await closing(port, asked)
            refused(answer, status)
            assert next_one == 200
            assert status != 405 or answer[1]["allow"] == "GET,HEAD,POST"
        assert seen.bodies == [b""]

    run(work())


@both_loops
def test_a_fault_of_ours_is_a_problem_that_says_nothing_more(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(_: web.Request) -> web.Response:
        raise ValueError(SECRET.decode())

    async def late(_: web.Request) -> web.Response:
        raise TimeoutError

    async def work() -> None:
        app = api_app([web.get("/broken", broken), web.get("/late", late)])
        async with serve(app, "127.0.0.1", 0) as port:
            for path in (b"/broken", b"/late"):
                (answer,) = await said(port, b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n")
                refused(answer, 500)

    run(work())
    assert capsys.readouterr().out.count("http.failed") == 2


@both_loops
def test_requests_one_behind_the_other_are_answered_one_by_one(run: Run) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            given = await closing(port, (POST + THREE) * 200)
        assert [status for status, _, _ in given] == [200] * 201
        assert seen.bodies == [b"abc"] * 200 + [b""]

    run(work())


@both_loops
def test_a_request_byte_by_byte_is_one_request(run: Run) -> None:
    async def work() -> None:
        seen = Seen()
        whole = CHUNKED + b"3\r\nabc\r\n0\r\n\r\n"
        async with serve(seen.app, "127.0.0.1", 0) as port:
            given = await closing(port, *(whole[n : n + 16] for n in range(0, len(whole), 16)))
        assert [status for status, _, _ in given] == [200, 200]
        assert seen.bodies == [b"abc", b""]

    run(work())


@both_loops
@pytest.mark.parametrize("rest", [b"geheim\r\n", b"3\r\nabcgeheim\r\n"])
def test_a_body_that_turns_out_to_be_none_is_one_problem_and_no_fault(
    run: Run, rest: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            (answer,) = await said(port, CHUNKED, b"3\r\nabc\r\n", rest)
            refused(answer, 400, 408)
        assert seen.bodies == []

    run(work())
    assert "http.failed" not in capsys.readouterr().out


@both_loops
def test_who_leaves_in_the_middle_of_a_body_is_no_fault_of_ours(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        seen = Seen()
        async with serve(seen.app, "127.0.0.1", 0) as port:
            for begun in (CHUNKED + b"3\r\na", POST + b"Content-Length: 9\r\n\r\nabc"):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(begun)
                await asyncio.sleep(0.05)  # so that it has begun
                writer.close()
            await closing(port, POST + THREE)
        assert seen.bodies == [b"abc", b""]

    run(work())
    assert "http.failed" not in capsys.readouterr().out
