"""The report of a month as a file for a spreadsheet: a row for each figure. Pure."""

from collections.abc import Iterable, Iterator

from router.month_report.contents import NO_COUNT, Report

BEGINNING = "\ufeff"
"""Byte order mark, by which a spreadsheet reads the file as UTF-8."""
HEADER = ("maand", "onderdeel", "wat", "maat", "waarde")
KEY_FIGURES = "Kerncijfers"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters with which a spreadsheet begins a formula."""


def report_csv(report: Report) -> bytes:
    """Return the file (RFC 4180). The same report gives the same bytes."""
    lines = [_line(HEADER), *(_line((report.month, *row)) for row in _rows(report))]
    return (BEGINNING + "".join(lines)).encode()


def _rows(report: Report) -> Iterator[tuple[str, str, str, str]]:
    for each in report.key_figures:
        yield KEY_FIGURES, each.name, each.about, each.value
    for table in report.tables:
        for name, *cells in table.rows:
            for column, cell in zip(table.columns[1:], cells, strict=True):
                yield table.title, name, column.name.replace("-\n", ""), cell


def _line(cells: Iterable[str]) -> str:
    return ";".join(map(_cell, cells)) + "\r\n"


def _cell(text: str) -> str:
    """Return a cell: a number as it is, nothing for no count, and all else between quotes."""
    if text == NO_COUNT:
        return ""
    if (digits := text.replace(".", "")).isdecimal():
        return digits
    safe = f"'{text}" if text.startswith(FORMULA) else text
    return '"' + safe.replace('"', '""') + '"'
