"""Rights and tests, which only the first file has: a rollback keeps those of today. Pure."""

import re
from itertools import pairwise
from typing import Any

from services.config.model import FIRST_FILE_ALONE, RIGHTS
from services.toml.errors import ConfigFault, toml

HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)
IDENTITY = re.compile(rf"[ \t]*\[\[?[ \t]*(?:{'|'.join(FIRST_FILE_ALONE)})[ \t]*[].]")


class CannotKeep(Exception):
    """The tables cannot be kept; the message says why."""


def keep_identity_tables(restored: str, present: str | None, name: str) -> str:
    """Return the text of a first file with these tables of the present one. If that cannot be read,
    tests are those of the restored file, and rights are nobody's.

    Raises CannotKeep.
    """
    before = toml(restored, name)
    now = toml(present, name) if present is not None else {}
    if isinstance(before, ConfigFault):
        return restored  # a version that was in force cannot have it; loading says what is wrong
    if isinstance(now, ConfigFault):
        if any(table in before for table in RIGHTS):
            raise CannotKeep(f"{name} cannot be read, so its rights cannot be kept: {now}")
        return restored
    if _identity(before) == _identity(now):
        return restored
    sections = [part for part in _sections(present or "") if IDENTITY.match(part)]
    others = [part for part in _sections(restored) if not IDENTITY.match(part)]
    text = "\n".join([*(part.rstrip("\n") for part in others + sections), ""])
    if toml(text, name) != _without_identity(before) | _identity(now):
        listed = " and ".join(FIRST_FILE_ALONE)
        raise CannotKeep(f"{name}: write {listed} as tables of their own, [[...]], to keep them")
    return text


def kept_tables(before: str, restored: str) -> list[str]:
    """Return the tables of which a restored first file has not what it had before."""
    then, now = toml(before, ""), toml(restored, "")
    if isinstance(then, ConfigFault) or isinstance(now, ConfigFault):
        return []
    return [name for name in FIRST_FILE_ALONE if then.get(name) != now.get(name)]


def _sections(text: str) -> list[str]:
    """Split a file before each line that begins a table."""
    starts = [0, *(match.start() for match in HEADER.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


def _identity(tables: dict[str, Any]) -> dict[str, Any]:
    return {name: tables[name] for name in FIRST_FILE_ALONE if name in tables}


def _without_identity(tables: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tables.items() if name not in FIRST_FILE_ALONE}
