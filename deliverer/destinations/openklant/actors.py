"""Departments, and ourselves, as actors of an Open Klant: looked up once, made where missing.

Nothing there keeps an actor from being made twice, so that one at a time looks and makes.
"""

import asyncio
from collections.abc import Awaitable, Callable

from deliverer.destinations.openklant.client import Json, OpenKlantClient, RequestRefused

KNOWN = 1000
"""Actors of which the id is remembered: a town hall's departments and employees."""
FIELDS = ("actor.uuid", "toegewezenAanActoren")
"""What is `invalid` then."""
PARTS = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")


class Actors:
    """Of one destination."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._looking = asyncio.Lock()

    async def acting(
        self, calls: OpenKlantClient, wanted: Json, act: Callable[[str], Awaitable[Json]]
    ) -> Json:
        """What comes of doing it in this actor's name; once more where somebody took away the one
        that was known."""
        try:
            return await act(await self._uuid(calls, wanted))
        except RequestRefused as refused:
            if not any(refused.has("invalid", field) for field in FIELDS):
                raise
        self._known.clear()
        return await act(await self._uuid(calls, wanted))

    async def _uuid(self, calls: OpenKlantClient, wanted: Json) -> str:
        """Of the actor with this identificator; Refused when it can be neither found nor made."""
        identified = wanted["actoridentificator"]
        key = " ".join(identified[part] for part in PARTS)
        async with self._looking:
            if key not in self._known:
                if len(self._known) >= KNOWN:
                    self._known.clear()
                filters = {
                    f"actoridentificator{part[0].upper()}{part[1:]}": identified[part]
                    for part in PARTS
                }
                there = await calls.find("actoren", **filters)
                made = there or await calls.post("actoren", wanted)
                self._known[key] = str(made["uuid"])
            return self._known[key]
