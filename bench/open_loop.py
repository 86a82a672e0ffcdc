"""An open load: webhooks at moments scheduled beforehand, however long the responses take.

Latency counts from the moment a webhook was due, so it includes waiting for a free connection and
for this process. `late` is this load's own share: from due to sent.
"""

import asyncio
import contextlib
import random
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import msgspec

from services.lifecycle import run_event_loop

TICK_SECONDS = 0.001
"""Interval at which due webhooks are sent; a shorter one would take CPU from the servers."""
LAST_SECONDS = 5.0
"""Patience with the responses to the last webhooks."""
SEED = 1


class Outcome(msgspec.Struct):
    """Milliseconds; `other` counts responses other than 200, and missing ones."""

    p50: float
    p99: float
    late_p50: float
    late_p99: float
    other: int


def schedule(rate: float, seconds: float) -> list[float]:
    """Return moments at which to send: independent like those of citizens; the same each time."""
    chance = random.Random(SEED)
    moments = [chance.expovariate(rate)]
    while moments[-1] < seconds:
        moments.append(moments[-1] + chance.expovariate(rate))
    return moments[:-1]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Load:
    """Requests, their moments, and the free connections."""

    def __init__(self, requests: Sequence[bytes], moments: Sequence[float]) -> None:
        self._requests, self._moments = requests, moments
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._due: deque[int] = deque()
        self.free: deque[Connection] = deque()
        self.late: list[float] = []
        self.latencies: list[float] = []
        self._left = len(moments)
        self._all = asyncio.Event()

    async def run(self) -> None:
        self._began = self._loop.time()
        following = 0
        while following < len(self._moments):
            now = self._loop.time() - self._began
            while following < len(self._moments) and self._moments[following] <= now:
                self._due.append(following)
                following += 1
            self.send()
            await asyncio.sleep(TICK_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all.wait(), LAST_SECONDS)

    def send(self) -> None:
        while self._due and self.free:
            n = self._due.popleft()
            self.late.append(self._loop.time() - self._began - self._moments[n])
            self.free.popleft().carry(n, self._requests[n % len(self._requests)])

    def answered(self, connection: "Connection", n: int, ok: bool) -> None:
        if ok:
            self.latencies.append(self._loop.time() - self._began - self._moments[n])
        self._left -= 1
        if not self._left:
            self._all.set()
        self.free.append(connection)
        if self._due:
            self.send()

    def outcome(self) -> Outcome:
        late, latencies = self.late, self.latencies
        return Outcome(
            p50=percentile(latencies, 0.50) * 1000,
            p99=percentile(latencies, 0.99) * 1000,
            late_p50=percentile(late, 0.50) * 1000,
            late_p99=percentile(late, 0.99) * 1000,
            other=len(self._moments) - len(latencies),
        )


class Connection(asyncio.Protocol):
    """A connection that stays open, and carries one request at a time."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = b""
        self._carried = -1
        self._warm = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    async def warm(self, request: bytes) -> None:
        """Carry a first request, which is not measured: the door bounds connections that have said
        nothing, and those of a busy sender have."""
        self._transport.write(request)
        await self._warm.wait()
        self._load.free.append(self)

    def connection_lost(self, _: Exception | None) -> None:
        if self in self._load.free:
            self._load.free.remove(self)

    def carry(self, n: int, request: bytes) -> None:
        self._carried, self._answer = n, b""
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not is_whole(self._answer):
            return
        if not self._warm.is_set():
            self._warm.set()
        else:
            self._load.answered(self, self._carried, self._answer.startswith(b"HTTP/1.1 200"))


def is_whole(answer: bytes) -> bool:
    """True when a response with a Content-Length has arrived completely."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(body) >= int(length or 0)


def request(line: bytes) -> bytes:
    """Return the HTTP request for a line `signature<TAB>body`."""
    signature, _, body = line.rstrip(b"\n").partition(b"\t")
    head = (
        b"POST /webhooks/whatsapp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"X-Hub-Signature-256: %s\r\nContent-Length: %d\r\n\r\n"
    )
    return head % (signature, len(body)) + body


async def main(
    port: int, requests: Sequence[bytes], connections: int, moments: list[float]
) -> None:
    load = Load(requests, moments)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        _, each = await loop.create_connection(lambda: Connection(load), "127.0.0.1", port)
        await each.warm(requests[0])
    await load.run()
    print(msgspec.json.encode(load.outcome()).decode())


if __name__ == "__main__":
    port, lines, connections, rate, seconds = sys.argv[1:]
    requests = [request(line) for line in Path(lines).read_bytes().splitlines()]
    moments = schedule(float(rate), float(seconds))
    run_event_loop(main(int(port), requests, int(connections), moments))
