"""Progress of an erasure that was granted: the lists of the request, and what became of each
conversation. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

ListState = Literal["drawn", "reviewed", "approved", "destroying", "destroyed", "withdrawn"]
KeptState = Literal["taken_out", "put_off", "held", "open"]
KEPT: tuple[KeptState, ...] = ("taken_out", "put_off", "held", "open")
"""States of conversations that were on a list and were not destroyed with it."""


class Erasure(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """State of an erasure."""

    list: str | None = None
    """Newest list of the request; None until one is drawn."""
    state: ListState | None = None
    """State of that list."""
    destroyed_from: datetime | None = None
    """First moment at which something on it may be destroyed; None until it is approved."""
    destroyed_at: datetime | None = None
    """Moment at which the last of what is gone was destroyed."""
    destroyed: int = 0
    """Number of conversations that are gone."""
    kept: dict[KeptState, int] = {}
    """Number of conversations that were kept, by what kept them."""
    waiting: int = 0
    """Number of conversations that are on no list, or on one that was not carried out yet."""


def sum_up(newest: Any, items: Iterable[Any], conversations: int) -> Erasure:
    """Return the state of an erasure of some number of conversations."""
    items = list(items)
    states = Counter(each["state"] for each in items)
    gone = [each["changed_at"] for each in items if each["state"] == "destroyed"]
    kept = {each: states[each] for each in KEPT if states[each]}
    return Erasure(
        list=newest["id"] if newest else None,
        state=newest["state"] if newest else None,
        destroyed_from=newest["destroyed_from"] if newest else None,
        destroyed_at=max(gone, default=None),
        destroyed=len(gone),
        kept=kept,
        waiting=conversations - len(gone) - sum(kept.values()),
    )
