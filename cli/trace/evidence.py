"""Rows that say where something is and what happened to it. No logic."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

Row = Mapping[str, Any]


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Ids by which the rows are found. All of them are ids of ours."""

    keys: tuple[bytes, ...] = ()
    """Keys of decisions in the inbox."""
    records: tuple[UUID, ...] = ()
    messages: tuple[UUID, ...] = ()
    receipt: UUID | None = None
    event: UUID | None = None
    destination: str = ""
    """Destination of the event, if no decision names it."""
    conversation: str = ""
    """Set if all of a conversation is meant."""
    quarantined: UUID | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the archive; `fields` is None if its contents were destroyed."""

    id: UUID
    kind: str
    at: datetime
    written_at: datetime
    tenant: str
    conversation: str
    department: str
    message: UUID | None
    receipt: UUID | None
    sequence: int
    fields: dict[str, Any] | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All rows about one subject, each list bounded."""

    entries: tuple[Entry, ...] = ()
    decided: tuple[Row, ...] = ()
    """Rows of router.inbox, with `is_published`: its partition has published it."""
    commands: tuple[Row, ...] = ()
    deliveries: tuple[Row, ...] = ()
    held: tuple[Row, ...] = ()
    waiting: tuple[Row, ...] = ()
    sends: tuple[Row, ...] = ()
    files: tuple[Row, ...] = ()
    quarantined: tuple[Row, ...] = ()
    contacts: tuple[Row, ...] = ()
    """Contacts in Open Klant, each with its task."""
    missing: tuple[Row, ...] = ()
    """Rows of the balance for what cannot be found."""
    paused: Mapping[str, datetime] = {}
    """Destination that a person paused -> since when."""
    ended_before: datetime | None = None
    """Time from before which decisions ended at their term; None if none did."""
    is_cut: bool = False
    """True if there is more than the bounds admit."""

    @property
    def has_ended(self) -> bool:
        """True if the record has it, and its first decision is gone because its term is over."""
        first = min((entry.at for entry in self.entries), default=None)
        before = self.ended_before
        if first is None or before is None or first >= before:
            return False
        return all(row["decided_at"] >= before for row in self.decided)

    @property
    def is_empty(self) -> bool:
        """True if nothing is known."""
        return not (self.entries or self.decided or self.commands or self.sends
                    or self.deliveries or self.quarantined)  # fmt: skip
