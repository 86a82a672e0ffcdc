"""Strangers at the door, a process of its own: half bodies first, then silent connections.

`python -m tests.support.faults.strangers HOST PORT HALVES IDLE` prints a line when all are there,
and holds them until its input ends. With several hosts (`HOST,HOST`) these are the addresses from
which half bodies come, HALVES from each, and again whenever the door closes one.
"""

import asyncio
import socket
import sys
from collections.abc import Sequence

from services.lifecycle import raise_open_file_limit, run_event_loop

DOOR = "127.0.0.1"
ANNOUNCED, SENT, SENT_AGAIN = 2_000_000, 600_000, 20_000
"""Bytes of a body, those that ever come, and those of one that comes again: few enough that the
bodies of a network all fit."""
HALF = (
    b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256="
    + b"0" * 64
    + b"\r\nContent-Length: %d\r\n\r\n" % ANNOUNCED
)
SEND_SECONDS = 2.0
"""Patience with a door that reads no more."""
IN_A_ROW, PAUSE_SECONDS = 20, 0.01
"""Connections without a pause, and the pause: some 2,000 a second. More at once would first fill
the queue of the kernel, which is a matter for a firewall.
"""
AGAIN_SECONDS = 0.5
"""Pause before the next half body, for the same reason."""
FILES = 8192


async def send_half(host: str, port: int) -> asyncio.StreamWriter:
    _, writer = await asyncio.open_connection(host, port)
    try:
        async with asyncio.timeout(SEND_SECONDS):
            writer.write(HALF + b"x" * SENT)
            await writer.drain()
    except (TimeoutError, ConnectionError):
        pass
    return writer


async def return_with_halves(port: int, source: str, there: asyncio.Semaphore) -> None:
    """Send a small half body from this address, and another one whenever it was in vain."""
    while True:
        try:
            reader, writer = await asyncio.open_connection(DOOR, port, local_addr=(source, 0))
            there.release()
            writer.write(HALF + b"x" * SENT_AGAIN)
            await reader.read()
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(AGAIN_SECONDS)


async def crowd(port: int, sources: Sequence[str], halves: int) -> None:
    there = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        for n in range(halves * len(sources)):
            group.create_task(return_with_halves(port, sources[n % len(sources)], there))
            if n % IN_A_ROW == 0:
                await asyncio.sleep(PAUSE_SECONDS)
        for _ in range(halves * len(sources)):
            await there.acquire()
        print("there", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        raise SystemExit


async def main(host: str, port: int, halves: int, idle: int) -> None:
    held: list[object] = list(await asyncio.gather(*(send_half(host, port) for _ in range(halves))))
    for n in range(idle):
        held.append(socket.create_connection((host, port)))
        if n % IN_A_ROW == 0:
            await asyncio.sleep(PAUSE_SECONDS)
    print("there", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    raise_open_file_limit(FILES)
    host, *numbers = sys.argv[1:]
    port, halves, idle = map(int, numbers)
    hosts = host.split(",")
    run_event_loop(crowd(port, hosts, halves) if hosts[1:] else main(host, port, halves, idle))
