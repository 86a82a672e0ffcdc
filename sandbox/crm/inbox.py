"""Events that the CRM stand-in received: a bounded memory that detects repeats and disorder."""

from collections import OrderedDict, deque
from itertools import islice
from typing import Any

import msgspec

from sandbox.crm.event_validation import Event

EVENTS_KEPT = 20_000
"""Whole events, about 1 KiB each; the oldest are dropped first."""
IDS_KEPT = 500_000
"""Ids remembered to detect repeats, about 150 bytes each: more than a fault test sends."""
CONVERSATIONS_KEPT = 100_000
"""Conversations whose last sequence is remembered; the longest silent are forgotten first."""
CARE_ALARM = "nl.postkamer.care-alarm.v1"
"""Alarm that takes its own route, to a duty officer, so its sequence has no order with the events
of a department."""
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
        self._arrivals: deque[Arrival] = deque(maxlen=EVENTS_KEPT)
        self._ids: OrderedDict[str, int] = OrderedDict()
        self._sequences: OrderedDict[str, int] = OrderedDict()
        self._violations: list[Violation] = []
        self._count = self._distinct = self._repeats = self._changed = self._disorder = 0

    def add(self, event: Event) -> bool:
        """Store an arrival; return True if it is the first with its id."""
        self._count += 1
        content = hash(event.raw)
        previous_hash = self._ids.get(event.id)
        if previous_hash is None:
            self._distinct += 1
            self._remember(self._ids, event.id, content, IDS_KEPT)
            self._check_order(event)
        else:
            self._repeats += 1
            self._changed += previous_hash != content
        self._arrivals.append(
            Arrival(
                n=self._count,
                id=event.id,
                type=event.type,
                sequence=event.sequence,
                conversation_id=event.conversation,
                first=previous_hash is None,
                event=msgspec.Raw(event.raw),
            )
        )
        return previous_hash is None

    def after(self, n: int, limit: int) -> list[Arrival]:
        """Return up to `most` arrivals after the n-th, oldest first."""
        oldest = self._count - len(self._arrivals)
        start = max(n - oldest, 0)
        return list(islice(self._arrivals, start, start + limit))

    def latest(self, limit: int) -> list[Arrival]:
        """Return the last `most` arrivals, oldest first."""
        return self.after(self._count - limit, limit)

    def summary(self) -> dict[str, Any]:
        return {
            "count": self._count,
            "distinct": self._distinct,
            "repeats": self._repeats,
            "changed": self._changed,
            "orderViolations": self._disorder,
            "violations": self._violations,
            "idsForgotten": self._distinct - len(self._ids),
            "eventsDropped": self._count - len(self._arrivals),
        }

    def _check_order(self, event: Event) -> None:
        if event.sequence < 0 or event.type == CARE_ALARM:
            return
        last = self._sequences.get(event.conversation, -1)
        if event.sequence <= last:
            self._disorder += 1
            if len(self._violations) < VIOLATIONS_KEPT:
                violation = Violation(event.conversation, last, event.sequence, event.id)
                self._violations.append(violation)
        highest = max(last, event.sequence)
        self._remember(self._sequences, event.conversation, highest, CONVERSATIONS_KEPT)

    @staticmethod
    def _remember(entries: "OrderedDict[str, int]", key: str, value: int, limit: int) -> None:
        entries[key] = value
        entries.move_to_end(key)
        if len(entries) > limit:
            entries.popitem(last=False)
