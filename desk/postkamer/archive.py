"""Calls of the archiver: a conversation, its messages, their files."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec

from desk.postkamer.client import PostkamerClient

PAGE = 200
"""Messages of one page of a conversation."""


class Author(msgspec.Struct, frozen=True):
    kind: str = "employee"
    id: str = ""
    identified: str | None = None


class File(msgspec.Struct, frozen=True, rename="camel"):
    """File of a message. `state` is waiting, available, quarantined or lost."""

    id: UUID
    mime_type: str = ""
    filename: str = ""
    state: str = "waiting"
    reason: str = ""
    size: int | None = None


class Status(msgspec.Struct, frozen=True):
    status: str
    at: datetime
    reason: str = ""


class Decision(msgspec.Struct, frozen=True):
    rule: str = ""
    reason: str = ""


class Citizen(msgspec.Struct, frozen=True):
    name: str = ""
    identities: tuple[dict[str, str], ...] = ()


class Annotation(msgspec.Struct, frozen=True):
    at: datetime
    by: str = ""
    text: str = ""


class Message(msgspec.Struct, frozen=True, rename="camel"):
    id: UUID
    direction: str
    type: str
    sequence: int
    received_at: datetime
    text: str = ""
    citizen: Citizen | None = msgspec.field(default=None, name="from")
    department: str = ""
    decision: Decision = Decision()
    author: Author = Author()
    status: str = ""
    statuses: tuple[Status, ...] = ()
    media: tuple[File, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    care: str | None = None
    sent_at: datetime | None = None
    raw: Any = None


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """What happened in a conversation beside its messages."""

    event: str
    at: datetime
    department: str | None = None
    former: str | None = msgspec.field(default=None, name="from")
    reason: str | None = None
    author: Author | None = None
    zaak: str | None = None


class Note(msgspec.Struct, frozen=True):
    id: UUID
    at: datetime
    text: str
    author: Author | None = None


class Dossier(msgspec.Struct, frozen=True, rename="camel"):
    """A conversation on the record, without its messages."""

    id: str
    opened_at: datetime
    department: str | None = None
    decision: Decision = Decision()
    zaak: str | None = None
    history: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()


class _Messages(msgspec.Struct, frozen=True):
    messages: tuple[Message, ...]
    next: int | None = None


class Archive:
    """The record, read with the token of the employee who looks: each look is on the record."""

    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def dossier(self, token: str, id: str, reason: str = "") -> Dossier:
        """Return a conversation. Raises Refused, with status 404 for one that the employee may not
        know of, and Unanswered."""
        path = f"/v1/conversations/{quote(id, safe='')}"
        answer = await self._client.ask("GET", path, token, headers=_reason(reason))
        return msgspec.json.decode(answer.body, type=Dossier)

    async def messages(
        self, token: str, id: str, after: int = 0, reason: str = ""
    ) -> tuple[tuple[Message, ...], int | None]:
        """Return a page of messages after a sequence number, and where the next one begins."""
        path = f"/v1/conversations/{quote(id, safe='')}/messages?after={after}&limit={PAGE}"
        answer = await self._client.ask("GET", path, token, headers=_reason(reason))
        page = msgspec.json.decode(answer.body, type=_Messages)
        return page.messages, page.next


def _reason(reason: str) -> Mapping[str, str]:
    return {"Postkamer-Reason": reason} if reason else {}
