"""Printing in a process of its own: typst takes half a GiB, and gives none of it back.

The child gets its text on its standard input and no setting of the archiver, so none of its
secrets either.
"""

import asyncio
import os
import resource
import sys
from collections.abc import Callable, Sequence

import msgspec
import structlog

from archiver.destruction.declaration import read_declaration
from archiver.destruction.declaration_pages import declaration_pdf
from archiver.subject_access.pdf.render import BROKEN, TOO_LARGE, Unprintable, pdf
from archiver.subject_access.report import Report, encode_report

MODULE = "archiver.privacy.printer"
PRINT_SECONDS = 60.0
"""Longest time for a PDF: of 5,000 messages it takes some 20 seconds."""
MAX_ADDRESSES = 4 * 1024**3
"""Address space of the child in bytes. Threads and fonts reserve more than they use."""
UNPRINTABLE = 3
"""Exit code of a child that printed the reason instead."""

log = structlog.get_logger()


async def print_report(report: Report) -> bytes:
    """Return the PDF of a report. Raises Unprintable."""
    return await _print(["report"], encode_report(report))


async def print_declaration(document: str, entry: str) -> bytes:
    """Return the PDF of a declaration, which names its entry of the log. Raises Unprintable."""
    return await _print(["declaration", entry], document.encode())


async def _print(what: Sequence[str], text: bytes) -> bytes:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", MODULE, *what),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # which could quote the report
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        async with asyncio.timeout(PRINT_SECONDS):
            printed, _ = await child.communicate(text)
    except TimeoutError:
        raise Unprintable(TOO_LARGE) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == UNPRINTABLE:
        raise Unprintable(printed.decode())
    if child.returncode:
        log.error("report.unprinted", code=child.returncode)
        raise Unprintable(BROKEN)
    return printed


def main(what: str, *more: str) -> int:
    """Print what is on standard input. Return the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
    try:
        printed, code = PRINTERS[what](sys.stdin.buffer.read(), *more), 0
    except Unprintable as error:
        printed, code = str(error).encode(), UNPRINTABLE
    sys.stdout.buffer.write(printed)
    return code


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
