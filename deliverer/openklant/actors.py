"""Departments, and ourselves, as actors of an Open Klant: looked up once, made where missing.

Nothing there keeps an actor from being made twice, so that one at a time looks and makes.
"""

import asyncio

from deliverer.openklant.calls import Calls, Json

PARTS = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")


class Actors:
    """Of one destination."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._looking = asyncio.Lock()

    async def uuid(self, calls: Calls, wanted: Json) -> str:
        """Of the actor with this identificator; Refused when it can be neither found nor made."""
        identified = wanted["actoridentificator"]
        key = " ".join(identified[part] for part in PARTS)
        async with self._looking:
            if key not in self._known:
                filters = {
                    f"actoridentificator{part[0].upper()}{part[1:]}": identified[part]
                    for part in PARTS
                }
                there = await calls.find("actoren", **filters)
                made = there or await calls.post("actoren", wanted)
                self._known[key] = str(made["uuid"])
        return self._known[key]

    def forget(self) -> None:
        """Somebody took one away: look again."""
        self._known.clear()
