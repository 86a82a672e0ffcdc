"""Baseline for a deliverer to an Open Klant: the same calls by a client that does nothing else.

Several clients run at once. Each sends one message after the other, and the calls of a message in
order. Prints a rate for each kind of load, as JSON.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec

from deliverer.destinations.openklant.payloads import MARK_CODES, identifier
from sandbox.openklant.schema import TOGETHER
from services.lifecycle import freeze_gc, run_event_loop
from tests.support.openklant.api_client import ACTORS, ADDRESS, MESSAGE, TASK, Client, Json

SINGLE, APART = "single posts", "four calls, as measured"
"""Kinds of load that the real server was measured with."""
AT_ONCE = 8
"""Clients of these loads."""
BEST_OF = (4, 8, 16)
"""Numbers of clients that post what a deliverer posts: one for each worker, and more."""
FIRST_NUMBER = 5_000_000_000
"""First reference number, far from those of a deliverer."""

Message = Callable[[int], Awaitable[None]]


class BareClient:
    """A client without anything around it. `actor` is the uuid of an existing actor."""

    def __init__(self, client: Client, actor: str) -> None:
        self._client, self._actor = client, {"uuid": actor}

    async def single(self, n: int) -> None:
        await self._client.post("klantcontacten", _contact(n))

    async def apart(self, n: int) -> None:
        created = await self._client.post("klantcontacten", _contact(n))
        link = {"hadKlantcontact": {"uuid": created["uuid"]}}
        party = await self._client.post("betrokkenen", MESSAGE["betrokkene"] | link)
        await self._address(party["uuid"])
        await self._task(n, created["uuid"])

    async def together(self, n: int) -> None:
        """Send a message as a deliverer does for a new conversation."""
        body = MESSAGE | {"klantcontact": _contact(n), "onderwerpobject": _mark(n)}
        created = await self._client.post(TOGETHER, body)
        contact, party = created["klantcontact"]["uuid"], created["betrokkene"]["uuid"]
        for _ in range(2):  # a Dutch number is written in two ways
            await self._address(party)
        link = {"actor": self._actor, "klantcontact": {"uuid": contact}}
        await self._client.post("actorklantcontacten", link)
        await self._task(n, contact)

    async def _address(self, party: str) -> None:
        body = ADDRESS | {"verstrektDoorBetrokkene": {"uuid": party}}
        await self._client.post("digitaleadressen", body)

    async def _task(self, n: int, contact: str) -> None:
        body = TASK | {
            "referentienummer": str(FIRST_NUMBER + n),
            "aanleidinggevendKlantcontact": {"uuid": contact},
            "toegewezenAanActoren": [self._actor],
        }
        await self._client.post("internetaken", body)


def _contact(n: int) -> Json:
    contact: Json = MESSAGE["klantcontact"] | {"referentienummer": str(FIRST_NUMBER + n)}
    return contact


def _mark(n: int) -> Json:
    return {
        "klantcontact": None,
        "wasKlantcontact": None,
        "onderwerpobjectidentificator": identifier(str(FIRST_NUMBER + n), MARK_CODES),
    }


async def main(url: str, seconds: float) -> None:
    rates: dict[str, float] = {}
    numbers = itertools.count()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=max(BEST_OF))) as http:
        client = Client(url, http)
        bare = BareClient(client, (await client.post("actoren", ACTORS[0]))["uuid"])
        freeze_gc()
        rates[SINGLE] = await _rate(bare.single, AT_ONCE, seconds, numbers)
        rates[APART] = await _rate(bare.apart, AT_ONCE, seconds, numbers)
        for clients in BEST_OF:
            rates[str(clients)] = await _rate(bare.together, clients, seconds, numbers)
    print(msgspec.json.encode(rates).decode())


async def _rate(
    message: Message, clients: int, seconds: float, numbers: "itertools.count[int]"
) -> float:
    """Return the messages/s of so many clients, each of which finishes its last message."""
    began, count = time.monotonic(), 0

    async def send_messages() -> None:
        nonlocal count
        while time.monotonic() - began < seconds:
            await message(next(numbers))
            count += 1

    await asyncio.gather(*(send_messages() for _ in range(clients)))
    return count / (time.monotonic() - began)


if __name__ == "__main__":
    run_event_loop(main(sys.argv[1], float(sys.argv[2])))
