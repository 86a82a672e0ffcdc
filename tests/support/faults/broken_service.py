"""A service that breaks a promise on purpose, to see that the verdict of a test finds it.

python -m tests.support.faults.broken_service HOW NAME
"""

import runpy
import sys
from dataclasses import replace
from typing import Any

import aio_pika.queue

from deploy.local.process import Process
from services.amqp.consumer import Inbox
from tests.support.fork_server import COMMAND
from tests.support.installation import Installation

ACK_FIRST, AUTO_ACK = "ack-first", "auto-ack"


def break_service(town: Installation, name: str, how: str) -> None:
    """Put a broken one in the place of a service of `town`, which ends."""
    process = town.services[name]
    process.kill()
    program = process.program
    command = (sys.executable, "-m", __name__, how, name)
    town.services[name] = Process(replace(program, arguments=command))
    town.restart(name)
    town.wait_until_ready(name)
    town.services[name + " that is sound"] = process


def mend_service(town: Installation, name: str) -> None:
    """Put the sound service back in the place of the broken one, which has ended."""
    town.services[name] = town.services.pop(name + " that is sound")
    town.restart(name)
    town.wait_until_ready(name)


async def _do_nothing(*_: Any, **__: Any) -> None:
    return None


def acknowledge_first() -> None:
    """Acknowledge what is taken before anything is done with it."""
    take, acknowledge_all = Inbox.take, Inbox.ack_all

    async def take_and_acknowledge(self: Inbox, limit: int, most: int | None = None) -> Any:
        taken = await take(self, limit, most)
        await acknowledge_all(self, taken)
        return taken

    Inbox.take = take_and_acknowledge  # type: ignore[method-assign]
    Inbox.ack_all = Inbox.ack = _do_nothing  # type: ignore[method-assign, assignment]


def consume_without_acknowledgement() -> None:
    """Have the broker forget a message as soon as it is delivered."""
    consume = aio_pika.queue.Queue.consume

    async def consume_unsafely(self: Any, receive: Any) -> Any:
        return await consume(self, receive, no_ack=True)

    aio_pika.queue.Queue.consume = consume_unsafely  # type: ignore[method-assign, assignment]
    Inbox.ack_all = Inbox.ack = _do_nothing  # type: ignore[method-assign, assignment]


FAULTS = {ACK_FIRST: acknowledge_first, AUTO_ACK: consume_without_acknowledgement}

if __name__ == "__main__":
    _, how, name = sys.argv
    FAULTS[how]()
    sys.argv = [COMMAND, name]
    runpy.run_module(COMMAND, run_name="__main__", alter_sys=True)
