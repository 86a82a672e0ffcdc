"""A plain chain of aiohttp, aio-pika and asyncpg, as their documentation recommends.

    python -m bench.peers.plain_chain ROLE PORT CRM_URL

It answers GET / on its port when it is ready.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aio_pika
import aiohttp
import asyncpg
import msgspec
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aiohttp import web

from bench.peers import chain
from bench.workloads.webhooks import HEADER, is_signed
from services.lifecycle import run_event_loop

ROUTED, DELIVERED = "plain.messages", "plain.deliveries"
"""Queues of the router and of the deliverer."""
Step = Callable[[bytes], Awaitable[None]]


async def _publish(channel: AbstractChannel, queue: str, id: str, body: bytes) -> None:
    message = aio_pika.Message(body, message_id=id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(message, routing_key=queue)


def receiver(channel: AbstractChannel) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not is_signed(body, request.headers.get(HEADER, "")):
            return web.Response(status=401)
        for message in chain.read_messages(body):
            content = msgspec.json.encode(message)
            await _publish(channel, ROUTED, message["id"], content)
        return web.Response()

    return receive


def router(channel: AbstractChannel, pool: "asyncpg.Pool[asyncpg.Record]") -> Step:
    async def route(body: bytes) -> None:
        message = msgspec.json.decode(body, type=dict[str, str])
        message["department"] = chain.find_department(message["text"])
        row = (message[name] for name in ("id", "citizen", "department", "text"))
        await pool.execute(chain.INSERT, *row)
        await _publish(channel, DELIVERED, message["id"], msgspec.json.encode(message))

    return route


def deliverer(session: aiohttp.ClientSession, url: str) -> Step:
    async def deliver(body: bytes) -> None:
        content = chain.event(**msgspec.json.decode(body, type=dict[str, str]))
        async with session.post(url, data=content) as response:
            response.raise_for_status()

    return deliver


async def _consume(channel: AbstractChannel, queue: str, step: Step) -> None:
    async def handle(message: AbstractIncomingMessage) -> None:
        async with message.process(requeue=True):
            await step(message.body)

    await channel.set_qos(prefetch_count=chain.PREFETCH)
    await (await channel.get_queue(queue)).consume(handle)


async def main(role: str, port: int, url: str) -> None:
    async with AsyncExitStack() as stack:
        connection = await aio_pika.connect_robust(os.environ["POSTKAMER_AMQP_URL"])
        channel = await (await stack.enter_async_context(connection)).channel()
        for queue in (ROUTED, DELIVERED):
            await channel.declare_queue(queue, durable=True, arguments=chain.QUEUE_ARGUMENTS)
        app = web.Application()
        app.router.add_get("/", _answer)
        if role == chain.RECEIVER:
            app.router.add_post("/{path:.*}", receiver(channel))
        elif role == chain.ROUTER:
            dsn = os.environ["POSTKAMER_DATABASE_URL"]
            pool = await stack.enter_async_context(
                asyncpg.create_pool(dsn, min_size=chain.POOL_SIZE, max_size=chain.POOL_SIZE)
            )
            await pool.execute(chain.TABLE)
            await _consume(channel, ROUTED, router(channel, pool))
        else:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            await _consume(channel, DELIVERED, deliverer(session, url))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


async def _answer(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    run_event_loop(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
