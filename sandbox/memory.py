"""Bounded memories: the oldest entries make room for new ones."""

from collections import OrderedDict, deque
from itertools import islice
from typing import Generic, TypeVar

Key = TypeVar("Key")
Entry = TypeVar("Entry")


class Ring(Generic[Entry]):
    """The newest `size` entries; `count` numbers all entries from 1."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self.count = 0

    @property
    def dropped(self) -> int:
        return self.count - len(self._entries)

    def add(self, entry: Entry) -> None:
        self.count += 1
        self._entries.append(entry)

    def after(self, n: int, limit: int) -> list[Entry]:
        """Return up to `limit` entries after the n-th, oldest first."""
        start = max(n - self.dropped, 0)
        return list(islice(self._entries, start, start + limit))


def remember(entries: "OrderedDict[Key, Entry]", key: Key, value: Entry, limit: int) -> None:
    """Set the value; forget the key that was set longest ago if there are more than `limit`."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > limit:
        entries.popitem(last=False)
