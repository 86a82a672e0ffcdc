"""Making a transcript, for the API and for commands alike: it reads the record and the files.

It reads on the connection of one transaction, so that all is of one moment.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

import msgspec

from archiver.api.presenter import may_know_all
from archiver.api.queries import RecordReader
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.encryption.row_batches import fetch_about
from archiver.index.record_fields import Destruction
from archiver.media.store import MediaStore, StoredFile
from archiver.transcript.builder import Content, ConversationEntries, Term, build_transcript
from archiver.transcript.transcript import Transcript
from services.config.model import Configuration
from services.postgres.database import Connection, Pool

MAX_ENTRIES = 5_000
"""Most messages, notes and steps of one transcript, some 5 KB of memory each: a page of 2 MB, and a
PDF of 5 seconds and half a GiB. A conversation of that length is a fault, or a machine that
talks."""
MAX_OUTCOMES = 20 * MAX_ENTRIES
"""Most statuses and annotations: a message has some four."""
TOO_LONG = "too_long: over {} entries, more than one transcript holds: read its messages by page"
SHOWN, DESTRUCTION = ("message", "note", "conversation"), "destruction"
OUTCOMES = ("send", "status", "media", "annotation")
Row = Any


class TooLong(Exception):
    """The conversation does not fit in one transcript. The argument is a sentence for the user."""


class Scope(msgspec.Struct, frozen=True):
    """Part of the record that a reader reaches: a municipality, and its departments; None for all.
    `may_know` returns whether the reader may know that a department had a conversation before."""

    tenant: str
    departments: frozenset[str] | None = None
    may_know: Callable[[str], bool] = may_know_all
    log_size: int | None = None
    """Entries of the log that count; None for all. Later ones are not seen."""

    def covers(self, department: str) -> bool:
        return self.departments is None or department in self.departments


class ReadConversation(NamedTuple):
    """Entries of a conversation, their decrypted rows as a view is recorded of them, and the files
    of the messages."""

    entries: ConversationEntries
    files: dict[UUID, StoredFile]
    scope: Scope
    config: Configuration

    @property
    def rows(self) -> list[Row]:
        """Everything that is shown, but what is beside messages."""
        return [*self.entries.steps, *self.entries.notes, *self.entries.messages]

    def build(self, contents: dict[UUID, Content]) -> Transcript:
        """Return the transcript with what is shown of the files."""

        def department_name(id: str) -> str:
            department = self.config.department(self.scope.tenant, id)
            return department.name if department else id

        return build_transcript(self.entries, department_name, contents, self.scope.may_know)


class TranscriptReader:
    """Reads on the connection of one transaction."""

    def __init__(self, connection: Connection, keys: KeyStore, config: Configuration) -> None:
        self._connection, self._keys, self._config = connection, keys.on(connection), config

    async def read(self, id: str, scope: Scope) -> ReadConversation | None:
        """Read a conversation; None if nothing of it is within the scope. Raises TooLong."""
        kinds = [*SHOWN, DESTRUCTION]
        which = id, scope.tenant, kinds, scope.log_size
        rows = await self._connection.fetch(_ENTRIES, *which, MAX_ENTRIES + 1)
        if len(rows) > MAX_ENTRIES:
            raise TooLong(TOO_LONG.format(MAX_ENTRIES))
        # The database gave these; what they are of is held against the scope once more.
        own = [row for row in rows if (row["conversation"], row["tenant"]) == (id, scope.tenant)]
        shown = [row for row in own if row["kind"] in SHOWN]
        within = [row for row in shown if scope.covers(row["department"])]
        opened = list(decrypt_rows(within, self._keys))
        if not opened:
            return None
        entries = await self._entries(id, scope, opened)
        entries = msgspec.structs.replace(
            entries,
            gone=[row for row in within if row["kind"] == "message" and _is_destroyed(row)],
            destructions=self._destructions(row for row in own if row["kind"] == DESTRUCTION),
            is_partial=len(within) < len(shown),
            unreadable=sum(not _is_destroyed(row) for row in within) - len(opened),
        )
        return ReadConversation(entries, await self._files(entries), scope, self._config)

    async def _entries(self, id: str, scope: Scope, opened: Sequence[Row]) -> ConversationEntries:
        tenant = scope.tenant
        messages = [row for row in opened if row["kind"] == "message"]
        term = await self._connection.fetchrow(_TERM, tenant, id)
        holds = await self._reader.load_holds(id, tenant)
        named = self._config.tenant(tenant)
        return ConversationEntries(
            id=id,
            municipality=named.name if named else tenant,
            number=id.partition("-")[0],
            messages=messages,
            steps=[row for row in opened if row["kind"] == "conversation"],
            notes=[row for row in opened if row["kind"] == "note"],
            fates=await self._read_outcomes(scope, [row["message"] for row in messages]),
            term=Term(**term) if term else Term(),
            holds=tuple(dict.fromkeys(each["ground"] for each in holds)),
        )

    @property
    def _reader(self) -> RecordReader:
        return RecordReader(cast(Pool, self._connection), self._keys)

    async def _read_outcomes(self, scope: Scope, messages: Sequence[UUID | None]) -> list[Row]:
        ids = [each for each in messages if each]
        outcomes: list[Row] = []
        about = fetch_about(self._connection, self._keys, scope.tenant, ids, OUTCOMES)
        async for row in about:
            if scope.log_size is None or row["position"] < scope.log_size:
                outcomes.append(row)
            if len(outcomes) > MAX_OUTCOMES:
                raise TooLong(TOO_LONG.format(MAX_OUTCOMES))
        return outcomes

    def _destructions(self, rows: Iterable[Row]) -> dict[UUID, datetime]:
        """Return when each entry was destroyed by itself, as the record of it says."""
        opened = decrypt_rows(rows, self._keys)
        read = ((msgspec.json.decode(row["data"], type=Destruction), row["at"]) for row in opened)
        return {each.entry: each.first_at or at for each, at in read if each.entry}

    async def _files(self, entries: ConversationEntries) -> dict[UUID, StoredFile]:
        store = MediaStore(cast(Pool, self._connection), self._keys)
        files = {}
        for row in entries.messages:
            if b'"medium"' in row["data"] and (file := await store.find(row["message"])):
                files[row["message"]] = file
        return files


def _is_destroyed(row: Row) -> bool:
    return row["salt"] is None or row["wrapped"] is None


_ENTRIES = f"""{RECORDS}
where e.conversation = $1 and e.conversation <> '' and e.tenant = $2 and e.kind = any($3::text[])
    and ($4::bigint is null or e.position < $4)
order by e.sequence, e.id limit $5
"""
_TERM = """
select state, valued_code as code, kept_until from archiver.dossier
where tenant = $1 and conversation = $2
"""
