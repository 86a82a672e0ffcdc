"""A conversation as the record has it, read with the employee's own token. The record may be a
moment behind the event that brought the employee here."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, TypeVar
from uuid import UUID

import msgspec

from desk.conversation.section import SIZE, Section
from desk.conversation.transcript import has_all_quoted, last_sequence
from desk.postkamer.archive import Archive, Look, PageRequest
from desk.postkamer.client import Refused, Unanswered
from desk.postkamer.record import Dossier, Message

T = TypeVar("T")
Ask = Callable[[PageRequest], Awaitable[tuple[tuple[Message, ...], int | None]]]
"""Reads a page of the messages of one conversation."""
PAUSES_SECONDS = 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2
"""Pauses between looks at a record that is behind, some six seconds together: mostly it is behind
by less than half a second."""
RECORD_LAG = timedelta(minutes=5)
"""Age of an event after which the record has it: it alarms when it is that far behind."""


class Expected(NamedTuple):
    """Contents that the events told of, which the record may not have yet."""

    sequence: int
    """Sequence number of the citizen's newest message."""
    is_new: bool
    """True if the record may not even have the conversation."""


def expect_news(sequence: int, last_at: datetime, now: datetime, *, is_open: bool) -> Expected:
    """Return what the record may not have yet, of a conversation with that newest message and that
    newest event. What the record is without after RECORD_LAG it may never get, so that nobody
    waits for it. A page that is open showed the conversation before. Pure."""
    if now - last_at >= RECORD_LAG:
        return Expected(0, is_new=False)
    return Expected(sequence, is_new=not is_open)


class ConversationReader:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def read(
        self, token: str, id: str, look: Look, expected: Expected
    ) -> tuple[Dossier, Section]:
        """Return the newest section of what the record has, and wait for what is expected. Raises
        Refused and Unanswered."""
        ask = partial(self._archive.messages, token, id, look)
        # Together: the record then writes down both looks at once.
        return await asyncio.gather(
            _when_known(expected, lambda: self._archive.dossier(token, id, look)),
            _read_newest(ask, expected),
        )

    async def read_before(
        self, token: str, id: str, look: Look, before: int
    ) -> tuple[Dossier, Section]:
        """Return the section that ends before a sequence number. Raises Refused and Unanswered."""
        ask = partial(self._archive.messages, token, id, look)
        return await asyncio.gather(
            self._archive.dossier(token, id, look), _read_before(ask, before)
        )

    async def find_message(self, token: str, id: UUID, look: Look) -> Message | None:
        """Return a message; None if the record has none for this employee."""
        try:
            return await self._archive.message(token, id, look)
        except Refused as refused:
            if refused.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
                return None
            raise


async def _read_newest(ask: Ask, expected: Expected) -> Section:
    newest = PageRequest("newest", limit=SIZE)
    messages, earlier = await _when_known(expected, lambda: ask(newest))
    for pause in PAUSES_SECONDS:
        if last_sequence(messages) >= expected.sequence:
            break
        await asyncio.sleep(pause)
        if not messages:
            messages, earlier = await ask(newest)
            continue
        news, _ = await ask(PageRequest(after=last_sequence(messages)))
        messages += news
    return await _complete(ask, Section(messages=messages, earlier=earlier))


async def _read_before(ask: Ask, before: int) -> Section:
    (messages, earlier), (newer, _) = await asyncio.gather(
        ask(PageRequest("newest", before, SIZE)), ask(PageRequest("oldest", before - 1, SIZE))
    )
    section = Section(messages=messages, newer=newer, earlier=earlier, is_newest=False)
    return await _complete(ask, section)


async def _complete(ask: Ask, section: Section) -> Section:
    """Return a section with the page before it, if a message is quoted that may be there. Nothing
    further back is read: each page is a look on the record, and what is quoted may be of another
    conversation."""
    if section.earlier is None or has_all_quoted(section):
        return section
    page, _ = await ask(PageRequest("newest", section.earlier))
    return msgspec.structs.replace(section, older=page)


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
