"""Far too many senders: a process of its own that posts on many connections without a pause.

`python -m tests.support.faults.load_generator PORT CONNECTIONS SECONDS RUN` prints a line when all
are there, and what became of it as JSON, so many seconds later. A raw protocol, since it shares two
cores with what it loads.
"""

import asyncio
import math
import re
import socket
import sys
import time

import msgspec

from services.lifecycle import raise_open_file_limit, run_event_loop
from tests.support.citizens import signature, text, webhook

HEAD = re.compile(
    rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n.*?content-length: (\d+)\r\n.*?\r\n\r\n", re.I | re.S
)
FILES = 8192
NETWORKS = 20
"""Networks of the senders: those of one network are bounded."""
ANSWER_SECONDS = 20.0
"""Seconds after which a request without an answer counts as hanging."""


class Outcome(msgspec.Struct):
    """Answers to the senders."""

    statuses: dict[int, int] = {}
    taken: list[int] = []
    """The messages that were answered 200."""
    broken: int = 0
    """Connections that ended, or were never made, without an answer."""
    hanging: int = 0
    slowest: float = 0.0
    without_retry_after: int = 0


class Load:
    def __init__(self, run: str) -> None:
        self.outcome = Outcome()
        self._run, self._numbers = run, iter(range(10**9))
        self.end = math.inf

    def request(self) -> tuple[int, bytes]:
        """A message that nobody has sent yet."""
        n = next(self._numbers)
        body = webhook(text(f"{self._run} {n}", f"wamid.{self._run}.{n}", n % 1000))
        head = (
            "POST /webhooks/whatsapp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"X-Hub-Signature-256: {signature(body)}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return n, head.encode() + body


class Sender(asyncio.Protocol):
    """One connection: a message until it is taken, then the next, until the time is over."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._transport: asyncio.Transport
        self._number, self._request = load.request()
        self._sent: float | None = None
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._send()

    def _send(self) -> None:
        self._sent = time.monotonic()
        if self._sent >= self._load.end:
            self._sent = None
            self._transport.close()
            return
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        found = HEAD.match(self._received)
        if not found or len(self._received) < found.end() + int(found[2]):
            return
        self._answered(int(found[1]), found[0])
        self._received = b""
        self._send()

    def _answered(self, status: int, head: bytes) -> None:
        outcome = self._load.outcome
        outcome.statuses[status] = outcome.statuses.get(status, 0) + 1
        assert self._sent is not None
        outcome.slowest = max(outcome.slowest, time.monotonic() - self._sent)
        if status == 200:
            outcome.taken.append(self._number)
            self._number, self._request = self._load.request()
        elif b"Retry-After" not in head:
            outcome.without_retry_after += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.outcome.broken += self._sent is not None
        if not self.done.done():
            self.done.set_result(None)


async def main(port: int, connections: int, seconds: float, run: str) -> Outcome:
    loop = asyncio.get_running_loop()
    load = Load(run)
    senders = []
    for n in range(connections):
        source = f"127.0.{n % NETWORKS + 1}.1", 0
        made = socket.create_connection(("127.0.0.1", port), source_address=source)
        _, sender = await loop.create_connection(lambda: Sender(load), sock=made)
        senders.append(sender.done)
    print("there", flush=True)
    load.end = time.monotonic() + seconds
    _, pending = await asyncio.wait(senders, timeout=seconds + ANSWER_SECONDS)
    load.outcome.hanging = len(pending)
    return load.outcome


if __name__ == "__main__":
    raise_open_file_limit(FILES)
    given = sys.argv
    found = run_event_loop(main(int(given[1]), int(given[2]), float(given[3]), given[4]))
    sys.stdout.buffer.write(msgspec.json.encode(found))
