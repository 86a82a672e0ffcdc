"""The selection list of 2020: each result with its valuation, its term and the begin of it. Pure.

`selection_list_2020.toml` is the list, with its source.
"""

from hashlib import sha256
from typing import Literal

import msgspec

from services.package_data import load_table
from services.retention.term import Term, parse_term

Begin = Literal["", "object", "estimate", "date", "stated"]
"""Begin of a term; '' is the end of the process, which is the closing of a conversation."""
PERMANENT = "permanent"


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: str
    name: str
    about: str = ""
    begins: Begin = ""
    note: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    source: str
    begins: dict[Begin, str]
    processes: dict[str, str]
    results: dict[str, _Line]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Result of a process, by which records are kept."""

    code: str
    """Its number, such as 6.1.3."""
    title: str
    """Process, result and what it is about, in the words of the list."""
    keep: str
    """Duration, as P1Y, or PERMANENT."""
    term: Term | None
    """None for what is kept for ever."""
    begins: Begin
    note: str
    """Words of the list about the day on which the term begins."""


_FILE = load_table("services.retention", "selection_list_2020.toml", _File)


def _result(code: str, line: _Line) -> Result:
    process = _FILE.processes[code.split(".")[0]]
    title = f"{process}: {line.name}" + (f", {line.about}" if line.about else "")
    term = None if line.keep == PERMANENT else parse_term(line.keep)
    return Result(
        code=code, title=title, keep=line.keep, term=term, begins=line.begins, note=line.note
    )


NAME, SOURCE = _FILE.name, _FILE.source
BEGINS = _FILE.begins
"""Begin of a term -> when that is."""
RESULTS = {code: _result(code, line) for code, line in _FILE.results.items()}
"""Code -> result."""
DIGEST = sha256(msgspec.json.encode(_FILE)).digest()
"""Changes with the list."""
