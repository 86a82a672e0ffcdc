"""A municipality's own messages, each with the department that it belongs to, read from CSV. Pure.

A fault has a sentence that may be logged. The cell it is about may be a citizen's text, where
columns changed places: it is kept apart, for the terminal of whoever wrote the table.
"""

import csv
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from router.rules.municipal_rules import rules_of
from router.rules.weak_signs import POSSIBLE_DANGER
from services.config.model import Configuration
from services.toml.suggestions import did_you_mean
from services.whatsapp.limits import BODY

BYTES = 1024 * 1024
"""Largest size of a table: 5,000 messages of 200 characters. A ConfigMap of Kubernetes, in which a
configuration may come, holds no more."""
ROWS = 5000
"""Most messages of a table: a person writes no more, and by the rules of the example they take 7 s
of a core at each reload."""
DELIMITERS = ";,"
"""Signs between two cells: Excel writes a semicolon where the decimal sign is a comma."""
COLUMNS = {
    "text": "text", "tekst": "text", "department": "department", "afdeling": "department",
    "labels": "labels", "note": "note", "opmerking": "note",
}  # fmt: skip
"""Name in the first line -> column. A note is for people."""
NEEDED = "text", "department"
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""Line of a file, with its end. Other separators of Unicode belong to the text."""
SHOWN = 40
"""Most characters of a cell that a fault shows."""

ENCODING = "is not in UTF-8: save it in Excel as CSV UTF-8"
HEADER = "begins with another line than text;department;labels (the labels may be left out)"
NO_ROWS = "has no messages"
QUOTE = "a quote in this row is not closed, or more follows it before the next {}"
WIDTH = "has more cells than the first line: put quotes around a text with a {}"


class TableRow(msgspec.Struct, frozen=True):
    """A message with the department and the labels that it should get. `line` is where it begins in
    the file."""

    line: int
    text: str
    department: str
    labels: frozenset[str] = frozenset()


class MessageTable(msgspec.Struct, frozen=True):
    """Messages in the order of the file. `labels` are those that any row names: of no other label
    the table says where it belongs. None: it has no such column."""

    rows: tuple[TableRow, ...]
    labels: frozenset[str] | None = None


class RowFault(msgspec.Struct, frozen=True, order=True):
    """A fault of a table. Line 0 is the table as a whole."""

    line: int
    column: str
    what: str
    cell: str = ""

    def quoting(self) -> str:
        """Return the sentence with the cell that it is about."""
        cell = self.cell if len(self.cell) <= SHOWN else f"{self.cell[: SHOWN - 1]}…"
        return f"{cell!r}: {self.what}" if cell else self.what


class TableError(ValueError):
    """All faults of one table."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        self.faults = sorted(faults)
        super().__init__(f"{len(faults)} faults")


class KnownNames(msgspec.Struct, frozen=True):
    """Departments and labels that a table may name. `departments` has the own department for each
    name that rules may use."""

    departments: Mapping[str, str]
    labels: frozenset[str]


class _Columns(msgspec.Struct, frozen=True):
    """Columns in the order of a table, and the sign between them."""

    names: tuple[str, ...]
    delimiter: str

    def cells(self, row: Sequence[str]) -> dict[str, str]:
        """Return the cells of a row by their column; '' where it is too short."""
        return dict.fromkeys(self.names, "") | dict(zip(self.names, row, strict=False))


def known_names(config: Configuration, tenant: str) -> KnownNames:
    """Return the departments of a municipality, and the labels of its rules and weak signs."""
    labels = {label for _, rule in rules_of(config, tenant) for label in rule.tag}
    if (town := config.tenant(tenant)) and town.care.weak_signs == "mark":
        labels.add(POSSIBLE_DANGER)
    return KnownNames(config.own_departments(tenant), frozenset(labels))


def parse_table(content: bytes, known: KnownNames) -> MessageTable:
    """Return the table in a file; TableError with every fault of it."""
    if len(content) > BYTES:
        raise TableError([RowFault(0, "file", f"is over {BYTES} bytes")])
    try:
        lines = LINE.findall(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise TableError([RowFault(0, "file", ENCODING)]) from None
    columns = _read_columns(lines[0] if lines else "")
    rows: list[TableRow] = []
    faults: list[RowFault] = []
    for line, cells in _read_rows(lines, columns.delimiter):
        row, row_faults = _read_row(line, cells, columns, known)
        rows += [row] if row else []
        faults += row_faults
    if not rows and not faults:
        faults.append(RowFault(0, "file", NO_ROWS))
    if len(rows) > ROWS:
        faults.append(RowFault(0, "file", f"has {len(rows)} messages, at most {ROWS}"))
    if faults:
        raise TableError(faults)
    labels = frozenset(label for row in rows for label in row.labels)
    return MessageTable(tuple(rows), labels if "labels" in columns.names else None)


def _read_columns(first: str) -> _Columns:
    """Return the columns that the first line names; TableError for one that is unknown, stands
    there twice, or is missing."""
    for delimiter in DELIMITERS:
        given = [name.strip() for name in _split(first, delimiter)]
        names = tuple(COLUMNS.get(name.casefold(), "") for name in given)
        if set(NEEDED) & set(names):
            break
    else:
        raise TableError([RowFault(1, "columns", HEADER)])
    faults = [RowFault(1, name, "this column is missing") for name in NEEDED if name not in names]
    for place, name in enumerate(names):
        if not name and given[place]:
            what = f"there is no such column{did_you_mean(given[place], COLUMNS)}"
            faults.append(RowFault(1, "columns", what, given[place]))
        elif name and name in names[:place]:
            faults.append(RowFault(1, name, "this column stands here for the second time"))
    if faults:
        raise TableError(faults)
    return _Columns(names, delimiter)


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _read_rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str] | None]]:
    """Yield each row below the first line, with the line where it begins; None for one that cannot
    be split into cells."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    next(reader)
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield line, None


def _read_row(
    line: int, row: list[str] | None, columns: _Columns, known: KnownNames
) -> tuple[TableRow | None, list[RowFault]]:
    """Return the message in a row, or its faults. An empty row has neither."""
    if row is None:
        return None, [RowFault(line, "row", QUOTE.format(columns.delimiter))]
    if not any(map(str.strip, row)):
        return None, []
    if any(map(str.strip, row[len(columns.names) :])):
        return None, [RowFault(line, "row", WIDTH.format(columns.delimiter))]
    cells = columns.cells(row)
    department, labels = cells["department"].strip(), _split_labels(cells)
    faults = [*_text_faults(line, cells["text"])]
    faults += _name_faults(line, "department", [department], known.departments)
    faults += _name_faults(line, "labels", labels, known.labels)
    if faults:
        return None, faults
    own = known.departments[department]
    return TableRow(line, cells["text"], own, frozenset(labels)), []


def _split_labels(cells: Mapping[str, str]) -> list[str]:
    return re.split(r"[;\s]+", text) if (text := cells.get("labels", "").strip("; \t")) else []


def _text_faults(line: int, text: str) -> Iterator[RowFault]:
    if not text.strip():
        yield RowFault(line, "text", "is empty")
    elif len(text) > BODY:
        what = f"has {len(text)} characters; a message has at most {BODY}"
        yield RowFault(line, "text", what)


def _name_faults(
    line: int, column: str, names: Sequence[str], known: Collection[str]
) -> Iterator[RowFault]:
    noun = "label" if column == "labels" else column
    for name in names:
        if not name:
            yield RowFault(line, column, "is empty")
        elif name not in known:
            what = f"there is no such {noun}{did_you_mean(name, known)}"
            yield RowFault(line, column, what, name)
