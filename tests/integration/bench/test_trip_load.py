"""The citizens of the trip, in front of a server: every webhook is sent, and each answer counts."""

import asyncio
import io
from collections import Counter
from pathlib import Path

from bench.trip.load import Citizens, Phase, moments_of
from bench.trip.workload import Workload

BROKEN, REFUSED = 3, 7
"""Messages: the first attempt of one breaks off, the other is answered 503."""


class Door:
    """A server that answers 200, but for two messages."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        self.serving = list[asyncio.Task[None]]()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.append(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(64 * 1024):
            n = int(head.rpartition(b"(")[2].partition(b")")[0])
            self.seen[n] += 1
            if n == BROKEN and self.seen[n] == 1:
                writer.transport.abort()
                return
            status = b"503 Busy" if n == REFUSED else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()


async def test_every_webhook_is_sent_when_due_and_again_when_its_connection_breaks(
    tmp_path: Path,
) -> None:
    moments = moments_of([Phase(100.0, 0.3)])
    path, door = tmp_path / "webhooks", Door()
    Workload().write(path, len(moments))
    async with await asyncio.start_server(door.accept, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        citizens = Citizens(port, io.BytesIO(path.read_bytes()), moments)
        await citizens.connect()
        due = await citizens.run()
        citizens.close()
        await asyncio.gather(*door.serving)
    assert sorted(door.seen) == list(range(len(moments)))
    assert {n for n, times in door.seen.items() if times > 1} == {BROKEN}
    answered = list(citizens.answered)
    assert answered[REFUSED] == -1.0
    assert len(due) == len(moments) > REFUSED
    late = [a - d for n, (a, d) in enumerate(zip(answered, due, strict=True)) if n != REFUSED]
    assert min(late) >= 0
