"""Brokers that one town after another uses: starting a node takes three seconds of a processor,
emptying its queues some milliseconds."""

import asyncio
import atexit
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aiormq

from deploy.local.rabbitmq import Broker

MOST_IDLE = 2
"""Idle nodes that are kept, 150 MB each: those of the usual definitions, and of the last others."""
LEAVE_SECONDS = 30
"""Time in which the broker sees that the services of the last town are gone."""
POLL_SECONDS = 0.02

_idle: list[tuple[Mapping[str, Any], Broker]] = []


def take_idle(definitions: Mapping[str, Any]) -> Broker | None:
    """Return a running broker with these definitions and nothing in its queues, if there is one."""
    for each in _idle:
        if each[0] == definitions:
            _idle.remove(each)
            names = [queue["name"] for queue in definitions["queues"]]
            with ThreadPoolExecutor(1) as thread:  # a test's own event loop may be running here
                thread.submit(asyncio.run, _empty(each[1].url, names)).result()
            return each[1]
    return None


def give_back(definitions: Mapping[str, Any], broker: Broker) -> None:
    """Keep a running broker that nobody but the services of a town used."""
    _idle.append((definitions, broker))
    while len(_idle) > MOST_IDLE:
        _idle.pop(0)[1].kill()


@atexit.register
def _kill_idle() -> None:
    while _idle:
        _idle.pop()[1].kill()


async def _empty(url: str, queues: list[str]) -> None:
    """Empty the queues once nobody consumes from them: what was not acknowledged is back then."""
    async with asyncio.timeout(LEAVE_SECONDS), await aiormq.connect(url) as connection:
        channel = await connection.channel()
        for queue in queues:
            while (await channel.queue_declare(queue, passive=True)).consumer_count:
                await asyncio.sleep(POLL_SECONDS)
            await channel.queue_purge(queue)
