"""A conversation as the record has it, read with the employee's own token. The record may be a
moment behind the event that brought the employee here."""

import asyncio
from datetime import timedelta
from http import HTTPStatus

from desk.conversation.transcript import last_sequence
from desk.inbox.conversation import Conversation
from desk.postkamer.archive import Archive, Look
from desk.postkamer.client import Refused
from desk.postkamer.record import Dossier, Message
from services import clock

ATTEMPTS, PAUSE_SECONDS = 8, 0.4
"""Looks at a record that is behind, some three seconds together: mostly it is half a second."""
RECORD_LAG = timedelta(minutes=5)
"""Age of an event after which the record has it: it alarms when it is that far behind."""
MAX_PAGES = 10
"""Pages of messages that are shown: 2,000 messages, more than a year of a talkative citizen."""


class ConversationReader:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def read(
        self, token: str, conversation: Conversation, look: Look
    ) -> tuple[Dossier, list[Message]]:
        """Return what the record has, and wait for the message that the event told of. Raises
        Refused and Unanswered."""
        dossier = await self._dossier(token, conversation, look)
        messages = await self._messages_after(token, conversation.id, look, 0)
        for _ in range(ATTEMPTS):
            if last_sequence(messages) >= conversation.message_sequence:
                break
            await asyncio.sleep(PAUSE_SECONDS)
            seen = last_sequence(messages)
            messages += await self._messages_after(token, conversation.id, look, seen)
        return dossier, messages

    async def _dossier(self, token: str, conversation: Conversation, look: Look) -> Dossier:
        for _ in range(ATTEMPTS):
            try:
                return await self._archive.dossier(token, conversation.id, look)
            except Refused as refused:
                if refused.status != HTTPStatus.NOT_FOUND or not _is_new(conversation):
                    raise
            await asyncio.sleep(PAUSE_SECONDS)
        return await self._archive.dossier(token, conversation.id, look)

    async def _messages_after(self, token: str, id: str, look: Look, first: int) -> list[Message]:
        messages: list[Message] = []
        after: int | None = first
        for _ in range(MAX_PAGES):
            if after is None:
                break
            page, after = await self._archive.messages(token, id, look, after)
            messages += page
        return messages


def _is_new(conversation: Conversation) -> bool:
    """Return True if the record may not have the conversation yet."""
    return clock.now() - conversation.last_at < RECORD_LAG
