"""A conversation as the record has it, read with the employee's own token. The record may be a
moment behind the event that brought the employee here."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import NamedTuple, TypeVar

from desk.conversation.transcript import last_sequence
from desk.postkamer.archive import Archive, Look
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.record import Dossier, Message

T = TypeVar("T")
PAUSES_SECONDS = 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2
"""Pauses between looks at a record that is behind, some six seconds together: mostly it is behind
by less than half a second."""
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
        """Return what the record has, and wait for what is expected. The two are asked for
        together: the record then writes down both looks at once. Raises Refused and Unanswered."""
        dossier, messages = await asyncio.gather(
            _when_known(expected, lambda: self._archive.dossier(token, id, look)),
            _when_known(expected, lambda: self._messages_after(token, id, look, 0)),
        )
        for pause in PAUSES_SECONDS:
            if last_sequence(messages) >= expected.sequence:
                break
            await asyncio.sleep(pause)
            messages += await self._messages_after(token, id, look, last_sequence(messages))
        return dossier, messages

    async def _messages_after(self, token: str, id: str, look: Look, first: int) -> list[Message]:
        messages: list[Message] = []
        after: int | None = first
        for _ in range(MAX_PAGES):
            if after is None:
                break
            page, after = await self._archive.messages(token, id, look, after)
            messages += page
        return messages


async def _when_known(expected: Expected, ask: Callable[[], Awaitable[T]]) -> T:
    """Return what the record has of a conversation. It may not have a new one yet: then it is as if
    it did not answer, and not as if there were none."""
    for pause in PAUSES_SECONDS:
        try:
            return await ask()
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND or not expected.is_new:
                raise
        await asyncio.sleep(pause)
    raise Unanswered("the record is behind")
