"""Collect everything in the archive about one person, a conversation at a time."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import fetch_about, fetch_batches
from archiver.subject_access.consents import KINDS as CONSENT_KINDS
from archiver.subject_access.consents import list_consents
from archiver.subject_access.person_finder import SubjectMatch, TooManyMatches
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
    ConversationPart,
    DeliveryCounter,
    DepartmentName,
    access_entries,
    build_conversation,
    identity_changes,
    is_within,
    names_used,
)
from services.postgres.database import Connection

MAX_ENTRIES = 20_000
"""Most entries in one report, some 3 KB of memory each. A person with more asks for a report by
period."""
TOO_MANY = "over {} messages and views: ask for a part of it, by its first and last day"
REPORTED_KINDS = ("message", "note", "conversation", "identity", "consent", "view")
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
        self,
        match: SubjectMatch,
        period: Period,
        department_name: DepartmentName,
        progress: Progress,
    ) -> SubjectData:
        """Collect the data for a report. Raises TooManyMatches if one report cannot hold it."""
        conversations, consent_rows = list[Conversation](), list[Row]()
        changes, views = list[IdentityChange](), list[View]()
        deliveries, names, remaining = DeliveryCounter(), dict[str, None](), MAX_ENTRIES
        async for done, part in self._read_parts(match, period):
            remaining -= len(part.rows)
            if remaining < 0:
                raise TooManyMatches(TOO_MANY.format(MAX_ENTRIES))
            consent_rows += filter(_may_concern_consent, part.rows)
            names |= dict.fromkeys(names_used(part.rows))
            changes += identity_changes(part.rows)
            views += access_entries(part.rows, department_name)
            deliveries.add(part.fates)
            if (
                part.of_kind("message")
                or part.of_kind("note")
                or (part.id and _is_unbounded(period))
            ):
                conversations.append(build_conversation(part, department_name))
            progress(done, len(match.conversations))
        by_time = sorted(changes, key=lambda each: each.at)
        return SubjectData(
            tuple(names),
            tuple(await self._with_terms(conversations)),
            list_consents(consent_rows),
            tuple(by_time),
            deliveries.counts(),
            tuple(sorted(views, key=lambda each: each.at)),
        )

    async def _with_terms(self, conversations: Sequence[Conversation]) -> list[Conversation]:
        """Return conversations, each with the last day on which it must be kept."""
        ids = [each.id for each in conversations]
        rows = await self._connection.fetch(_TERMS, self._tenant, ids)
        kept_until = {row["conversation"]: row["kept_until"] for row in rows}
        return [
            msgspec.structs.replace(each, kept_until=kept_until.get(each.id))
            for each in conversations
        ]

    async def count_deliveries(self, match: SubjectMatch) -> tuple[Delivered, ...]:
        """Return only the systems that received the person's messages."""
        deliveries = DeliveryCounter()
        arguments = (self._tenant, list(match.conversations), ["delivery"])
        async for rows in fetch_batches(self._connection, _OF_CONVERSATIONS, *arguments):
            deliveries.add(decrypt_rows(rows, self._keys))
        return deliveries.counts()

    async def _read_parts(
        self, match: SubjectMatch, period: Period
    ) -> AsyncIterator[tuple[int, ConversationPart]]:
        """Yield each conversation, then the entries outside any, with the number of conversations
        done."""
        for done, id in enumerate(match.conversations, 1):
            rows = await self._read_entries(_OF_CONVERSATIONS, [id], period)
            if rows:
                yield done, ConversationPart(id, rows, await self._read_fates(rows, [id]))
        rows = await self._read_entries(_OF_ENTRIES, list(match.entries), period)
        if rows:
            yield (
                len(match.conversations),
                ConversationPart("", rows, await self._read_fates(rows, [])),
            )

    async def _read_entries(self, query: str, ids: Sequence[Any], period: Period) -> list[Row]:
        """Read the entries within the period, and consent of any time: it holds until it ends."""
        entries: list[Row] = []
        async for rows in fetch_batches(
            self._connection, query, self._tenant, ids, list(REPORTED_KINDS)
        ):
            entries += [
                row
                for row in decrypt_rows(rows, self._keys)
                if row["kind"] == "consent" or is_within(row["at"], period)
            ]
            if len(entries) > MAX_ENTRIES:
                raise TooManyMatches(TOO_MANY.format(MAX_ENTRIES))
        return entries

    async def _read_fates(self, rows: Iterable[Row], conversations: Sequence[str]) -> list[Row]:
        """Read the entries about these messages, in any conversation, and the deliveries of the
        conversations."""
        ids = [row["message"] or row["id"] for row in rows if row["kind"] == "message"]
        about = fetch_about(self._connection, self._keys, self._tenant, ids, FATES)
        fates = {row["id"]: row async for row in about}
        if conversations:
            arguments = (self._tenant, list(conversations), ["delivery"])
            async for batch in fetch_batches(self._connection, _OF_CONVERSATIONS, *arguments):
                fates |= {row["id"]: row for row in decrypt_rows(batch, self._keys)}
        return [fates[id] for id in sorted(fates)]


def _may_concern_consent(row: Row) -> bool:
    """Return True if the row may concern consent; the many others are not kept in memory."""
    return row["kind"] == "consent" or (row["kind"] in CONSENT_KINDS and b'"consent' in row["data"])


def _is_unbounded(period: Period) -> bool:
    return period.since is None and period.until is None


_OF_CONVERSATIONS = f"""{RECORDS}
where e.tenant = $1 and e.conversation = any($2::text[]) and e.conversation <> ''
    and e.kind = any($3::text[])
order by e.sequence, e.id
"""
_TERMS = """
select conversation, kept_until from archiver.dossier
where tenant = $1 and conversation = any($2::text[])
"""
_OF_ENTRIES = f"""{RECORDS}
where e.tenant = $1 and e.id = any($2::uuid[]) and e.kind = any($3::text[]) order by e.id
"""
