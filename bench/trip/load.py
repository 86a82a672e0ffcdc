"""The citizens of a trip: a process that sends webhooks at moments fixed beforehand.

    python -m bench.trip.load PORT LINES OUT, with the phases as JSON on standard input

It prints a line when it is connected and begins. A webhook is sent when it is due, whatever became
of those before it. One whose connection breaks is sent again, as Meta does; any answer but 200 is
an end. `OUT` gets the moments of `Sent`, on the machine's one monotonic clock.
"""

import asyncio
import sys
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec

from bench.open_loop import TICK_SECONDS, is_whole, request, schedule
from services.lifecycle import freeze_gc, run_event_loop

CONNECTIONS = 256
"""Each carries one webhook at a time: 2,500/s that are answered within 100 ms."""
PATIENCE_SECONDS = 10.0
"""Wait for the last answers: longer than the 5 s after which Meta gives up."""


class Phase(NamedTuple):
    """A rate in messages/s, for so many seconds."""

    rate: float
    seconds: float


class Sent(NamedTuple):
    """Moments of each webhook: due, and answered (0: no answer; -1: another than 200)."""

    due: Sequence[float]
    answered: Sequence[float]

    @classmethod
    def read(cls, path: Path) -> "Sent":
        moments = array("d", path.read_bytes())
        half = len(moments) // 2
        return cls(moments[:half], moments[half:])


def moments_of(phases: Iterable[Phase]) -> list[float]:
    """Return the moments at which webhooks are due, in seconds from the beginning."""
    moments, began = list[float](), 0.0
    for phase in phases:
        moments += [began + moment for moment in schedule(*phase)]
        began += phase.seconds
    return moments


class Citizens:
    """Lines of webhooks, their moments, and the connections that carry them."""

    def __init__(self, port: int, lines: BinaryIO, moments: Sequence[float]) -> None:
        self._port, self._lines, self._moments = port, lines, moments
        self._loop = asyncio.get_running_loop()
        self._began = 0.0
        self._due: deque[tuple[int, bytes]] = deque()
        self._free: list[Line] = []
        self._open = 0
        self._opening: set[asyncio.Task[None]] = set()
        self.answered = array("d", bytes(8 * len(moments)))
        self._left = len(moments)

    async def connect(self) -> None:
        await asyncio.gather(*(self._open_one() for _ in range(CONNECTIONS)))

    async def _open_one(self) -> None:
        self._open += 1
        try:
            await self._loop.create_connection(lambda: Line(self), "127.0.0.1", self._port)
        except OSError:
            self._open -= 1  # the next webhook that is due tries again

    async def run(self) -> list[float]:
        """Send everything; return when each was due."""
        self._began = self._loop.time()
        following, count = 0, len(self._moments)
        while following < count:
            now = self._loop.time() - self._began
            while following < count and self._moments[following] <= now:
                self._due.append((following, request(self._lines.readline())))
                following += 1
            self._send()
            await asyncio.sleep(TICK_SECONDS)
        deadline = self._loop.time() + PATIENCE_SECONDS
        while self._left and self._loop.time() < deadline:
            self._send()
            await asyncio.sleep(TICK_SECONDS)
        return [self._began + moment for moment in self._moments]

    def _send(self) -> None:
        while self._due and self._free:
            self._free.pop().carry(*self._due.popleft())
        if self._due and self._open < CONNECTIONS:
            task = self._loop.create_task(self._open_one())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def take_free(self, line: "Line") -> None:
        """Use a connection again. The last one is used first, so that idle ones may close."""
        self._free.append(line)
        if self._due:
            self._send()

    def take_answer(self, line: "Line", n: int, *, is_ok: bool) -> None:
        self.answered[n] = self._loop.time() if is_ok else -1.0
        self._left -= 1
        self.take_free(line)

    def close(self) -> None:
        """Close the connections that carry nothing."""
        for line in self._free:
            line.close()

    def take_lost(self, line: "Line", carried: tuple[int, bytes] | None) -> None:
        self._open -= 1
        if carried:
            self._due.appendleft(carried)
        elif line in self._free:
            self._free.remove(line)


class Line(asyncio.Protocol):
    """A connection that carries one webhook at a time."""

    def __init__(self, citizens: Citizens) -> None:
        self._citizens = citizens
        self._answer = b""
        self._carried: tuple[int, bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._citizens.take_free(self)

    def connection_lost(self, _: Exception | None) -> None:
        self._citizens.take_lost(self, self._carried)

    def carry(self, n: int, content: bytes) -> None:
        self._carried, self._answer = (n, content), b""
        self._transport.write(content)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if self._carried and is_whole(self._answer):
            n, self._carried = self._carried[0], None
            is_ok = self._answer.startswith(b"HTTP/1.1 200")
            self._citizens.take_answer(self, n, is_ok=is_ok)


async def main(port: int, lines: BinaryIO, phases: Sequence[Phase]) -> bytes:
    citizens = Citizens(port, lines, moments_of(phases))
    await citizens.connect()
    freeze_gc()
    print("begins", flush=True)
    due = await citizens.run()
    citizens.close()
    return array("d", due).tobytes() + citizens.answered.tobytes()


if __name__ == "__main__":
    phases = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Phase])
    with Path(sys.argv[2]).open("rb") as file:
        moments = run_event_loop(main(int(sys.argv[1]), file, phases))
    Path(sys.argv[3]).write_bytes(moments)
