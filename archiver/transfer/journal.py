"""A journal: a file of lines beside what is being written, so that work that was killed goes on.

A line is there and whole, or not there: one that was not written whole is cut off.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

NEW = ".new"
"""Ending of a journal of which the first line is not there yet."""
T = TypeVar("T")


class Journal(Generic[T]):
    """A journal of lines of one type."""

    def __init__(self, path: Path, type: type[T]) -> None:
        self._path, self._type = path, type

    def resume(self) -> list[T]:
        """Return its lines, without one that is torn, which is cut off; none if there is none."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        whole, newline, torn = content.rpartition(b"\n")
        if torn:
            os.truncate(self._path, len(whole) + len(newline))
        return [msgspec.json.decode(raw, type=self._type) for raw in whole.splitlines()]

    def begin(self, first: T) -> None:
        new = self._path.with_name(self._path.name + NEW)
        _write_lines(new, [first], "wb")
        new.rename(self._path)

    def append(self, lines: Sequence[T]) -> None:
        _write_lines(self._path, lines, "ab")

    def read(self) -> Iterator[T]:
        """Yield its lines one by one: there may be many."""
        with self._path.open("rb") as file:
            for raw in file:
                yield msgspec.json.decode(raw, type=self._type)

    def remove(self) -> None:
        self._path.unlink()


def _write_lines(path: Path, lines: Sequence[object], mode: str) -> None:
    content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    with path.open(mode) as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
