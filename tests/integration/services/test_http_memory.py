"""Interrupted bodies and their connections are freed before the collector of cycles has looked."""

import asyncio
import gc
import tracemalloc

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from services.http.application import api_app
from services.http.body import read_body
from services.http.server import serve
from services.lifecycle import run_event_loop
from tests.support.integration.raw_http import CHUNKED, POST, closing

MIB = 1024 * 1024
TIMES = 12


class Room:
    """Reads bodies of at most 2 MiB, within half a second, and counts those that broke off."""

    def __init__(self) -> None:
        self.broken = 0
        self.all_broke = asyncio.Event()

    async def read(self, request: web.Request) -> web.Response:
        try:
            await read_body(request, 2 * MIB, 0.5)
        except BaseException:
            self.broken += 1
            if self.broken == TIMES:
                self.all_broke.set()
            raise
        return web.Response()


async def broken_off(port: int, begun: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


def test_interrupted_bodies_are_freed_at_once() -> None:
    announced = POST + b"Content-Length: %d\r\n\r\n" % (2 * MIB) + b"x" * MIB
    chunked = CHUNKED + b"%x\r\n" % MIB + b"x" * MIB + b"\r\n"

    async def work() -> None:
        room = Room()
        app = api_app([web.post("/seen", room.read)])
        async with serve(app, "127.0.0.1", 0) as port:
            before, _ = tracemalloc.get_traced_memory()
            for begun in (announced, chunked) * (TIMES // 2):
                await broken_off(port, begun)
            await asyncio.wait_for(room.all_broke.wait(), 20)
            await closing(port, POST + b"Content-Length: 3\r\n\r\nabc")
            after, _ = tracemalloc.get_traced_memory()
            held = [each for each in gc.get_objects() if isinstance(each, RequestHandler)]
        assert len(held) < 2, "the last one may still close"
        assert after - before < TIMES * MIB / 3

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        run_event_loop(work())
    finally:
        tracemalloc.stop()
        gc.enable()
