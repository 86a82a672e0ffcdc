"""A CRM, and Meta, at their quickest: an answer to each request, and a count of them by path.

/hang/...   never answers          /refuse/...  503 until PUT /refuse
/graph/...  as the Graph API does  all else     204; GET /count tells how many of each
"""

import asyncio
import json
import sys
from collections import Counter
from typing import ClassVar, cast

from services.lifecycle import in_loop

DONE = b"HTTP/1.1 204 No Content\r\n\r\n"
REFUSED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
ANSWER = b'{"messages":[{"id":"wamid.bench"}]}'
SENT = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)


class Receiver(asyncio.Protocol):
    """One connection; a request is answered when it is all there."""

    counts: ClassVar[Counter[str]] = Counter()
    refusing: ClassVar[bool] = True

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
            self._read = self._read[end + 4 + length :]
            self._answer(method, path.decode())

    def _answer(self, method: bytes, path: str) -> None:
        where = path.split("/")[1]
        if method == b"GET":
            said = json.dumps(self.counts).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said))
            self._transport.write(said)
        elif method == b"PUT":
            Receiver.refusing = False
            self._transport.write(DONE)
        elif where == "refuse" and self.refusing:
            self._transport.write(REFUSED)
        elif where != "hang":
            self.counts[where] += 1
            self._transport.write(SENT if where == "graph" else DONE)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    in_loop(main(int(sys.argv[1])))
