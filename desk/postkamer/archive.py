"""Calls of the archiver: a conversation, its messages, their files."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from desk.postkamer.client import PostkamerClient
from desk.postkamer.record import Dossier, Message

PAGE = 200
"""Messages of one page of a conversation."""


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
