"""HTTP by hand, for requests that no library would send: bytes out, an answer in."""

import asyncio

import msgspec

ANSWER_SECONDS = 30.0
"""More than any bound of the door; nothing within it is a fault of its own."""
PATIENCE_SECONDS = 0.5
"""Patience with the answer to a request that is none: the door may wait for the rest of it."""
NO_ANSWER = 0
CONTINUE = 100
"""Not an answer yet: `go on`, to who asked for it."""


class Answer(msgspec.Struct, frozen=True):
    """Status 0: the connection was closed without one, or nobody waited for it."""

    status: int
    head: bytes = b""
    body: bytes = b""
    before: bytes = b""
    """Head of the answer before it on the same connection."""

    @property
    def is_last(self) -> bool:
        """True when no other answer follows on this connection."""
        ends = self.header(b"Connection").lower() == b"close"
        return ends or not self.head.startswith(b"HTTP/1.1")

    def header(self, name: bytes) -> bytes:
        for line in self.head.split(b"\r\n")[1:]:
            given, _, value = line.partition(b":")
            if given.lower() == name.lower():
                return value.strip()
        return b""


class Wire:
    """One connection, opened again when the other side has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._before = b""

    async def ask(self, request: bytes, *, alone: bool = False) -> Answer:
        """The answer to a request; one that goes `alone` gets a connection of its own, which is
        closed after a while, answer or not."""
        if self._writer is None or alone:
            await self.close()
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS if alone else ANSWER_SECONDS):
                answer = await self._exchange(request)
        except TimeoutError:
            if not alone:
                raise
            answer = Answer(NO_ANSWER)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            answer = Answer(NO_ANSWER, before=self._before)
        self._before = answer.head
        if alone or answer.is_last:
            await self.close()
        return answer

    async def _exchange(self, request: bytes) -> Answer:
        assert self._reader and self._writer
        sending = asyncio.ensure_future(self._send(request))
        try:
            answer = await self._head()
            while answer.status == CONTINUE:
                answer = await self._head()
            length = int(answer.header(b"Content-Length") or 0)
            body = await self._reader.readexactly(length)
            return Answer(answer.status, answer.head, body)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _head(self) -> Answer:
        assert self._reader
        head = await self._reader.readuntil(b"\r\n\r\n")
        return Answer(int(head.split(b" ", 2)[1]), head)

    async def _send(self, request: bytes) -> None:
        """Send while the answer is read: a door may refuse before it has been told everything."""
        assert self._writer
        self._writer.write(request)
        await self._writer.drain()

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)
            self._reader = self._writer = None


class Wires:
    """So many connections at once, and no more."""

    def __init__(self, host: str, port: int, count: int) -> None:
        self._wires = [Wire(host, port) for _ in range(count)]
        self._free: asyncio.Queue[Wire] = asyncio.Queue()
        for wire in self._wires:
            self._free.put_nowait(wire)

    async def ask(self, request: bytes, *, alone: bool = False) -> Answer:
        wire = await self._free.get()
        try:
            return await wire.ask(request, alone=alone)
        finally:
            self._free.put_nowait(wire)

    async def close(self) -> None:
        for wire in self._wires:
            await wire.close()
