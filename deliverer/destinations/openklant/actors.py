"""Actors of an Open Klant, such as departments and Postkamer: looked up once, created if missing.

Open Klant does not prevent duplicate actors, so one task at a time looks up and creates.
"""

import asyncio
from collections.abc import Awaitable, Callable

from deliverer.destinations.openklant.client import (
    ACTORS,
    Json,
    OpenKlantClient,
    RequestRefused,
)
from deliverer.destinations.openklant.payloads import actor_filters

MAX_KNOWN = 1000
"""Actors whose id is remembered: the departments and employees of a town hall."""
ACTOR_FIELDS = ("actor.uuid", "toegewezenAanActoren")
"""Fields that Open Klant calls `invalid` if an actor no longer exists."""


class Actors:
    """Known actors of one destination."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._lock = asyncio.Lock()

    async def act_as(
        self, calls: OpenKlantClient, actor: Json, act: Callable[[str], Awaitable[Json]]
    ) -> Json:
        """Call `act` with the id of the actor; once more if the known actor was deleted."""
        try:
            return await act(await self.find_or_create(calls, actor))
        except RequestRefused as refused:
            if not any(refused.has("invalid", field) for field in ACTOR_FIELDS):
                raise
        self._known.clear()
        return await act(await self.find_or_create(calls, actor))

    async def find_or_create(self, calls: OpenKlantClient, actor: Json) -> str:
        """Return the id of the actor with this identifier. RequestRefused if it can be neither
        found nor created."""
        filters = actor_filters(actor)
        key = " ".join(filters.values())
        async with self._lock:
            if key not in self._known:
                if len(self._known) >= MAX_KNOWN:
                    self._known.clear()
                existing = await calls.find(ACTORS, **filters)
                remote = existing or await calls.post(ACTORS, actor)
                self._known[key] = str(remote["uuid"])
            return self._known[key]
