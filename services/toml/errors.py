"""What is wrong with a file that a person wrote: where, and a sentence. Pure."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import msgspec
from pydantic_core import ErrorDetails

Location = tuple[int | str, ...]
"""Where in a parsed file: `("rules", 2, "words")` is `words` of the third `[[rules]]`."""
FILES = 32
"""Files whose lines are remembered, as a file of 2,000 rules may have as many faults."""
_NAME = r"(?P<name>[\w-]+(?:\s*\.\s*[\w-]+)*)"
HEAD = re.compile(rf"\s*\[(?P<array>\[)?\s*{_NAME}\s*\]")
KEY = re.compile(rf"\s*{_NAME}\s*=")


class ConfigFault(msgspec.Struct, frozen=True, order=True):
    """One thing wrong with a file. `line` 0 is the file as a whole."""

    path: str
    line: int
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.where}: {self.what}"


def toml(text: str, path: str) -> dict[str, Any] | ConfigFault:
    """What stands in a TOML file, or why that cannot be said."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not all of them are TOMLDecodeErrors
        line = re.search(r"line (\d+)", str(error))
        return ConfigFault(path, int(line[1]) if line else 0, "file", f"is no TOML: {error}")


def fault(path: str, text: str, where: Location, what: str) -> ConfigFault:
    return ConfigFault(path, line_of(text, where), ".".join(map(str, where)) or "file", what)


def shape_faults(found: list[ErrorDetails]) -> Iterator[tuple[Location, str]]:
    """What a model found. A table is not also too short because what stands in it is wrong."""
    wrong = {each["loc"][:length] for each in found for length in range(len(each["loc"]))}
    for each in found:
        if not (each["type"] == "too_short" and each["loc"] in wrong):
            yield each["loc"], each["msg"]


def line_of(text: str, where: Location) -> int:
    """Line of a location in the text, counted from 1: its key, else the nearest table around it,
    else 0."""
    lines = _lines(text)
    prefixes = (where[:length] for length in range(len(where), 0, -1))
    return next((lines[prefix] for prefix in prefixes if prefix in lines), 0)


@lru_cache(FILES)
def _lines(text: str) -> dict[Location, int]:
    """Line of each table and of each key that begins a line."""
    lines: dict[Location, int] = {}
    entries = Counter[Location]()
    table: Location = ()
    for number, line in enumerate(text.split("\n"), 1):
        if head := HEAD.match(line):
            table = _location(head["name"], (), entries)
            if head["array"]:
                entries[table] += 1
                lines.setdefault(table, number)
                table = (*table, entries[table] - 1)
            _note(lines, table, number)
        elif key := KEY.match(line):
            _note(lines, _location(key["name"], table, entries), number)
    return lines


def _location(name: str, table: Location, entries: Mapping[Location, int]) -> Location:
    """Location of a dotted name: of an array of tables that is named, its newest entry."""
    for part in name.split("."):
        if entries.get(table):
            table = (*table, entries[table] - 1)
        table = (*table, part.strip())
    return table


def _note(lines: dict[Location, int], where: Location, number: int) -> None:
    """Note the line of a location, and of the tables around it that have none of their own."""
    for length in range(1, len(where) + 1):
        lines.setdefault(where[:length], number)
