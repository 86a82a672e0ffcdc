"""Baselines for the gateway: the least work possible for a webhook.

bare     read the body, check its signature, answer: the cost of HTTP in Python
single   the same, and one confirmed publish for each webhook: no group commit

Both use the gateway's event loop, HTTP server and limits.
"""

import asyncio
import os
import secrets
import sys

import aio_pika
from aiohttp import web

from bench.workloads.webhooks import HEADER, is_signed
from services.http.server import PUBLIC_CONNECTIONS, ServerLimits, serve
from services.lifecycle import freeze_gc, run_event_loop

BODY_BYTES = 4 * 1024 * 1024
CHANNELS = 8
"""Channels of `single`, so that many confirms can be in flight."""
CONFIRM_SECONDS = 30
"""Patience of `single`, whose queue grows with the load: a late confirm is a result, no error."""


async def _body(request: web.Request) -> bytes:
    """Read a body; the quickest way if all of it has arrived, as with most webhooks."""
    if request.content.is_eof():
        return request.content.read_nowait()
    return await request.read()


def _is_signed(request: web.Request, body: bytes) -> bool:
    return is_signed(body, request.headers.get(HEADER, ""))


async def bare(request: web.Request) -> web.Response:
    return web.Response(status=200 if _is_signed(request, await _body(request)) else 401)


class Single:
    def __init__(self, exchanges: list[aio_pika.abc.AbstractExchange], key: str) -> None:
        self._exchanges, self._key = exchanges, key
        self._next = 0

    async def receive(self, request: web.Request) -> web.Response:
        body = await _body(request)
        if not _is_signed(request, body):
            return web.Response(status=401)
        self._next = (self._next + 1) % CHANNELS
        message = aio_pika.Message(
            body,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=secrets.token_hex(8),
        )
        exchange = self._exchanges[self._next]
        await exchange.publish(message, routing_key=self._key, timeout=CONFIRM_SECONDS)
        return web.Response()


async def main(kind: str, port: int) -> None:
    app = web.Application(client_max_size=BODY_BYTES)
    if kind == "single":
        connection = await aio_pika.connect(os.environ["POSTKAMER_AMQP_URL"])
        exchanges = [
            await (await connection.channel(on_return_raises=True)).get_exchange(
                "partitions", ensure=False
            )
            for _ in range(CHANNELS)
        ]
        app.router.add_post("/{path:.*}", Single(exchanges, "router.partition.0").receive)
    else:
        app.router.add_post("/{path:.*}", bare)
    limits = ServerLimits(connections=PUBLIC_CONNECTIONS)
    async with serve(app, "127.0.0.1", port, limits=limits):
        freeze_gc()
        await asyncio.Event().wait()


if __name__ == "__main__":
    run_event_loop(main(sys.argv[1], int(sys.argv[2])))
