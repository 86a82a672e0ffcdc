"""The changes that this process heard of lately. By them a list that was just drawn is known to be
still so, and is not fetched again at once."""

from collections import deque
from collections.abc import Iterable
from uuid import UUID

from desk.inbox.changed import Changed

KEPT = 1_000
"""Changes that are kept: those of a minute at the busiest desk, where a page needs those of a
second."""


class Journal:
    def __init__(self, process: UUID) -> None:
        """`process` tells the marks of this process from those of others, which heard otherwise."""
        self._process, self._count = process.hex, 0
        self._heard: deque[Changed | None] = deque(maxlen=KEPT)

    def mark(self) -> str:
        """Return the place that the journal has reached. A page takes it before it reads."""
        return f"{self._process}-{self._count}"

    def note(self, news: Changed | None) -> None:
        """Note a change; None stands for changes that nobody heard of."""
        self._heard.append(news)
        self._count += 1

    def since(self, mark: str) -> Iterable[Changed | None]:
        """Return what changed since a mark. For a mark that is not known anything may have."""
        process, _, number = mark.rpartition("-")
        is_number = number.isascii() and number.isdecimal() and len(number) < len("1" + "0" * 18)
        count = self._count - int(number) if is_number else -1
        if process != self._process or not 0 <= count <= len(self._heard):
            return (None,)
        return list(self._heard)[len(self._heard) - count :]
