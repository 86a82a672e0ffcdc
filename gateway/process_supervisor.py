"""Several gateways on one port: a supervisor that keeps so many processes running.

The kernel shares the connections out among them (SO_REUSEPORT). Each is a whole gateway with its
own connections, batches, operations port and metrics; they know nothing of one another.
"""

import asyncio
import ctypes
import errno
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from services.lifecycle import first_to_end
from services.tasks import beside

OPERATIONS_STEP = 100
"""From one worker's operations port to the next one's; the first keeps the one that is known."""
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
"""Seconds before a worker that ended is started again: twice as long each time."""
STEADY_SECONDS = 60.0
"""One that ran for so long had started well: the next wait is the shortest again."""
PR_SET_PDEATHSIG = 1

log = structlog.get_logger()


def operations_port(first: int, worker: int) -> int:
    """Of one worker; a free one where the first is (0)."""
    return first + OPERATIONS_STEP * worker if first else 0


def end_with(parent: int) -> None:
    """Let the kernel stop this process when `parent`, which started it, ends in any way."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:  # it ended before we could ask
        raise SystemExit(1)


def must_be_free(bind: str, port: int) -> None:
    """OSError when somebody listens there already: shared as the port is, nobody else would say."""
    if not port:
        raise OSError(errno.EINVAL, "workers need a port that they can share, not 0")
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    socket.create_server((bind, port), family=family).close()


@asynccontextmanager
async def workers(
    commands: Sequence[Sequence[str]], bind: str, port: int
) -> AsyncIterator["asyncio.Future[object]"]:
    """A process for each command, until left; then all are asked to stop, and waited for."""
    must_be_free(bind, port)
    async with beside(_keep_all(commands)) as task:
        yield first_to_end(task)


async def _keep_all(commands: Sequence[Sequence[str]]) -> None:
    async with asyncio.TaskGroup() as group:
        for number, command in enumerate(commands):
            group.create_task(_keep(number, command))


async def _keep(number: int, command: Sequence[str]) -> None:
    """Start it, and again whenever it ends."""
    loop = asyncio.get_running_loop()
    wait = FIRST_WAIT
    while True:
        started = loop.time()
        code = await _run(command)
        lived = loop.time() - started
        wait = FIRST_WAIT if lived >= STEADY_SECONDS else wait
        log.error("worker.ended", count=number, code=code, seconds=round(lived, 1))
        await asyncio.sleep(wait * random.uniform(0.5, 1.0))
        wait = min(wait * 2, LONGEST_WAIT)


async def _run(command: Sequence[str]) -> int:
    """Its exit code; when cancelled it is asked to stop, and waited for."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()
