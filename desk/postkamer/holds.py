"""Calls of the archiver about holds: what is not destroyed, why, and until which look."""

from datetime import date, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from desk.postkamer.client import PostkamerClient

PATH = "/v1/holds"


class Hold(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    ground: str
    kind: str
    state: str
    review_on: date
    placed_by: str
    placed_at: datetime
    conversation: str = ""
    departments: tuple[str, ...] = ()
    since: datetime | None = msgspec.field(default=None, name="from")
    until: datetime | None = None
    lifted_by: str | None = None
    lifted_at: datetime | None = None
    conversations: int | None = None
    """Conversations that it covers now; None in a list, and if they could not be counted."""

    def days_left(self, today: date) -> int:
        """Return the days until somebody must look again; below zero if that is overdue."""
        return (self.review_on - today).days


class HoldStep(msgspec.Struct, frozen=True, rename="camel"):
    at: datetime
    event: str
    by: str
    review_on: date
    text: str = ""


class FullHold(Hold, frozen=True, kw_only=True, rename="camel"):
    words: str
    steps: tuple[HoldStep, ...]


class _Holds(msgspec.Struct, frozen=True):
    holds: tuple[Hold, ...]


class HoldOffice:
    """The holds of the archiver, with the token of the employee who looks."""

    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def list(self, token: str) -> tuple[Hold, ...]:
        """Return the holds: those that stand first, the earliest due for review first."""
        answer = await self._client.ask("GET", PATH, token)
        return msgspec.json.decode(answer.body, type=_Holds).holds

    async def place(self, token: str, body: dict[str, Any]) -> Hold:
        """Place a hold. Raises Refused and Unanswered."""
        answer = await self._client.ask("POST", PATH, token, body)
        return msgspec.json.decode(answer.body, type=Hold)

    async def read(self, token: str, id: str, reason: str) -> FullHold:
        headers = {"Postkamer-Reason": reason}
        answer = await self._client.ask("GET", _path(id), token, headers=headers)
        return msgspec.json.decode(answer.body, type=FullHold)

    async def change(self, token: str, id: str, verb: str, body: dict[str, Any]) -> None:
        """Review or lift a hold. Raises Refused and Unanswered."""
        await self._client.ask("POST", f"{_path(id)}/_{verb}", token, body)


def _path(id: str) -> str:
    return f"{PATH}/{quote(id, safe='')}"
