"""A road to a server that can be cut as networks cut them: one end is told, the other is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 64 * 1024


class Road:
    def __init__(self, port: int) -> None:
        self._port = port
        self._near: set[asyncio.StreamWriter] = set()
        self._far: set[asyncio.StreamWriter] = set()
        self._cut = False

    async def travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, for as long as it lasts."""
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._near.add(writer)
        self._far.add(back)
        await asyncio.gather(self._carry(reader, back), self._carry(there, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while (data := await reader.read(CHUNK)) and not self._cut:
                writer.write(data)
                await writer.drain()
        if not self._cut:
            writer.close()

    def cut(self) -> None:
        """The server sees its connections end; the client goes on and hears nothing."""
        self._cut = True
        for writer in self._far:
            writer.close()

    def mend(self) -> None:
        """Now the client sees it too, and a new connection gets through."""
        for writer in self._near:
            writer.close()
        self._near, self._far, self._cut = set(), set(), False


@asynccontextmanager
async def road_to(port: int) -> AsyncIterator[tuple[Road, int]]:
    """A road to this port of this machine, and the port where it begins."""
    road = Road(port)
    server = await asyncio.start_server(road.travel, "127.0.0.1", 0)
    async with server:
        yield road, server.sockets[0].getsockname()[1]
        road.mend()
