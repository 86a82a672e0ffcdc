"""Calls of the archiver about destruction lists, for who keeps the archive."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from desk.postkamer.client import PostkamerClient

PATH = "/v1/destruction-lists"


class DestructionList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Destruction list, without what is on it."""

    id: str
    kind: str
    request: str | None = None
    up_to: date | None = None
    state: str
    drawn_by: str
    drawn_at: datetime
    destroyed_from: datetime | None = None
    counts: dict[str, int]

    @property
    def conversations(self) -> int:
        """Number of conversations that are or were on it."""
        return sum(self.counts.values())


class ListStep(msgspec.Struct, frozen=True):
    at: datetime
    event: str
    by: str
    text: str = ""
    conversations: int | None = None


class ListGroup(msgspec.Struct, frozen=True, rename="camel"):
    """Conversations of a list that are alike."""

    department: str
    code: str
    state: str
    reason: str
    conversations: int
    closed_from: date | None = None
    closed_until: date | None = None


class FullList(DestructionList, frozen=True, kw_only=True, rename="camel"):
    steps: tuple[ListStep, ...]
    groups: tuple[ListGroup, ...]


class ListItem(msgspec.Struct, frozen=True, rename="camel"):
    """Conversation on a list."""

    conversation: str
    department: str
    code: str
    state: str
    reason: str
    closed_on: date | None = None
    kept_until: date | None = None
    until: date | None = None


class ItemPage(msgspec.Struct, frozen=True):
    items: tuple[ListItem, ...]
    next: str | None = None


class Signature(msgspec.Struct, frozen=True):
    by: str
    at: datetime


class Remain(msgspec.Struct, frozen=True):
    """Copies that were not destroyed."""

    place: str
    what: str
    why: str
    until: date | None = None
    count: int | None = None


class Specification(msgspec.Struct, frozen=True):
    conversations: int
    sha256: str


class Declaration(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Declaration of what was destroyed, as far as the page shows it."""

    list: str
    ground: str
    method: str
    drawn: Signature
    reviewed: Signature
    approved: Signature
    begun_at: datetime
    ended_at: datetime
    destroyed: Specification
    groups: tuple[ListGroup, ...]
    remains: tuple[Remain, ...]


class MadeDeclaration(msgspec.Struct, frozen=True):
    entry: str
    declaration: Declaration


class _Lists(msgspec.Struct, frozen=True):
    lists: tuple[DestructionList, ...]


class DestructionLists:
    """Destruction lists, with the token of the employee who works on them. Each call raises Refused
    and Unanswered."""

    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def all(self, token: str) -> tuple[DestructionList, ...]:
        """Return the lists, the newest first."""
        answer = await self._client.ask("GET", PATH, token)
        return msgspec.json.decode(answer.body, type=_Lists).lists

    async def draw(self, token: str, body: Mapping[str, Any]) -> DestructionList:
        """Draw a list of what is due: of a hundred thousand conversations it takes seconds."""
        answer = await self._client.ask_for_report(PATH, token, body, {})
        return msgspec.json.decode(answer.body, type=DestructionList)

    async def erase(self, token: str, request: str) -> DestructionList:
        """Draw the list of an erasure that was granted."""
        path = f"/v1/requests/{quote(request, safe='')}/_erase"
        answer = await self._client.ask("POST", path, token)
        return msgspec.json.decode(answer.body, type=DestructionList)

    async def find(self, token: str, id: str) -> FullList:
        answer = await self._client.ask("GET", _path(id), token)
        return msgspec.json.decode(answer.body, type=FullList)

    async def items(self, token: str, id: str, chosen: Mapping[str, str]) -> ItemPage:
        """Return a page of what is on a list."""
        answer = await self._client.ask("GET", f"{_path(id)}/items?{urlencode(chosen)}", token)
        return msgspec.json.decode(answer.body, type=ItemPage)

    async def change(self, token: str, id: str, verb: str, body: Mapping[str, Any]) -> None:
        """Take a step with a list, or spare conversations on it."""
        await self._client.ask("POST", f"{_path(id)}/_{verb}", token, body)

    async def declaration(self, token: str, id: str) -> MadeDeclaration:
        answer = await self._client.ask("GET", f"{_path(id)}/declaration", token)
        return msgspec.json.decode(answer.body, type=MadeDeclaration)

    async def printed_declaration(self, token: str, id: str) -> bytes:
        """Return the PDF of a declaration."""
        return (await self._client.ask("GET", f"{_path(id)}/declaration/pdf", token)).body


def _path(id: str) -> str:
    return f"{PATH}/{quote(id, safe='')}"
