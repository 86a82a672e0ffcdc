"""Baseline for the desk: aiohttp, serving a page of so many bytes that was made beforehand.

python -m bench.baselines.page PORT BYTES
"""

import asyncio
import sys

from aiohttp import web

from services.http.server import serve
from services.lifecycle import freeze_gc, run_event_loop


async def main(port: int, size: int) -> None:
    body = b"<!doctype html>" + b"x" * (size - 15)

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", show)
    async with serve(app, "127.0.0.1", port):
        freeze_gc()
        await asyncio.Event().wait()


if __name__ == "__main__":
    run_event_loop(main(*map(int, sys.argv[1:])))
