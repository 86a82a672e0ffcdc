"""Printing in a process of its own: typst takes half a GiB, and gives none of it back.

The child gets its text on its standard input and no setting of the archiver, so none of its
secrets either.
"""

import asyncio
import os
import resource
import sys
from collections.abc import Callable, Sequence

import structlog

from services.printing.typesetter import BROKEN, TOO_LARGE, Unprintable

PRINT_SECONDS = 60.0
"""Longest time for a PDF: of 5,000 messages it takes some 20 seconds."""
MAX_ADDRESSES = 4 * 1024**3
"""Address space of the child in bytes. Threads and fonts reserve more than they use."""
UNPRINTABLE = 3
"""Exit code of a child that printed the reason instead."""

log = structlog.get_logger()


async def print_apart(module: str, arguments: Sequence[str], text: bytes) -> bytes:
    """Return what a module prints of a text as a program. Raises Unprintable."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # which could quote the text
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


def print_standard_input(print_text: Callable[[bytes], bytes]) -> int:
    """Print what is on standard input, as such a child. Return its exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
    try:
        printed, code = print_text(sys.stdin.buffer.read()), 0
    except Unprintable as error:
        printed, code = str(error).encode(), UNPRINTABLE
    sys.stdout.buffer.write(printed)
    return code
