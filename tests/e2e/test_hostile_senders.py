"""Those at the door who mean no good: they cost themselves time, and nobody else."""

import asyncio
import gzip
from contextlib import AsyncExitStack
from urllib.parse import urlsplit

import aiohttp

from tests.support.citizens import post, signature, text, webhook
from tests.support.installation import Installation
from tests.support.observer import Watch, until

IDLE = b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nContent-Length: 4194304\r\n\r\n"
"""Announces the largest body there may be, and sends nothing of it."""


async def _connection(town: Installation, said: bytes) -> AsyncExitStack:
    """A connection on which this was said, to be left open."""
    stack = AsyncExitStack()
    address = urlsplit(town.gateway)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    stack.callback(writer.close)
    writer.write(said)
    await writer.drain()
    return stack


async def test_a_webhook_is_taken_at_once_while_a_hundred_announce_bodies_they_do_not_send(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(100):
            await stack.enter_async_context(await _connection(town, IDLE))
        loop = asyncio.get_running_loop()
        started = loop.time()
        for n in range(10):
            body = webhook(text(f"idle {n}", f"wamid.idle.{n}", 1))
            assert await post(session, town.gateway, body) == 200
        assert loop.time() - started < 5, "well before the idle ones are given up"
    await until(lambda: watch.events("idle"), lambda events: len(events) == 10, 5)


async def test_a_webhook_that_is_packed_is_refused_as_packed_and_taken_unpacked(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    body = webhook(text("packed", "wamid.packed", 2))
    packed = gzip.compress(body)
    headers = {"Content-Encoding": "gzip", "X-Hub-Signature-256": signature(packed)}
    url = f"{town.gateway}/webhooks/whatsapp"
    async with session.post(url, data=packed, headers=headers) as answer:
        assert answer.status == 415
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Accept-Encoding"] == "identity"
    assert await post(session, town.gateway, body) == 200
