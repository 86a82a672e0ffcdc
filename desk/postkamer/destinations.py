"""Calls of the gateway about the destinations of which the employee is an owner."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from desk.access import Department
from desk.postkamer.client import PostkamerClient

PAGE = 1000
"""Deliveries that are asked for at once, as many as one order may name."""


class Pause(msgspec.Struct, frozen=True):
    since: datetime
    reason: str = ""


class Failure(msgspec.Struct, frozen=True, rename="camel"):
    since: datetime
    needs_person: bool = False
    reason: str = ""


class ParkedReason(msgspec.Struct, frozen=True, rename="camel"):
    """Deliveries that were refused alike."""

    count: int
    oldest_at: datetime
    status: int | None = None
    reason: str | None = None


class Quarantined(msgspec.Struct, frozen=True, rename="camel"):
    """Messages that were put aside alike, at a place: `router`, `deliverer` or `archiver`."""

    place: str
    reason: str
    count: int
    oldest_at: datetime
    number: str = ""
    """Number at which they came in, if they belong to no destination yet."""


class Destination(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    departments: tuple[Department, ...] = ()
    paused: Pause | None = None
    failing: Failure | None = None
    sidelined: int = 0
    resending: int = 0
    resend: UUID | None = None
    parked: tuple[ParkedReason, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()

    @property
    def quarantined_count(self) -> int:
        return sum(each.count for each in self.quarantined)

    @property
    def parked_count(self) -> int:
        return sum(each.count for each in self.parked)


class Delivery(msgspec.Struct, frozen=True, rename="camel"):
    """A parked delivery, without its content."""

    id: UUID
    at: datetime
    type: str | None = None
    status: int | None = None
    reason: str | None = None


class Order(msgspec.Struct, frozen=True):
    """An order to send again, with its progress."""

    id: UUID
    status: str
    waiting: int = 0
    delivered: int = 0
    parked: int = 0
    ended: int = 0


class OwnedDestinations(msgspec.Struct, frozen=True):
    destinations: tuple[Destination, ...]
    quarantined: tuple[Quarantined, ...] = ()
    """Messages that belong to no destination yet, for who reaches the whole municipality."""


class _Deliveries(msgspec.Struct, frozen=True):
    deliveries: tuple[Delivery, ...]


class Destinations:
    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def list(self, token: str) -> OwnedDestinations:
        """Return the employee's own destinations. Raises Refused and Unanswered."""
        answer = await self._client.ask("GET", "/v1/destinations", token)
        return msgspec.json.decode(answer.body, type=OwnedDestinations)

    async def parked(self, token: str, id: str) -> tuple[Delivery, ...]:
        """Return what is parked there, the oldest first; PAGE of it at most."""
        path = f"{_path(id)}/deliveries?state=parked&limit={PAGE}"
        answer = await self._client.ask("GET", path, token)
        return msgspec.json.decode(answer.body, type=_Deliveries).deliveries

    async def resend(self, token: str, id: str, key: UUID, body: Mapping[str, Any]) -> UUID:
        """Order deliveries to be sent again, and return the id of the order."""
        headers = {"Idempotency-Key": str(key)}
        answer = await self._client.ask("POST", f"{_path(id)}/_resend", token, body, headers)
        return msgspec.json.decode(answer.body, type=Order).id

    async def order(self, token: str, id: str, order: UUID) -> Order:
        answer = await self._client.ask("GET", f"{_path(id)}/resends/{order}", token)
        return msgspec.json.decode(answer.body, type=Order)


def _path(id: str) -> str:
    return f"/v1/destinations/{quote(id, safe='')}"
