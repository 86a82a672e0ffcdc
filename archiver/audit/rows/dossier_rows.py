"""Hold the dossiers, by which conversations are due, against the changes of conversations in the
log: each is worked out again, as far as the log was read for it.

Terms are settings. A dossier that was valued by other terms than those of now is compared but for
its valuation.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from archiver.audit.log_walk import Finding
from archiver.encryption.decrypt_rows import JOIN_KEYS, SELECT_COLUMNS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.retention.dossier import (
    Change,
    Dossier,
    Place,
    apply_change,
    begin_dossier,
    read_changes,
    value_dossier,
)
from archiver.retention.dossier_store import load_dossiers
from archiver.retention.selection import TenantTerms, build_terms
from services.postgres.database import Connection

WHAT = "dossier"
AT_ONCE = 200
"""Conversations in memory, of some ten changes of 2 KB each. Merges are all in memory, 300 bytes
each: some in a thousand conversations are merged."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class DossierNotes(msgspec.Struct):
    """Dossiers that could not be looked at."""

    destroyed: int = 0
    """Dossiers of which an entry was destroyed alone."""
    former: int = 0
    """Dossiers that were valued by other terms than those of now."""


class RecordedChanges(msgspec.Struct):
    """Changes in the log of one conversation."""

    place: Place
    changes: list[Change]
    """In the order of the log."""
    opens: bool = False
    """True if a change of its own opens: a merge alone makes no dossier."""
    is_partial: bool = False
    """True if the salt of a change was destroyed, which once counted."""

    def fold(self) -> Dossier | None:
        """Return the dossier, not valued; None if nothing in the log opens."""
        dossier = None
        for change in self.changes:
            dossier = apply_change(dossier or begin_dossier(change), change)
        return dossier


class DossierAudit:
    """`terms` are those of now, by municipality; None without a configuration."""

    def __init__(
        self, connection: Connection, keys: KeyStore, terms: Mapping[str, TenantTerms] | None
    ) -> None:
        self._connection, self._keys, self._terms = connection, keys, terms
        self._merges: defaultdict[Place, list[Change]] = defaultdict(list)
        self._read_to = 0
        self.notes = DossierNotes()

    async def verify(self) -> AsyncIterator[Finding]:
        """Yield what is wrong. Run in a transaction that reads one snapshot."""
        progress = await self._connection.fetchrow(_PROGRESS)
        if progress is None or progress["position"] > progress["size"]:
            yield Finding(WHAT, "the log is said to be read for the dossiers beyond its end")
            return
        self._read_to = progress["position"]
        late: dict[Place, Finding] = {}
        cursor = await self._connection.cursor(_PLACES, self._read_to)
        while rows := await cursor.fetch(AT_ONCE):
            late |= await self._compare([(row["tenant"], row["conversation"]) for row in rows])
        # A merge closes a conversation that may have come by before.
        notes, self.notes = self.notes, DossierNotes()
        merged = list(self._merges)
        for start in range(0, len(merged), AT_ONCE):
            batch = merged[start : start + AT_ONCE]
            found = await self._compare(batch)
            late = {place: each for place, each in late.items() if place not in batch} | found
        self.notes = notes
        for finding in late.values():
            yield finding

    async def _compare(self, places: Sequence[Place]) -> dict[Place, Finding]:
        """Return what is wrong with the dossiers of these conversations."""
        dossiers = await load_dossiers(self._connection, places)
        recorded = await self._read(places)
        findings = {}
        for place in places:
            if sentence := self._fault(recorded[place], dossiers.get(place)):
                position = max((each.position for each in recorded[place].changes), default=None)
                findings[place] = Finding(WHAT, sentence, position)
        return findings

    def _fault(self, recorded: RecordedChanges, row: Dossier | None) -> str:
        expected, conversation = recorded.fold(), recorded.place[1]
        if recorded.is_partial:
            self.notes.destroyed += 1
            return ""
        if row is None:
            return f"the dossier of {conversation} is gone" if recorded.opens else ""
        if expected is None:
            return f"nothing on the record makes the dossier of {conversation}"
        terms = self._terms_of(row)
        self.notes.former += terms is None
        if names := differences(expected, row, terms):
            return f"the dossier of {conversation} is not what the log says: {', '.join(names)}"
        return ""

    def _terms_of(self, row: Dossier) -> TenantTerms | None:
        """Return the terms by which a dossier was valued, if they are those of now."""
        if self._terms is None:
            return None
        terms = self._terms.get(row.tenant) or build_terms(row.tenant, "", {})
        return terms if terms.digest == row.terms else None

    async def _read(self, places: Sequence[Place]) -> dict[Place, RecordedChanges]:
        """Read what the log says of these conversations, and note what they say of others."""
        recorded = {
            place: RecordedChanges(place, list(self._merges.get(place, ()))) for place in places
        }
        conversations = [conversation for _, conversation in places]
        rows = await self._connection.fetch(_CHANGES, conversations, self._read_to)
        for row in rows:
            place = row["tenant"], row["conversation"]
            if place in recorded and row["salt"] is None:
                recorded[place].is_partial = True
        for change, is_own in _changes(decrypt_rows(rows, self._keys)):
            if is_own and change.place in recorded:
                recorded[change.place].changes.append(change)
                recorded[change.place].opens = True
            elif not is_own and change not in self._merges[change.place]:
                self._merges[change.place].append(change)
        for each in recorded.values():
            each.changes.sort(key=lambda change: change.position)
        return recorded


def differences(expected: Dossier, row: Dossier, terms: TenantTerms | None) -> list[str]:
    """Return what a dossier says and the log does not. Without its terms only an open one can be
    told from one that is closed. Pure."""
    fields = set(Dossier.__struct_fields__) - {"valuation", "terms"}
    names = sorted(name for name in fields if getattr(row, name) != getattr(expected, name))
    if terms is None:
        is_open = expected.closed_at is None
        return names + (["state"] if is_open != (row.valuation.state == "open") else [])
    valued = value_dossier(expected, terms).valuation
    columns = {"state": "state", "code": "valued_code", "kept_until": "kept_until"}
    kept = row.valuation
    return names + [
        column for name, column in columns.items() if getattr(kept, name) != getattr(valued, name)
    ]


def _changes(rows: Iterable[Mapping[str, Any]]) -> Iterable[tuple[Change, bool]]:
    """Yield what entries change, and if that is their own conversation."""
    for row in rows:
        try:
            for change in read_changes(row):
                yield change, change.place == (row["tenant"], row["conversation"])
        except msgspec.DecodeError:
            continue


_PROGRESS = """
select p.position, h.size from archiver.dossier_progress p, archiver.head h
"""
_PLACES = """
select tenant, conversation from (
    select distinct tenant, conversation from archiver.entry
    where kind in ('conversation', 'valuation') and conversation <> '' and position < $1
) e full join archiver.dossier using (tenant, conversation) order by tenant, conversation
"""
_CHANGES = f"""
{SELECT_COLUMNS} from archiver.entry e {JOIN_KEYS}
where e.conversation = any($1::text[]) and e.conversation <> ''
    and e.kind in ('conversation', 'valuation') and e.position < $2
order by e.position
"""
