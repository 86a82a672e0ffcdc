"""Collect everything in the archive about one person, a conversation at a time."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, opened
from archiver.encryption.key_store import KeyStore
from archiver.subject_access.consents import KINDS as AGREED
from archiver.subject_access.consents import consents
from archiver.subject_access.person_finder import BATCH, SubjectMatch, TooManyMatches, batches
from archiver.subject_access.report import (
    Consent,
    Conversation,
    Delivered,
    IdentityChange,
    Period,
    View,
)
from archiver.subject_access.report_builder import (
    FATES,
    Called,
    ConversationPart,
    Deliveries,
    access_entries,
    conversation,
    identity_changes,
    notes_by_subject,
    within,
)
from services.postgres.database import Connection

MOST = 20_000
"""Most entries in one report, some 3 KB of memory each. A person with more asks for a report by
period."""
MANY = "over {} messages and views: ask for a part of it, with --since and --until"
SHOWN = ("message", "note", "conversation", "identity", "consent", "view")
Row = Mapping[str, Any]
Progress = Callable[[int, int], None]
"""Called with the number of conversations done, and their total."""


class SubjectData(msgspec.Struct, frozen=True):
    names: tuple[str, ...]
    """Names that the person used in WhatsApp."""
    conversations: tuple[Conversation, ...]
    consents: tuple[Consent, ...]
    changes: tuple[IdentityChange, ...]
    deliveries: tuple[Delivered, ...]
    views: tuple[View, ...]


class SubjectCollector:
    """Collects on the connection of one transaction."""

    def __init__(self, connection: Connection, keys: KeyStore, tenant: str) -> None:
        self._connection, self._keys, self._tenant = connection, keys, tenant

    async def collect(
        self, found: SubjectMatch, period: Period, called: Called, progress: Progress
    ) -> SubjectData:
        """Collect the data for a report. Raises TooManyMatches if one report cannot hold it."""
        conversations, agreed = list[Conversation](), list[Row]()
        changes, views = list[IdentityChange](), list[View]()
        deliveries, names, left = Deliveries(), dict[str, None](), MOST
        async for done, part in self._parts(found, period):
            left -= len(part.rows)
            if left < 0:
                raise TooManyMatches(MANY.format(MOST))
            agreed += [row for row in part.rows if row["kind"] in AGREED and _agrees(row)]
            names |= dict.fromkeys(notes_by_subject(part.rows))
            changes += identity_changes(part.rows)
            views += access_entries(part.rows, called)
            deliveries.add(part.fates)
            if part.of("message") or part.of("note") or (part.id and _is_whole(period)):
                conversations.append(conversation(part, called))
            progress(done, len(found.conversations))
        by_time = sorted(changes, key=lambda each: each.at)
        return SubjectData(
            tuple(names),
            tuple(conversations),
            consents(agreed),
            tuple(by_time),
            deliveries.all(),
            tuple(sorted(views, key=lambda each: each.at)),
        )

    async def delivered(self, found: SubjectMatch) -> tuple[Delivered, ...]:
        """Return only the systems that received the person's messages."""
        deliveries = Deliveries()
        given = (self._tenant, list(found.conversations), ["delivery"])
        async for rows in batches(self._connection, _OF_CONVERSATIONS, *given):
            deliveries.add(opened(rows, self._keys))
        return deliveries.all()

    async def _parts(
        self, found: SubjectMatch, period: Period
    ) -> AsyncIterator[tuple[int, ConversationPart]]:
        """Yield each conversation, then the entries outside any, with the number of conversations
        done."""
        for done, id in enumerate(found.conversations, 1):
            rows = await self._shown(_OF_CONVERSATIONS, [id], period)
            if rows:
                yield done, ConversationPart(id, rows, await self._fates(rows, [id]))
        rows = await self._shown(_OF_ENTRIES, list(found.entries), period)
        if rows:
            yield len(found.conversations), ConversationPart("", rows, await self._fates(rows, []))

    async def _shown(self, query: str, those: Sequence[Any], period: Period) -> list[Row]:
        """Read the entries within the period, and consent of any time: it holds until it ends."""
        found: list[Row] = []
        async for rows in batches(self._connection, query, self._tenant, those, list(SHOWN)):
            found += [
                row
                for row in opened(rows, self._keys)
                if row["kind"] == "consent" or within(row["at"], period)
            ]
            if len(found) > MOST:
                raise TooManyMatches(MANY.format(MOST))
        return found

    async def _fates(self, rows: Iterable[Row], conversations: Sequence[str]) -> list[Row]:
        """Read the entries about these messages, in any conversation, and the deliveries of the
        conversations."""
        ids = [row["message"] or row["id"] for row in rows if row["kind"] == "message"]
        found = {row["id"]: row async for row in self._about(ids)}
        if conversations:
            given = (self._tenant, list(conversations), ["delivery"])
            async for told in batches(self._connection, _OF_CONVERSATIONS, *given):
                found |= {row["id"]: row for row in opened(told, self._keys)}
        return [found[id] for id in sorted(found)]

    async def _about(self, messages: Sequence[UUID]) -> AsyncIterator[Row]:
        for n in range(0, len(messages), BATCH):
            some = messages[n : n + BATCH]
            async for rows in batches(self._connection, _ABOUT, self._tenant, some, list(FATES)):
                for row in opened(rows, self._keys):
                    yield row


def _agrees(row: Row) -> bool:
    """Return True if the row may concern consent; the many others are not kept in memory."""
    return row["kind"] == "consent" or b'"consent' in row["data"]


def _is_whole(period: Period) -> bool:
    return period.since is None and period.until is None


_OF_CONVERSATIONS = f"""{RECORDS}
where e.tenant = $1 and e.conversation = any($2::text[]) and e.conversation <> ''
    and e.kind = any($3::text[])
order by e.sequence, e.id
"""
_OF_ENTRIES = f"""{RECORDS}
where e.tenant = $1 and e.id = any($2::uuid[]) and e.kind = any($3::text[]) order by e.id
"""
_ABOUT = f"""{RECORDS}
where e.tenant = $1 and e.message = any($2::uuid[]) and e.kind = any($3::text[]) order by e.id
"""
