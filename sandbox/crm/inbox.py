"""Events that the CRM stand-in received: a bounded memory that detects repeats and disorder."""

from collections import OrderedDict
from typing import Any

import msgspec

from sandbox.crm.event_validation import Event
from sandbox.memory import Ring, remember
from services.event_types import CARE_ALARM, DESTINATION_STATE_CHANGED

UNORDERED = (CARE_ALARM, DESTINATION_STATE_CHANGED)
"""Types whose sequence is not that of their conversation."""
EVENTS_KEPT = 20_000
"""Whole events, about 1 KiB each; the oldest are dropped first."""
IDS_KEPT = 500_000
"""Ids remembered to detect repeats, about 150 bytes each: more than a fault test sends."""
CONVERSATIONS_KEPT = 100_000
"""Conversations whose last sequence is remembered; the longest silent are forgotten first."""
VIOLATIONS_KEPT = 100
"""Violations kept in full; further ones are only counted."""


class Arrival(msgspec.Struct, frozen=True, rename="camel"):
    """One received event; `n` counts arrivals from 1."""

    n: int
    id: str
    type: str
    sequence: int
    conversation_id: str
    first: bool
    event: msgspec.Raw


class Violation(msgspec.Struct, frozen=True, rename="camel"):
    """An event that first arrived after one with the same or a higher sequence."""

    conversation_id: str
    after: int
    sequence: int
    id: str


class Inbox:
    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._arrivals: Ring[Arrival] = Ring(EVENTS_KEPT)
        self._ids: OrderedDict[str, int] = OrderedDict()
        self._sequences: OrderedDict[str, int] = OrderedDict()
        self._violations: list[Violation] = []
        self._distinct = self._changed = self._disorder = 0

    def add(self, event: Event) -> bool:
        """Store an arrival; return True if it is the first with its id."""
        content, known = hash(event.raw), self._ids.get(event.id)
        if known is None:
            self._distinct += 1
            remember(self._ids, event.id, content, IDS_KEPT)
            self._check_order(event)
        else:
            self._changed += known != content
        self._arrivals.add(
            Arrival(
                n=self._arrivals.count + 1,
                id=event.id,
                type=event.type,
                sequence=event.sequence,
                conversation_id=event.conversation,
                first=known is None,
                event=msgspec.Raw(event.raw),
            )
        )
        return known is None

    def after(self, n: int, limit: int) -> list[Arrival]:
        """Return up to `limit` arrivals after the n-th, oldest first."""
        return self._arrivals.after(n, limit)

    def latest(self, limit: int) -> list[Arrival]:
        """Return the last `limit` arrivals, oldest first."""
        return self.after(self._arrivals.count - limit, limit)

    def summary(self) -> dict[str, Any]:
        return {
            "count": self._arrivals.count,
            "distinct": self._distinct,
            "repeats": self._arrivals.count - self._distinct,
            "changed": self._changed,
            "orderViolations": self._disorder,
            "violations": self._violations,
            "idsForgotten": self._distinct - len(self._ids),
            "eventsDropped": self._arrivals.dropped,
        }

    def _check_order(self, event: Event) -> None:
        if event.sequence < 0 or event.type in UNORDERED:
            return
        last = self._sequences.get(event.conversation, -1)
        if event.sequence <= last:
            self._disorder += 1
            if len(self._violations) < VIOLATIONS_KEPT:
                violation = Violation(event.conversation, last, event.sequence, event.id)
                self._violations.append(violation)
        highest = max(last, event.sequence)
        remember(self._sequences, event.conversation, highest, CONVERSATIONS_KEPT)
