"""A chain of FastStream, as its documentation recommends; aiohttp receives and posts.

    python -m bench.peers.faststream_chain ROLE PORT CRM_URL

FastStream is no dependency of Postkamer: `deploy/setup.sh faststream` puts it into
.local/faststream. It answers GET / on its port when it is ready.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import aiohttp
import asyncpg
from aiohttp import web
from faststream import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from pydantic import BaseModel

from bench.peers import chain
from bench.workloads.webhooks import HEADER, is_signed
from services.lifecycle import run_event_loop


class Message(BaseModel):
    id: str
    citizen: str
    text: str


class RoutedMessage(Message):
    department: str


ROUTED = RabbitQueue("faststream.messages", queue_type=QueueType.QUORUM, durable=True)
DELIVERED = RabbitQueue("faststream.deliveries", queue_type=QueueType.QUORUM, durable=True)


def receiver(broker: RabbitBroker) -> Callable[[web.Request], Awaitable[web.Response]]:
    publisher = broker.publisher(ROUTED, persist=True)

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not is_signed(body, request.headers.get(HEADER, "")):
            return web.Response(status=401)
        for message in chain.read_messages(body):
            await publisher.publish(Message(**message), message_id=message["id"])
        return web.Response()

    return receive


def add_router(broker: RabbitBroker, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    @broker.subscriber(ROUTED, ack_policy=AckPolicy.NACK_ON_ERROR)
    @broker.publisher(DELIVERED, persist=True)
    async def route(message: Message) -> RoutedMessage:
        department = chain.find_department(message.text)
        row = (message.id, message.citizen, department, message.text)
        await pool.execute(chain.INSERT, *row)
        return RoutedMessage(department=department, **message.model_dump())


def add_deliverer(broker: RabbitBroker, session: aiohttp.ClientSession, url: str) -> None:
    @broker.subscriber(DELIVERED, ack_policy=AckPolicy.NACK_ON_ERROR)
    async def deliver(message: RoutedMessage) -> None:
        async with session.post(url, data=chain.event(**message.model_dump())) as response:
            response.raise_for_status()


async def main(role: str, port: int, url: str) -> None:
    broker = RabbitBroker(
        os.environ["POSTKAMER_AMQP_URL"],
        default_channel=Channel(prefetch_count=chain.PREFETCH),
        logger=None,  # it logs two lines for each message otherwise
    )
    async with AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_get("/", _answer)
        if role == chain.RECEIVER:
            app.router.add_post("/{path:.*}", receiver(broker))
        elif role == chain.ROUTER:
            dsn = os.environ["POSTKAMER_DATABASE_URL"]
            pool = await stack.enter_async_context(
                asyncpg.create_pool(dsn, min_size=chain.POOL_SIZE, max_size=chain.POOL_SIZE)
            )
            await pool.execute(chain.TABLE)
            add_router(broker, pool)
        else:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            add_deliverer(broker, session, url)
        await stack.enter_async_context(broker)
        for queue in (ROUTED, DELIVERED):
            await broker.declare_queue(queue)
        await broker.start()
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


async def _answer(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    run_event_loop(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
