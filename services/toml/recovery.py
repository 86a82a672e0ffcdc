"""A TOML file that a person slipped in: every slip, and what stands in the rest of it. Pure."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from services.toml.errors import Fault, toml

HEAD = re.compile(r"^[ \t]*\[\[?[ \t]*[\w-]+[ \t]*\]", re.MULTILINE)
"""Opens an entry of a table; what stands within one, `[[menus.options]]`, belongs to it."""


def salvaged(text: str, path: str) -> tuple[str, dict[str, Any], list[Fault]]:
    """The text without the entries that cannot be read, on the same lines, and what stands in it.
    Nothing of it where that cannot be said."""
    given = toml(text, path)
    if not isinstance(given, Fault):
        return text, given, []
    kept, faults = "", list[Fault]()
    for entry in _entries(text):
        if isinstance(toml(entry, path), Fault):
            # Once more, so that it is told by the line of the file.
            faults.append(_slip("\n" * kept.count("\n") + entry, path))
            entry = "\n" * entry.count("\n")
        kept += entry
    rest = toml(kept, path)
    if not faults or isinstance(rest, Fault):
        return "", {}, [given]
    return kept, rest, faults


def _slip(text: str, path: str) -> Fault:
    found = toml(text, path)
    assert isinstance(found, Fault)
    return found


def _entries(text: str) -> Iterator[str]:
    places = [0, *(head.start() for head in HEAD.finditer(text)), len(text)]
    return (text[start:end] for start, end in pairwise(places))
