"""A conversation as the record has it, read with the employee's own token. The record may be a
moment behind the event that brought the employee here."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple

from desk.conversation.transcript import last_sequence
from desk.postkamer.archive import Archive, Look
from desk.postkamer.client import Refused
from desk.postkamer.record import Dossier, Message

ATTEMPTS, PAUSE_SECONDS = 8, 0.4
"""Looks at a record that is behind, some three seconds together: mostly it is half a second."""
RECORD_LAG = timedelta(minutes=5)
"""Age of an event after which the record has it: it alarms when it is that far behind."""
MAX_PAGES = 10
"""Pages of messages that are shown: 2,000 messages, more than a year of a talkative citizen."""


class Expected(NamedTuple):
    """Contents that the events told of, which the record may not have yet."""

    sequence: int
    """Sequence number of the citizen's newest message."""
    is_new: bool
    """True if the record may not even have the conversation."""


class ConversationReader:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def read(
        self, token: str, id: str, look: Look, expected: Expected
    ) -> tuple[Dossier, list[Message]]:
        """Return what the record has, and wait for what is expected. Raises Refused and
        Unanswered."""
        dossier = await self._dossier(token, id, look, may_wait=expected.is_new)
        messages = await self._messages_after(token, id, look, 0)
        for _ in range(ATTEMPTS):
            if last_sequence(messages) >= expected.sequence:
                break
            await asyncio.sleep(PAUSE_SECONDS)
            messages += await self._messages_after(token, id, look, last_sequence(messages))
        return dossier, messages

    async def _dossier(self, token: str, id: str, look: Look, *, may_wait: bool) -> Dossier:
        for _ in range(ATTEMPTS):
            try:
                return await self._archive.dossier(token, id, look)
            except Refused as refused:
                if refused.status != HTTPStatus.NOT_FOUND or not may_wait:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
        return await self._archive.dossier(token, id, look)

    async def _messages_after(self, token: str, id: str, look: Look, first: int) -> list[Message]:
        messages: list[Message] = []
        after: int | None = first
        for _ in range(MAX_PAGES):
            if after is None:
                break
            page, after = await self._archive.messages(token, id, look, after)
            messages += page
        return messages
