"""The inventory of a disclosure: each document, its decision and the grounds of that.

It is handed over too, so that it names nobody.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date

import msgspec

from archiver.disclosure import phrases
from archiver.disclosure.disclosure import Disclosure, Document
from archiver.disclosure.grounds import GROUNDS
from archiver.disclosure.spreadsheet import write_sheet

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a cell that a spreadsheet takes for a formula."""


class Line(msgspec.Struct, frozen=True):
    """A document in the inventory. `begun_on` is None for one that was destroyed."""

    document: Document
    begun_on: date | None = None
    department: str = ""
    files: tuple[str, ...] = ()


def inventory_rows(found: Disclosure, lines: Iterable[Line]) -> list[Sequence[str]]:
    """Return the heading and a row for each document."""
    return [phrases.COLUMNS, *(_row(found, line) for line in lines)]


def _row(found: Disclosure, line: Line) -> Sequence[str]:
    decision = line.document.decision
    decided = phrases.DECISIONS[found.kind][decision] if decision else phrases.UNDECIDED
    grounds = [each for each in GROUNDS.values() if each.code in line.document.grounds]
    return (
        str(line.document.number),
        line.begun_on.isoformat() if line.begun_on else phrases.DESTROYED,
        phrases.CONVERSATION,
        line.department,
        decided,
        "; ".join(f"{each.article} ({each.words})" for each in grounds),
        " ".join(line.files),
    )


def write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    """Return the rows as CSV (RFC 4180), with the mark by which a spreadsheet knows UTF-8."""
    output = io.StringIO()
    csv.writer(output).writerows([_as_text(cell) for cell in row] for row in rows)
    return f"\ufeff{output.getvalue()}".encode()


def _as_text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def write_ods(rows: Iterable[Sequence[str]]) -> bytes:
    return write_sheet(phrases.SHEET, rows)
