"""Faults of a TOML file that a person wrote: a location and a sentence. Pure."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, get_args, get_origin

import msgspec
from pydantic_core import ErrorDetails

from services.toml.syntax_faults import (
    AT_END,
    OPEN_TEXT,
    describe_syntax,
    find_open_text,
    find_setting,
)
from services.toml.unclosed import find_unclosed_list

Location = tuple[int | str, ...]
"""Location in a parsed file: `("rules", 2, "words")` is `words` of the third `[[rules]]`."""
FILES = 32
"""Files whose lines are cached: a file of 2,000 rules may have as many faults, each with a line."""
_NAME = r"(?P<name>[\w-]+(?:\s*\.\s*[\w-]+)*)"
HEAD = re.compile(rf"\s*\[(?P<array>\[)?\s*{_NAME}\s*\]")
KEY = re.compile(rf"\s*{_NAME}\s*=")


class ConfigFault(msgspec.Struct, frozen=True, order=True):
    """One fault of a file. `line` 0 is the file as a whole."""

    path: str
    line: int
    where: str
    what: str
    place: str = ""
    """The location in words, such as `rule afval: department`; '' if it is `where`."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.place or self.where}: {self.what}"


def toml(text: str, path: str) -> dict[str, Any] | ConfigFault:
    """Parse a TOML file, or return the reason that it cannot be parsed."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not all of them are TOMLDecodeErrors
        return _syntax_fault(text, path, str(error))


def _syntax_fault(text: str, path: str, error: str) -> ConfigFault:
    """Return the fault that the parser reports, or the unclosed list that caused it."""
    match = re.search(r"\(at line (\d+)", error)
    line = int(match[1]) if match else 0
    at_end = error.endswith(AT_END)
    unclosed = find_unclosed_list(text) if line or at_end else None
    # An error before the list, or after the setting that follows it, has another cause.
    if unclosed and (at_end or unclosed.opens <= line <= (unclosed.before or line)):
        return ConfigFault(path, unclosed.opens, unclosed.setting, str(unclosed))
    what = describe_syntax(text, error)
    if at_end and (opens := find_open_text(text, error)):
        line, what = opens, OPEN_TEXT
    return ConfigFault(path, line, "file", what, find_setting(text.split("\n"), line))


def fault(path: str, text: str, where: Location, what: str) -> ConfigFault:
    return ConfigFault(path, line_of(text, where), ".".join(map(str, where)) or "file", what)


def shape_faults(errors: list[ErrorDetails]) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each error of a model.

    pydantic counts only the valid entries of a table. A table that is too short for that reason is
    not reported, only its invalid entries are.
    """
    faulty = {error["loc"][:length] for error in errors for length in range(len(error["loc"]))}
    for error in errors:
        if not (error["type"] == "too_short" and error["loc"] in faulty):
            yield error["loc"], error["msg"]


def setting_names(kind: Any, where: Location) -> Iterator[str]:
    """Yield the names of the settings that may be in a table.

    `kind` is the type of the whole file: a model, or an annotation with models in it.
    """
    fields = getattr(kind, "model_fields", None)
    if fields is None:
        rest = where[1:] if get_origin(kind) is tuple else where
        for part in get_args(kind):
            yield from setting_names(part, rest)
        return
    for name, field in fields.items():
        if not where:
            yield field.alias or name
        elif where[0] == (field.alias or name):
            yield from setting_names(field.annotation, where[1:])


def line_of(text: str, where: Location) -> int:
    """Return the line of a location in the text, counted from 1: the line of its key, else of the
    nearest table around it, else 0."""
    lines = _lines(text)
    prefixes = (where[:length] for length in range(len(where), 0, -1))
    return next((lines[prefix] for prefix in prefixes if prefix in lines), 0)


@lru_cache(FILES)
def _lines(text: str) -> dict[Location, int]:
    """Return the line of each table and of each key that begins a line."""
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
            _store_line(lines, table, number)
        elif key := KEY.match(line):
            _store_line(lines, _location(key["name"], table, entries), number)
    return lines


def _location(name: str, table: Location, entries: Mapping[Location, int]) -> Location:
    """Return the location of a dotted name; the name of an array of tables means its last entry."""
    for part in name.split("."):
        if entries.get(table):
            table = (*table, entries[table] - 1)
        table = (*table, part.strip())
    return table


def _store_line(lines: dict[Location, int], where: Location, number: int) -> None:
    """Store the line of a location, and of the tables around it that have no line yet."""
    for length in range(1, len(where) + 1):
        lines.setdefault(where[:length], number)
