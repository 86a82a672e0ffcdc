"""Departments, and ourselves, as actors of an Open Klant: looked up once, made where missing.

Nothing there keeps an actor from being made twice, so that one at a time looks and makes.
"""

import asyncio
from collections.abc import Awaitable, Callable

from deliverer.destinations.openklant.client import Json, OpenKlantClient, RequestRefused

MAX_KNOWN = 1000
"""Actors of which the id is remembered: a town hall's departments and employees."""
ACTOR_FIELDS = ("actor.uuid", "toegewezenAanActoren")
"""What is `invalid` then."""
IDENTIFIER_FIELDS = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")


class Actors:
    """Of one destination."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._lock = asyncio.Lock()

    async def act_as(
        self, calls: OpenKlantClient, actor: Json, act: Callable[[str], Awaitable[Json]]
    ) -> Json:
        """What comes of doing it in this actor's name; once more where somebody took away the one
        that was known."""
        try:
            return await act(await self._find_or_create(calls, actor))
        except RequestRefused as refused:
            if not any(refused.has("invalid", field) for field in ACTOR_FIELDS):
                raise
        self._known.clear()
        return await act(await self._find_or_create(calls, actor))

    async def _find_or_create(self, calls: OpenKlantClient, actor: Json) -> str:
        """Of the actor with this identificator; Refused when it can be neither found nor made."""
        identifier = actor["actoridentificator"]
        key = " ".join(identifier[part] for part in IDENTIFIER_FIELDS)
        async with self._lock:
            if key not in self._known:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                filters = {
                    f"actoridentificator{part[0].upper()}{part[1:]}": identifier[part]
                    for part in IDENTIFIER_FIELDS
                }
                existing = await calls.find("actoren", **filters)
                remote = existing or await calls.post("actoren", actor)
                self._known[key] = str(remote["uuid"])
            return self._known[key]
