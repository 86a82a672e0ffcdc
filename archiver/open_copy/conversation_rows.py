"""The row of a conversation, and those of its persons, from all of its records. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from archiver.index.record_fields import PHONE, Identity, normalise
from archiver.open_copy.columns import TABLES
from archiver.open_copy.record_rows import TableRow
from archiver.open_copy.rows import row_of
from archiver.retention.dossier import (
    CHANGE_KINDS,
    Change,
    Dossier,
    apply_change,
    begin_dossier,
    read_changes,
)
from services.ids import CONVERSATION

NAME = "name"
"""Kind of a name in WhatsApp among the identifiers of a person."""
NAMING_KINDS = frozenset(("message", "identity", "consent"))
"""Kinds of records that name the citizen of a conversation. A view names an employee, and `from`
and `to` of a transfer are departments."""


class Sighting(msgspec.Struct):
    first_at: datetime
    last_at: datetime
    records: int = 0


class ConversationSummary:
    """Sums up one conversation, record by record."""

    def __init__(self, id: str, dossier: Dossier | None, subject: bytes) -> None:
        """`dossier` is how the conversation was at some time; what changed after it is noted."""
        self.id, self._dossier, self._subject = id, dossier, subject
        self._changes: list[Change] = []
        self._counts = dict.fromkeys(("messages", "received", "notes", "files", "destroyed"), 0)
        self._times: list[datetime] = []
        self._opened_at: datetime | None = None
        self._languages: set[str] = set()
        self._zaak = ""
        self._persons: dict[Identity, Sighting] = {}

    def note_destroyed(self) -> None:
        self._counts["destroyed"] += 1

    def note(self, record: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        at: datetime = record["at"]
        self._opened_at = min(self._opened_at or at, at)
        if record["kind"] == "message":
            self._note_message(at, data)
        if record["kind"] == "note":
            self._counts["notes"] += 1
        if record["kind"] in CHANGE_KINDS:
            self._note_change(record)
        self._zaak = data.get("zaak") or self._zaak
        if record["kind"] in NAMING_KINDS:
            for each in set(_identities(data)):
                seen = self._persons.setdefault(each, Sighting(at, at))
                seen.first_at, seen.last_at = min(seen.first_at, at), max(seen.last_at, at)
                seen.records += 1

    def rows(self) -> Iterator[TableRow]:
        """Yield the row of the conversation and those of its persons."""
        yield "conversations", row_of(TABLES["conversations"], self._source())
        for identity in sorted(self._persons, key=lambda each: (each.kind, each.value)):
            source = msgspec.structs.asdict(identity) | {"conversation": self.id}
            source |= msgspec.structs.asdict(self._persons[identity])
            yield "persons", row_of(TABLES["persons"], source)

    def _note_message(self, at: datetime, data: Mapping[str, Any]) -> None:
        self._counts["messages"] += 1
        self._counts["received"] += data.get("direction") == "in"
        self._counts["files"] += isinstance(data.get("medium"), Mapping)
        self._times = [min([*self._times, at]), max([*self._times, at])]
        if language := data.get("language"):
            self._languages.add(language)

    def _note_change(self, record: Mapping[str, Any]) -> None:
        """A merge closes another conversation too, of which the dossier knows."""
        try:
            changes = list(read_changes(record))
        except msgspec.DecodeError:
            return
        self._changes += [each for each in changes if each.place[1] == self.id]

    def _source(self) -> dict[str, Any]:
        dossier = self._dossier
        for change in sorted(self._changes, key=lambda each: each.position):
            dossier = apply_change(dossier or begin_dossier(change), change)
        form = CONVERSATION.fullmatch(self.id)
        departments = dossier.departments if dossier else ()
        return {
            "id": self.id,
            "number": form[1] if form else "",
            "opened_at": dossier.opened_at if dossier else self._opened_at,
            "closed_at": dossier.closed_at if dossier else None,
            "first_at": self._times[0] if self._times else None,
            "last_at": self._times[1] if self._times else None,
            "department": departments[-1] if departments else "",
            "departments": departments,
            "zaak": self._zaak,
            "languages": sorted(self._languages),
            "subject": self._subject,
            **self._counts,
        }


def _identities(data: Mapping[str, Any]) -> Iterator[Identity]:
    """Yield the identifiers and names of citizens in a record, as they were recorded."""
    sender = data.get("from")
    if isinstance(sender, Mapping):
        yield from _each(sender.get("identities"))
        if name := sender.get("name"):
            yield Identity(NAME, str(name))
    yield from _each(data.get("changes"))
    if isinstance(to := data.get("to"), str) and to:
        yield Identity(PHONE, normalise(Identity(PHONE, to)))


def _each(found: Any) -> Iterator[Identity]:
    for each in found if isinstance(found, list) else ():
        if isinstance(each, Mapping) and each.get("value"):
            identity = Identity(str(each.get("kind", "")), str(each["value"]))
            yield Identity(identity.kind, normalise(identity))
