"""What the gateway is measured against: the least that could be done for a webhook.

bare     read the body, check its signature, answer: what Python's HTTP costs
single   the same, and one confirmed publish for each webhook: without group commit
"""

import asyncio
import os
import secrets
import sys

import aio_pika
from aiohttp import web

from gateway.signature import HEADER, is_signed
from services.http import serve
from services.lifecycle import in_loop

SECRETS = (b"sandbox-app-secret",)
CHANNELS = 8
"""For `single`: many confirms in flight, spread over some channels."""


async def bare(request: web.Request) -> web.Response:
    signed = is_signed(await request.read(), request.headers.get(HEADER, ""), SECRETS)
    return web.Response(status=200 if signed else 401)


class Single:
    def __init__(self, exchanges: list[aio_pika.abc.AbstractExchange], key: str) -> None:
        self._exchanges, self._key = exchanges, key
        self._next = 0

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not is_signed(body, request.headers.get(HEADER, ""), SECRETS):
            return web.Response(status=401)
        self._next = (self._next + 1) % CHANNELS
        message = aio_pika.Message(
            body,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=secrets.token_hex(8),
        )
        await self._exchanges[self._next].publish(message, routing_key=self._key, timeout=5)
        return web.Response()


async def main(kind: str, port: int) -> None:
    app = web.Application(client_max_size=4 * 1024 * 1024)
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
    async with serve(app, "127.0.0.1", port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    in_loop(main(sys.argv[1], int(sys.argv[2])))
