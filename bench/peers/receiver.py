"""A CRM and a Graph API at their quickest: respond to each request, and count them by path.

/hang/...   never answers            /refuse/...    503 until PUT /refuse
/reset/...  breaks the connection    /half/...      the same, in the middle of a response
/error/...  500 and 10 MB            /busy/...      429, to come back in a second
/gone/...   404                      /redirect/...  302
/graph/...  as the Graph API does    all else       204; GET /count returns the count of each

From PUT /timed on, GET /took returns how long ago each event to /crm was made.
"""

import asyncio
import json
import sys
from collections import Counter
from datetime import datetime
from typing import ClassVar, cast

from services import clock
from services.lifecycle import run_event_loop

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
FLOOD = bytes(10 * 1024 * 1024)
FAILURES = {
    "refuse": REFUSED,
    "half": b"HTTP/1.1 20",
    "error": b"HTTP/1.1 500 Error\r\nContent-Length: %d\r\n\r\n%s" % (len(FLOOD), FLOOD),
    "busy": b"HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
    "gone": b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n",
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: /crm/x\r\nContent-Length: 0\r\n\r\n",
}
BROKEN = ("reset", "half")
FAILING = ("hang", "reset", *FAILURES)
"""Paths that fail, each in its own way."""
MADE = b'"time":"'
ANSWER = b'{"messages":[{"id":"wamid.bench"}]}'
SENT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


class Receiver(asyncio.Protocol):
    """One connection; a request is answered when it has arrived completely."""

    counts: ClassVar[Counter[str]] = Counter()
    refusing: ClassVar[bool] = True
    took: ClassVar[list[float] | None] = None
    """Seconds of each delivery, after PUT /timed."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
            if len(self._read) < end + 4 + length:
                return
            method, path, _ = self._read.split(b" ", 2)
            body = self._read[end + 4 : end + 4 + length]
            self._read = self._read[end + 4 + length :]
            self._answer(method, path.decode(), body)

    def _answer(self, method: bytes, path: str, body: bytes) -> None:
        where = path.split("/")[1]
        if method == b"GET":
            data = json.dumps({"took": self.took} if where == "took" else self.counts).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data))
            self._transport.write(data)
        elif method == b"PUT":
            self._change_state(where)
        elif where in FAILING and (where != "refuse" or self.refusing):
            self._fail(where)
        else:
            self.counts[where] += 1
            if where == "crm" and self.took is not None:
                self.took.append(_since(body))
            self._transport.write(SENT if where == "graph" else DONE)

    def _change_state(self, state: str) -> None:
        if state == "timed":
            Receiver.took = []
        else:
            Receiver.refusing = False
        self._transport.write(DONE)

    def _fail(self, where: str) -> None:
        if where in FAILURES:
            self._transport.write(FAILURES[where])
        if where in BROKEN:
            self._transport.abort() if where == "reset" else self._transport.close()


def _since(body: bytes) -> float:
    """Return the seconds since an event was made."""
    at = body.index(MADE) + len(MADE)
    made = datetime.fromisoformat(body[at : body.index(b'"', at)].decode())
    return (clock.now() - made).total_seconds()


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    run_event_loop(main(int(sys.argv[1])))
