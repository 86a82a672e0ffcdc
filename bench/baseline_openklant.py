"""What a deliverer to an Open Klant is measured against: the same calls by a client that does
nothing else.

So many at once, each one message after the other, and the calls of one in their order. Prints a
rate for each kind of load, as JSON.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable, Callable

import aiohttp
import msgspec

from sandbox.openklant.schema import TOGETHER
from services.lifecycle import freeze_gc, run_event_loop
from tests.support.openklant.api_client import ACTORS, ADDRESS, MESSAGE, TASK, Client, Json

SINGLE, APART = "single posts", "four calls, as measured"
"""What the real server was measured with."""
AT_ONCE = 8
"""Clients, of these."""
BEST_OF = (4, 8, 16)
"""Clients that post what a deliverer posts: one for each worker, and more."""
FIRST_NUMBER = 5_000_000_000
"""Away from those that a deliverer draws."""

Message = Callable[[int], Awaitable[None]]


class Bare:
    """`actor` is one that is there."""

    def __init__(self, client: Client, actor: str) -> None:
        self._client, self._actor = client, {"uuid": actor}

    async def single(self, n: int) -> None:
        await self._client.post("klantcontacten", _contact(n))

    async def apart(self, n: int) -> None:
        made = await self._client.post("klantcontacten", _contact(n))
        of = {"hadKlantcontact": {"uuid": made["uuid"]}}
        party = await self._client.post("betrokkenen", MESSAGE["betrokkene"] | of)
        await self._address(party["uuid"])
        await self._task(n, made["uuid"])

    async def together(self, n: int) -> None:
        """As a deliverer does it for a new conversation."""
        made = await self._client.post(TOGETHER, MESSAGE | {"klantcontact": _contact(n)})
        contact, party = made["klantcontact"]["uuid"], made["betrokkene"]["uuid"]
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


async def main(url: str, seconds: float) -> None:
    found: dict[str, float] = {}
    numbers = itertools.count()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=max(BEST_OF))) as http:
        client = Client(url, http)
        bare = Bare(client, (await client.post("actoren", ACTORS[0]))["uuid"])
        freeze_gc()
        found[SINGLE] = await _rate(bare.single, AT_ONCE, seconds, numbers)
        found[APART] = await _rate(bare.apart, AT_ONCE, seconds, numbers)
        for clients in BEST_OF:
            found[str(clients)] = await _rate(bare.together, clients, seconds, numbers)
    print(msgspec.json.encode(found).decode())


async def _rate(
    message: Message, clients: int, seconds: float, numbers: "itertools.count[int]"
) -> float:
    """Messages/s of so many clients, each of which ends its last one."""
    began, count = time.monotonic(), 0

    async def one_after_the_other() -> None:
        nonlocal count
        while time.monotonic() - began < seconds:
            await message(next(numbers))
            count += 1

    await asyncio.gather(*(one_after_the_other() for _ in range(clients)))
    return count / (time.monotonic() - began)


if __name__ == "__main__":
    run_event_loop(main(sys.argv[1], float(sys.argv[2])))
