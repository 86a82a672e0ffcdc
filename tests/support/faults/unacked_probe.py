"""A road to the broker on which it is counted what a client has in its hand, delivered and not
acknowledged; and on which its acknowledgements can be kept back.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from tests.support.faults.flaky_link import CHUNK

METHOD_FRAME = 1
DELIVER, ACK, CLOSE, CLOSED = (60, 60), (60, 80), (20, 40), (20, 41)
GREETING = 8
"""Bytes that a client says before its first frame."""

Method = tuple[int, tuple[int, int], bytes]
"""Channel, class and method, and its arguments."""


def methods(waiting: bytearray) -> Iterator[Method]:
    """Take the whole methods out of the bytes that have come."""
    while len(waiting) >= 7:
        kind, channel, size = struct.unpack_from(">BHI", waiting)
        if len(waiting) < 8 + size:
            return
        if kind == METHOD_FRAME:
            what = struct.unpack_from(">HH", waiting, 7)
            yield channel, what, bytes(waiting[11 : 7 + size])
        del waiting[: 8 + size]


class Hand:
    """Messages that one connection holds."""

    def __init__(self) -> None:
        self.held: set[tuple[int, int]] = set()
        """Channel and tag."""

    def take(self, method: Method) -> None:
        channel, what, arguments = method
        if what == DELIVER:
            (tag,) = struct.unpack_from(">Q", arguments, 1 + arguments[0])
            self.held.add((channel, tag))
        elif what == ACK:
            tag, bits = struct.unpack_from(">QB", arguments)
            self.held -= {h for h in self.held if h[0] == channel and _covered(h[1], tag, bits)}
        elif what in (CLOSE, CLOSED):
            self.held -= {h for h in self.held if h[0] == channel}


def _covered(tag: int, until: int, multiple: int) -> bool:
    return tag == until or (bool(multiple & 1) and tag < until)


class Tap:
    def __init__(self, port: int) -> None:
        self._port = port
        self._hands: set[Hand] = set()
        self._lets = asyncio.Event()
        self._lets.set()
        self.kept = 0
        """Acknowledgements that are being kept back."""
        self.left = 0
        """Messages that the ended connections held at their end."""

    @property
    def open(self) -> int:
        return len(self._hands)

    @property
    def held(self) -> int:
        return sum(len(hand.held) for hand in self._hands)

    def keep_acknowledgements(self) -> None:
        self._lets.clear()

    def let_go(self) -> None:
        self._lets.set()

    async def travel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, for as long as it lasts."""
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        hand = Hand()
        self._hands.add(hand)
        try:
            await asyncio.gather(
                self._up(reader, back, hand), self._carry(there, writer, hand, bytearray())
            )
        finally:
            self._hands.discard(hand)
            self.left += len(hand.held)

    async def _up(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter, hand: Hand
    ) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            back.write(await reader.readexactly(GREETING))
            await self._carry(reader, back, hand, bytearray())
        back.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        hand: Hand,
        waiting: bytearray,
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                waiting += data
                found = list(methods(waiting))
                if any(what == ACK for _, what, _ in found) and not await self._may(reader):
                    break
                for method in found:
                    hand.take(method)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _may(self, reader: asyncio.StreamReader) -> bool:
        """Once acknowledgements may go; not where whoever acknowledged is gone by then."""
        if self._lets.is_set():
            return True
        self.kept += 1
        await self._lets.wait()
        self.kept -= 1
        return not reader.at_eof() and not reader.exception()


@asynccontextmanager
async def tap_to(port: int) -> AsyncIterator[tuple[Tap, int]]:
    """One before this port of this machine, and the port where it begins."""
    tap = Tap(port)
    server = await asyncio.start_server(tap.travel, "127.0.0.1", 0)
    async with server:
        yield tap, server.sockets[0].getsockname()[1]
        tap.let_go()
