"""Meta and the phones behind it, for a test that counts what is on them: it can stop anywhere in
taking a message, and tells what became of one when it is asked to.

A message is on a phone as soon as Meta has taken all of it, whatever becomes of its answer.
"""

import asyncio
import re
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from tests.support.citizens import NUMBER, WABA

BEFORE, HALF, TAKEN, HEAD = "unread", "half read", "taken", "half answered"
"""Points at which Meta can stop in a request."""
READ, ANSWERED, REFUSED = "read", "answered", "refused"
"""Points that Meta can reach with a request while it stops at another: not decided yet; decided and
answered."""
AT_ONCE, SOON, LATE, NEVER = "at once", "soon", "late", "never"
"""Moments at which Meta tells that a message was delivered: even before its own answer; while its
fate is unknown; after it was given up."""
HALF_BYTES = 100
"""Bytes read of a body, which has some 300."""
AGAIN_SECONDS = 0.05
"""Meta's wait between two attempts to bring a status, not a condition of ours."""

Tell = Callable[[bytes], Awaitable[int]]
Whim = Callable[[], Awaitable[int]]
"""Meta's answer to a request that does not stop: `error.code` of a refusal, 0 for none, or LOST."""
LOST = -1
"""Outcome of a request that no part of Meta reads, and that has no answer."""


class Arrival(msgspec.Struct, frozen=True):
    """A message on a phone."""

    id: str
    attempt: int
    wamid: str

    @property
    def opaque(self) -> str:
        return f"{self.id}.{self.attempt}"


def length(head: bytes) -> int:
    """Length of a body, by the head of its request."""
    found = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    assert found
    return int(found[1])


def answer(status: int, content: dict[str, Any]) -> bytes:
    body = msgspec.json.encode(content)
    return b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def told_when(id: str) -> str:
    """Moment of a message's status, if it arrives: a quarter of the messages have each."""
    return (AT_ONCE, SOON, LATE, NEVER)[zlib.crc32(id.encode()) % 4]


def is_lost(id: str) -> bool:
    """True for every second message: it is lost when Meta has not taken it as the deliverer
    dies."""
    return bool(zlib.crc32(id.encode()) & 16)


async def takes() -> int:
    """Meta as it mostly is."""
    return 0


class Phones:
    def __init__(self, tell: Tell) -> None:
        self._tell, self.whim = tell, takes
        self.arrivals: list[Arrival] = []
        self.reached: dict[str, str] = {}
        """Attempt -> how far Meta came with it before whoever sent it died, or in the end."""
        self.asker = 0
        """Number of the living deliverer that asks; 0 for none."""
        self.requests = self.standing = 0
        """So many came; stand still now."""
        self._where, self._goes_on = "", asyncio.Event()
        self._telling: set[asyncio.Task[None]] = set()
        self.told: set[str] = set()
        """Messages of which the gateway has taken the status."""

    def stop(self, where: str) -> None:
        """Here, in every request from now on."""
        self._where = where
        self._goes_on.clear()

    def go_on(self) -> None:
        self._where = ""
        self._goes_on.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as it lasts. What is there of a request that nobody waits for
        any more is read all the same, as it would be at Meta."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while await self._request(reader, writer):
                pass
        writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; true when the connection is to be kept."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        asker = self.asker
        # A body that has begun is here as a whole. Its head may come alone, and a deliverer that is
        # killed then has sent no message.
        body = await reader.readexactly(HALF_BYTES)
        stood = await self._stand(BEFORE)
        stood += await self._stand(HALF)
        body += await reader.readexactly(length(head) - HALF_BYTES)
        opaque = msgspec.json.decode(body)["biz_opaque_callback_data"]
        self.reached[opaque] = READ if asker == self.asker else stood or BEFORE
        wants = await self.whim()
        if wants == LOST or (stood and is_lost(opaque.partition(".")[0])):
            self.reached[opaque] = stood or BEFORE
            return False
        if wants:
            self._note(opaque, REFUSED, asker)
            writer.write(answer(400, {"error": {"code": wants}}))
            return True
        self._note(opaque, TAKEN, asker)
        arrival = self._arrive(opaque)
        await self._stand(TAKEN)
        await self._answer(writer, arrival)
        self._note(opaque, ANSWERED, asker)
        return True

    def _note(self, opaque: str, where: str, asker: int) -> None:
        """Note the point that an attempt has reached while its deliverer lives."""
        if asker == self.asker:
            self.reached[opaque] = where

    async def _stand(self, where: str) -> str:
        """Point at which the request stood still, or ""."""
        if self._where != where:
            return ""
        self.standing += 1
        await self._goes_on.wait()
        self.standing -= 1
        return where

    def _arrive(self, opaque: str) -> Arrival:
        id, _, attempt = opaque.partition(".")
        arrival = Arrival(id, int(attempt), f"wamid.{opaque}")
        self.arrivals.append(arrival)
        if told_when(id) == AT_ONCE:
            self.tell([arrival])
        return arrival

    async def _answer(self, writer: asyncio.StreamWriter, arrival: Arrival) -> None:
        content = answer(200, {"messages": [{"id": arrival.wamid}]})
        if self._where == HEAD:
            writer.write(content[:-10])
            self.reached[arrival.opaque] = HEAD
            await self._stand(HEAD)
            content = content[-10:]
        writer.write(content)
        await writer.drain()

    def twice(self) -> list[str]:
        """Messages that are on a phone more than once."""
        return [id for id, n in Counter(each.id for each in self.arrivals).items() if n > 1]

    def tell(self, arrivals: Collection[Arrival]) -> None:
        """Send the statuses of these deliveries until they are taken."""
        for arrival in arrivals:
            task = asyncio.create_task(self._until_taken(arrival))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _until_taken(self, arrival: Arrival) -> None:
        while await self._tell(status(arrival)) != 200:
            await asyncio.sleep(AGAIN_SECONDS)
        self.told.add(arrival.id)

    async def all_told(self) -> None:
        """Everything that is under way is taken."""
        while self._telling:
            await asyncio.wait(self._telling)

    def of(self, ids: Collection[str], when: str) -> list[Arrival]:
        """Arrivals among these whose status is to come at this moment, and has not come yet."""
        found = (a for a in self.arrivals if a.id in ids and a.id not in self.told)
        return [arrival for arrival in found if told_when(arrival.id) == when]


def status(arrival: Arrival) -> bytes:
    """A body that says that it was delivered."""
    said: dict[str, Any] = {
        "id": arrival.wamid,
        "status": "delivered",
        "timestamp": "1795000000",
        "biz_opaque_callback_data": arrival.opaque,
    }
    metadata = {"display_phone_number": "31546541111", "phone_number_id": NUMBER}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [said]}
    entry = {"id": WABA, "changes": [{"field": "messages", "value": value}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


@asynccontextmanager
async def ringing(tell: Tell) -> AsyncIterator[tuple[Phones, str]]:
    """Phones, and the address of their Graph API."""
    phones = Phones(tell)
    async with await asyncio.start_server(phones.serve, "127.0.0.1", 0) as server:
        yield phones, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        phones.go_on()
