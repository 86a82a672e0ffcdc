"""What is wrong with a file that a person wrote: where, and a sentence. Pure."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from pydantic_core import ErrorDetails

Location = tuple[int | str, ...]
"""Where in a parsed file: `("rules", 2, "words")` is `words` of the third `[[rules]]`."""
FILES, TABLES = 32, 256
"""Remembered while faults are told one after the other: the lines of files, where tables begin in
them. A file of 2,000 rules may have as many."""


class Fault(msgspec.Struct, frozen=True, order=True):
    """One thing wrong with a file. `line` 0 is the file as a whole."""

    path: str
    line: int
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.where}: {self.what}"


def toml(text: str, path: str) -> dict[str, Any] | Fault:
    """What stands in a TOML file, or why that cannot be said."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not all of them are TOMLDecodeErrors
        line = re.search(r"line (\d+)", str(error))
        return Fault(path, int(line[1]) if line else 0, "file", f"is no TOML: {error}")


def fault(path: str, text: str, where: Location, what: str) -> Fault:
    return Fault(path, line_of(text, where), ".".join(map(str, where)) or "file", what)


def shape_faults(found: list[ErrorDetails]) -> Iterator[tuple[Location, str]]:
    """What a model found. A table is not also too short because what stands in it is wrong."""
    wrong = {each["loc"][:length] for each in found for length in range(len(each["loc"]))}
    for each in found:
        if not (each["type"] == "too_short" and each["loc"] in wrong):
            yield each["loc"], each["msg"]


def line_of(text: str, where: Location) -> int:
    """Line of a location in the text, counted from 1: its key, else its table, else 0."""
    lines = _lines(text)
    table, nth, *rest = (*where, "", "")[: max(len(where), 2)]
    name = re.escape(str(table))
    if not isinstance(nth, int):
        return _line_in_table(lines, name, str(nth))
    starts = _starts(text, name)
    if nth >= len(starts):
        return _line_in_table(lines, name, "")
    end = _first(lines, r"\s*\[\[\s*\w+\s*\]\]", starts[nth] + 1, len(lines)) or len(lines)
    return _line_within(lines, name, list(rest), starts[nth], end)


def _line_within(lines: Sequence[str], name: str, rest: list[Any], start: int, end: int) -> int:
    """In the entry between these lines: the key, in the table within it that is named, if any."""
    key = next((part for part in rest if isinstance(part, str)), "")
    if len(rest) > 1 and isinstance(rest[1], int):
        head = rf"\s*\[\[\s*{name}\.{re.escape(key)}\s*\]\]"
        inner = [n for n in range(start, end) if re.match(head, lines[n])]
        if rest[1] < len(inner):
            after = [*inner, end][rest[1] + 1]
            return _line_within(
                lines, rf"{name}\.{re.escape(key)}", rest[2:], inner[rest[1]], after
            )
    head = rf"\s*\[\s*{name}\.{re.escape(key)}\s*\]"
    if key and (head_line := _first(lines, head, start, end)):
        return _line_within(lines, rf"{name}\.{re.escape(key)}", rest[1:], head_line - 1, end)
    return _first(lines, rf"\s*{re.escape(key)}\s*=", start, end) or start + 1


@lru_cache(FILES)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n"))


@lru_cache(TABLES)
def _starts(text: str, name: str) -> tuple[int, ...]:
    """Where each entry of a table begins, counted from 0."""
    start = re.compile(rf"\s*\[\[\s*{name}\s*\]\]")
    return tuple(n for n, line in enumerate(_lines(text)) if start.match(line))


def _line_in_table(lines: Sequence[str], name: str, key: str) -> int:
    start = _first(lines, rf"\s*(\[?\[\s*{name}\s*[\].]|{name}\s*[=.])", 0, len(lines)) or 0
    if not (start and key):
        return start
    end = _first(lines, r"\s*\[\[?\s*\w", start, len(lines)) or len(lines)
    return _first(lines, rf"\s*{re.escape(key)}\s*=", start, end) or start


def _first(lines: Sequence[str], pattern: str, start: int, end: int) -> int | None:
    """Number, counted from 1, of the first line that matches."""
    return next((n + 1 for n in range(start, end) if re.match(pattern, lines[n])), None)
