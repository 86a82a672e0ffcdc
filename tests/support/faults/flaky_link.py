"""A road to a server that can be cut as networks cut them: one end is told, the other is not; on it
an answer can be kept back.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

CHUNK = 64 * 1024


class Road:
    def __init__(self, port: int) -> None:
        self._port = port
        self.hear: Callable[[bytes], None] = lambda _: None
        """Called with all that clients send, piece by piece."""
        self._near: set[asyncio.StreamWriter] = set()
        self._far: set[asyncio.StreamWriter] = set()
        self._cut = False
        self._words: tuple[bytes, ...] = ()
        self._lets = asyncio.Event()
        self._lets.set()

    async def travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, for as long as it lasts. A road that is cut leads nowhere."""
        self._near.add(writer)
        if self._cut:
            return
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._far.add(back)
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer, True))

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: bool = False
    ) -> None:
        seen = 0
        with suppress(OSError):
            while (data := await reader.read(CHUNK)) and not self._cut:
                while answers and seen < len(self._words) and self._words[seen] in data:
                    seen += 1
                if self._words and seen == len(self._words):
                    await self._lets.wait()
                    seen = 0
                if not answers:
                    self.hear(data)
                writer.write(data)
                await writer.drain()
        if not self._cut:
            writer.close()

    def lead_to(self, port: int) -> None:
        """Lead new connections elsewhere, as a proxy does that is told of another server."""
        self._port = port

    def keep_back(self, *words: bytes) -> None:
        """Keep back the answer that has the last of these words, after answers with those before it
        on its connection, and what comes after it there."""
        self._words = words
        self._lets.clear()

    def let_go(self) -> None:
        self._words = ()
        self._lets.set()

    def cut(self) -> None:
        """The server sees its connections end; the client goes on and hears nothing."""
        self._cut = True
        for writer in self._far:
            writer.close()

    def mend(self) -> None:
        """Now the client sees it too, and a new connection gets through."""
        self.let_go()
        for writer in self._near:
            writer.close()
        self._near, self._far, self._cut = set(), set(), False


@asynccontextmanager
async def road_to(port: int, begin: int = 0) -> AsyncIterator[tuple[Road, int]]:
    """A road to this port of this machine, and the port where it begins; 0 for any."""
    road = Road(port)
    server = await asyncio.start_server(road.travel, "127.0.0.1", begin)
    async with server:
        yield road, server.sockets[0].getsockname()[1]
        road.mend()
