"""Calls of the archiver: a conversation, its messages, their files."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

import msgspec

from desk.postkamer.client import PostkamerClient
from desk.postkamer.record import Dossier, Message

PAGE = 200
"""Messages of one page of a conversation."""


REASON_MISSING = "reason_missing"
"""Code of a refusal of content for which a reason must be given."""


class Look(NamedTuple):
    """One opening of a page by an employee, and why. What was shown in it is one look on the
    record, however often the page is drawn again."""

    opening: UUID
    reason: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        headers = {"Postkamer-Opening": str(self.opening)}
        return headers | ({"Postkamer-Reason": self.reason} if self.reason else {})


class _Messages(msgspec.Struct, frozen=True):
    messages: tuple[Message, ...]
    next: int | None = None


class Archive:
    """The record, read with the token of the employee who looks: each look is on the record."""

    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def dossier(self, token: str, id: str, look: Look) -> Dossier:
        """Return a conversation. Raises Refused, with status 404 for one that the employee may not
        know of and with the code REASON_MISSING, and Unanswered."""
        path = f"/v1/conversations/{quote(id, safe='')}"
        answer = await self._client.ask("GET", path, token, headers=look.headers)
        return msgspec.json.decode(answer.body, type=Dossier)

    async def messages(
        self, token: str, id: str, look: Look, after: int = 0
    ) -> tuple[tuple[Message, ...], int | None]:
        """Return a page of messages after a sequence number, and where the next one begins."""
        path = f"/v1/conversations/{quote(id, safe='')}/messages?after={after}&limit={PAGE}"
        answer = await self._client.ask("GET", path, token, headers=look.headers)
        page = msgspec.json.decode(answer.body, type=_Messages)
        return page.messages, page.next
