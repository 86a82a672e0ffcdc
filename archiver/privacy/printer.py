"""Printing of reports and declarations, as a program of its own: `print_apart` runs it."""

import sys
from collections.abc import Callable

import msgspec

from archiver.destruction.declaration import read_declaration
from archiver.destruction.declaration_pages import declaration_pdf
from archiver.subject_access.pdf.render import pdf
from archiver.subject_access.report import Report, encode_report
from services.printing.printer_process import print_apart, print_standard_input

MODULE = "archiver.privacy.printer"


async def print_report(report: Report) -> bytes:
    """Return the PDF of a report. Raises Unprintable."""
    return await print_apart(MODULE, ["report"], encode_report(report))


async def print_declaration(document: str, entry: str) -> bytes:
    """Return the PDF of a declaration, which names its entry of the log. Raises Unprintable."""
    return await print_apart(MODULE, ["declaration", entry], document.encode())


def main(what: str, *more: str) -> int:
    """Print what is on standard input. Return the exit code."""
    return print_standard_input(lambda text: PRINTERS[what](text, *more))


def _report_pdf(text: bytes) -> bytes:
    return pdf(msgspec.json.decode(text, type=Report))


def _declaration_pdf(text: bytes, entry: str) -> bytes:
    return declaration_pdf(read_declaration(text.decode()), entry)


PRINTERS: dict[str, Callable[..., bytes]] = {
    "report": _report_pdf,
    "declaration": _declaration_pdf,
}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
