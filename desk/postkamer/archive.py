"""Calls of the archiver: a conversation, its messages, and a search in the record."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import quote
from uuid import UUID

import msgspec

from desk.postkamer.client import PostkamerClient
from desk.postkamer.record import Author, Dossier, Message

PAGE = 200
"""Messages of one page of a conversation, unless fewer are shown at once."""


REASON_MISSING = "reason_missing"
"""Code of a refusal of content for which a reason must be given."""
DESTROYED = "destroyed"
"""Code of a refusal of what was destroyed; its body is a PastDestruction."""


class Look(NamedTuple):
    """One opening of a page by an employee, and why. What was shown in it is one look on the
    record, however often the page is drawn again."""

    opening: UUID
    reason: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        headers = {"Postkamer-Opening": str(self.opening)}
        return headers | ({"Postkamer-Reason": self.reason} if self.reason else {})


class PageRequest(NamedTuple):
    """Page of messages: in which order they are read, after which sequence number, and how many."""

    order: Literal["oldest", "newest"] = "oldest"
    after: int | None = None
    """None for the first page."""
    limit: int = PAGE

    @property
    def query(self) -> str:
        after = "" if self.after is None else f"&after={self.after}"
        return f"order={self.order}&limit={self.limit}{after}"


class _Messages(msgspec.Struct, frozen=True):
    messages: tuple[Message, ...]
    next: int | None = None


class Hit(msgspec.Struct, frozen=True, rename="camel"):
    """Message that a search found."""

    id: UUID
    conversation_id: str
    type: str
    direction: str
    received_at: datetime
    text: str | None = None
    department: str = ""


class NoteHit(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    conversation_id: str
    at: datetime
    text: str
    department: str = ""
    author: Author | None = None


class PastDestruction(msgspec.Struct, frozen=True, rename="camel"):
    """Destruction of what was asked for."""

    destroyed_at: datetime
    ground: Literal["term", "request", "other"]
    list: str | None = None
    approved_by: str | None = None
    """None for who may not know."""
    conversation_id: str = ""


class Hits(msgspec.Struct, frozen=True, rename="camel"):
    """Page of a search."""

    messages: tuple[Hit, ...]
    notes: tuple[NoteHit, ...]
    gone: int
    total: int
    total_is_exact: bool
    as_of: str
    next: str | None = None
    destroyed: tuple[PastDestruction, ...] = ()
    """Destructions of the conversations of what is gone."""


class Archive:
    """The record, read with the token of the employee who looks: each look is on the record."""

    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def dossier(self, token: str, id: str, look: Look) -> Dossier:
        """Return a conversation. Raises Refused, with status 404 for one that the employee may not
        know of and with the codes REASON_MISSING and DESTROYED, and Unanswered."""
        path = f"/v1/conversations/{quote(id, safe='')}"
        answer = await self._client.ask("GET", path, token, headers=look.headers)
        return msgspec.json.decode(answer.body, type=Dossier)

    async def messages(
        self, token: str, id: str, look: Look, page: PageRequest
    ) -> tuple[tuple[Message, ...], int | None]:
        """Return a page of messages, in either order with its oldest one first, and `after` of the
        next page."""
        path = f"/v1/conversations/{quote(id, safe='')}/messages?{page.query}"
        answer = await self._client.ask("GET", path, token, headers=look.headers)
        read = msgspec.json.decode(answer.body, type=_Messages)
        return read.messages[:: -1 if page.order == "newest" else 1], read.next

    async def message(self, token: str, id: UUID, look: Look) -> Message:
        """Return one message. Raises Refused, with status 404 for one that is not there."""
        answer = await self._client.ask("GET", f"/v1/messages/{id}", token, headers=look.headers)
        return msgspec.json.decode(answer.body, type=Message)

    async def search(self, token: str, body: dict[str, Any], reason: str) -> Hits:
        """Return a page of hits (role `records`). Raises Refused and Unanswered."""
        path, headers = "/v1/messages/_search", {"Postkamer-Reason": reason}
        answer = await self._client.ask("POST", path, token, body, headers)
        return msgspec.json.decode(answer.body, type=Hits)
