"""Openings of a conversation: what one employee was already shown within one. In memory.

A page that draws itself again fetches the same messages again. Within one opening only what was
not shown before is a view. Forgetting an opening costs a view more, never one less.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from archiver.api.viewer import Row, Viewer

LIFETIME_SECONDS = 3600.0
"""Time after which an opening ends: content that is on a screen for longer is viewed again."""
MAX_OPENINGS = 5000
"""Openings that are remembered: an hour of 100 employees who open one each minute."""
MAX_ENTRIES = 200_000
"""Entries that are remembered over all openings, some 30 MB."""


class OpeningKey(NamedTuple):
    """One opening by one employee with one token, for one reason and one kind of view."""

    tenant: str
    token: str
    employee: str
    reason: str
    opening: str
    kind: str


class _Opening(NamedTuple):
    ends_at: float
    shown: set[UUID]


class Openings:
    def __init__(self) -> None:
        self._openings: dict[OpeningKey, _Opening] = {}
        self._entries = 0

    def shown(self, key: OpeningKey, now: float) -> frozenset[UUID]:
        """Return the entries that are on the record as shown in this opening."""
        known = self._openings.get(key)
        return frozenset(known.shown) if known and now < known.ends_at else frozenset()

    def note(self, key: OpeningKey, entries: Iterable[UUID], now: float) -> None:
        """Note that a view of these entries is on the record."""
        known = self._openings.get(key)
        if known is None or now >= known.ends_at:
            self._forget(key)
            known = self._openings[key] = _Opening(now + LIFETIME_SECONDS, set())
        before = len(known.shown)
        known.shown.update(entries)
        self._entries += len(known.shown) - before
        while len(self._openings) > MAX_OPENINGS or self._entries > MAX_ENTRIES:
            self._forget(next(iter(self._openings)))  # the one that began first

    def _forget(self, key: OpeningKey) -> None:
        if known := self._openings.pop(key, None):
            self._entries -= len(known.shown)


def opening_key(viewer: Viewer, kind: str) -> OpeningKey:
    rights = viewer.rights
    return OpeningKey(
        rights.tenant, rights.name, viewer.employee, viewer.reason, viewer.opening, kind
    )


def entries_of(row: Row, beside: Sequence[Row]) -> frozenset[UUID]:
    """Return the entries of a row: its own, and those of `beside` that are about its message."""
    message = row["message"]
    about = (each["id"] for each in beside if message and each["message"] == message)
    return frozenset((row["id"], *about))
