"""Destruction lists as their steps, which are entries of the log, say they are. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from archiver.audit.log_walk import Finding
from archiver.destruction.destruction_list import DrawnList, ListEvent, State
from services.ids import created_at

WHAT = "destruction-list"
SPARED = {"taken_out": "taken_out", "put_off": "put_off"}
"""Event of one conversation -> state of its item."""


class RecordedList(msgspec.Struct, frozen=True, kw_only=True):
    """A list as its steps say, and the place of its newest step."""

    tenant: str
    position: int
    entry: UUID
    first: int
    """Position of its first step."""
    drawn: DrawnList | None
    """None for a list of before it was on the record."""
    conversations: int
    state: State = "drawn"
    drawn_by: str
    drawn_at: datetime
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    approved_by: str | None = None
    approved_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_at: datetime | None = None
    begun_at: datetime | None = None
    ended_at: datetime | None = None
    last_approval: datetime | None = None
    """Latest time that the entry of the approval has, in its column or in its id."""
    first_begin: datetime | None = None
    """Earliest time that the entry of the begin has, in its column or in its id."""
    destroyed: int | None = None
    """Number that was destroyed, once it ended."""
    spared: int = 0

    @property
    def destroyed_from(self) -> datetime | None:
        """First moment at which something on it may be destroyed; None without an approval."""
        waiting = timedelta(seconds=self.drawn.waiting_seconds if self.drawn else 0)
        return self.last_approval + waiting if self.last_approval else None

    def finding(self, sentence: str) -> Finding:
        return Finding(WHAT, sentence, self.position, str(self.entry))


class RecordedLists(msgspec.Struct):
    """The lists on the record, and the municipalities of which steps were destroyed."""

    lists: dict[str, RecordedList] = {}
    destroyed: set[str] = set()
    unknown: int = 0
    """Rows of lists whose steps were destroyed."""
    given: int = 0
    """Conversations whose term may have begun on another day than their closing, by a record that
    is destroyed with them."""

    def add(self, row: Mapping[str, Any], step: ListEvent) -> None:
        """Add the next step, in the order of the log."""
        known = self.lists.get(step.list)
        if step.event == "drawn" and known is None:
            known = RecordedList(
                tenant=row["tenant"],
                position=row["position"],
                entry=row["id"],
                first=row["position"],
                drawn=step.drawn,
                conversations=step.conversations or 0,
                drawn_by=step.by,
                drawn_at=row["at"],
            )
        elif known is not None:
            place = {"position": row["position"], "entry": row["id"]}
            known = msgspec.structs.replace(known, **place | _changes(known, row, step))
        if known is not None:
            self.lists[step.list] = known


def earliest_time(row: Mapping[str, Any]) -> datetime:
    """Return the earlier one of the two times of an entry: both are in its leaf."""
    at: datetime = row["at"]
    return min(at, created_at(row["id"]))


def _changes(known: RecordedList, row: Mapping[str, Any], step: ListEvent) -> dict[str, Any]:
    """Return what a step changes; nothing for what the deliverer did elsewhere."""
    if step.event in SPARED:
        return {"spared": known.spared + 1}
    at, by = row["at"], step.by
    approval, begin = max(at, created_at(row["id"])), earliest_time(row)
    approved = {"approved_by": by, "approved_at": at, "last_approval": approval}
    changes: dict[str, dict[str, Any]] = {
        "returned": {"state": "drawn", "reviewed_by": None, "reviewed_at": None},
        "reviewed": {"state": "reviewed", "reviewed_by": by, "reviewed_at": at},
        "approved": {"state": "approved", **approved},
        "withdrawn": {"state": "withdrawn", "withdrawn_by": by, "withdrawn_at": at},
        "begun": {"state": "destroying", "begun_at": at, "first_begin": begin},
        "destroyed": {"state": "destroyed", "ended_at": at, "destroyed": step.conversations},
    }
    return changes.get(step.event, {})
