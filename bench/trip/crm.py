"""The CRM of a trip, and the Graph API: a process that accepts everything as cheaply as it can.

    python -m bench.trip.crm PORT

It writes down each event of a message: when it came, the number in its text, and the id of the
message. It holds each event against the one before it in its conversation, and against all others.
GET /arrivals/N returns what came from number N on, GET /count how much came and what was wrong.
"""

import asyncio
import re
import struct
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from typing import NamedTuple, cast

import msgspec

from services.lifecycle import freeze_gc, run_event_loop

ARRIVAL = struct.Struct("dq16s")
"""Moment on the monotonic clock, number of the message, its id."""
NUMBER = re.compile(rb'\((\d+)\)"')
"""The end of the text: the text itself may have others in brackets."""
CONVERSATION = re.compile(rb'"conversationId":"([^"]+)"')
MESSAGE = re.compile(rb'"messageId":"([0-9a-f-]{36})"')
SEQUENCE = re.compile(rb'"sequence":"(\d+)"')
NO_MESSAGE = bytes(16)
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
GET_SECONDS = 60.0


class Count(msgspec.Struct):
    """Everything that the CRM has received since it started, counted."""

    messages: int = 0
    again: int = 0
    """Events of a message that had come before."""
    disorder: int = 0
    """Events that came before an earlier one of their conversation."""
    other: int = 0
    """Events that tell no message."""
    sent: int = 0
    """Messages to citizens, at the Graph API."""


class Arrival(NamedTuple):
    at: float
    number: int
    message: uuid.UUID


class Book:
    """Everything that came, as few bytes a message."""

    def __init__(self) -> None:
        self.count = Count()
        self.arrivals = bytearray()
        self._seen: set[int] = set()
        self._last: dict[bytes, int] = {}

    def enter(self, body: bytes, now: float) -> None:
        """Enter an event. One without a sequence has its place by the number of its message."""
        number = NUMBER.search(body)
        if number is None:
            self.count.other += 1
            return
        n = int(number[1])
        if n in self._seen:
            self.count.again += 1
            return
        self._seen.add(n)
        message = MESSAGE.search(body)
        id = uuid.UUID(message[1].decode()).bytes if message else NO_MESSAGE
        self.arrivals += ARRIVAL.pack(now, n, id)
        self.count.messages += 1
        self._check_order(body, n)

    def _check_order(self, body: bytes, n: int) -> None:
        conversation, sequence = CONVERSATION.search(body), SEQUENCE.search(body)
        if conversation:
            place = int(sequence[1]) if sequence else n
            self.count.disorder += place < self._last.get(conversation[1], -1)
            self._last[conversation[1]] = place


class Desk(asyncio.Protocol):
    """One connection; a request is answered when it has arrived completely."""

    def __init__(self, book: Book) -> None:
        self._book, self._read = book, b""
        self._time = asyncio.get_running_loop().time

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
            if len(self._read) < end + 4 + length:
                return
            body = self._read[end + 4 : end + 4 + length]
            self._read = self._read[end + 4 + length :]
            self._transport.write(self._answer(head.split(b" ", 2)[1], body))

    def _answer(self, path: bytes, body: bytes) -> bytes:
        if path.startswith(b"/crm/"):
            self._book.enter(body, self._time())
            return DONE
        if path.startswith(b"/graph/"):
            self._book.count.sent += 1
            id = self._book.count.sent
            return _ok(b'{"messages":[{"id":"wamid.sent.%d"}]}' % id)
        if path.startswith(b"/arrivals/"):
            first = int(path.rpartition(b"/")[2])
            return _ok(bytes(self._book.arrivals[first * ARRIVAL.size :]))
        return _ok(msgspec.json.encode(self._book.count)) if path == b"/count" else DONE


def _ok(data: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


class DeskClient:
    """The bench's side of the CRM on a port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def count(self) -> Count:
        return msgspec.json.decode(self._get("count"), type=Count)

    def arrivals(self, first: int) -> Iterator[Arrival]:
        """Yield what came from the place `first` on."""
        for at, n, id in ARRIVAL.iter_unpack(self._get(f"arrivals/{first}")):
            yield Arrival(at, n, uuid.UUID(bytes=id))

    def _get(self, path: str) -> bytes:
        url = f"http://127.0.0.1:{self.port}/{path}"
        with urllib.request.urlopen(url, timeout=GET_SECONDS) as response:
            return bytes(response.read())


async def main(port: int) -> None:
    book = Book()
    server = await asyncio.get_running_loop().create_server(lambda: Desk(book), "127.0.0.1", port)
    freeze_gc()
    await server.serve_forever()


if __name__ == "__main__":
    run_event_loop(main(int(sys.argv[1])))
