"""Make a thumbnail in a process of its own, a few at a time."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import structlog

from services.files.file_signatures import has_signature

PROGRAM = Path(__file__).with_name("thumbnail_process.py")
"""File of the program. It is run by its path, since a package would import the whole archiver."""
AT_ONCE = 2
"""Processes at a time: each takes a core for 0.1 s, mostly, and up to 512 MiB for a second."""
MOST_WAITING = 64
"""Pictures that wait for a process: two pages full of them. More are asked to come back."""
MAKE_SECONDS = 30.0
"""Time in which the process must end. It stops itself after 5 s on a processor, which takes longer
while others are busy."""
THUMBNAIL_BYTES = 256 * 1024
"""Largest thumbnail: 320 by 320 pixels of noise take 80 KB."""
PRINT_BYTES = 1024 * 1024
"""Largest picture for paper: 1,024 by 1,024 pixels of noise take 800 KB."""
THUMBNAIL_TYPE = "image/jpeg"
REFUSED = 3
"""Exit status of the program if there is no thumbnail of these bytes."""
FAILINGS = frozenset(
    {-signal.SIGXCPU, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL}
)
"""Statuses of a process that a limit stopped, or a fault of a decoder: the same picture would do
the same again."""

log = structlog.get_logger()


class Size(NamedTuple):
    """Purpose of a small picture, as the program knows it, its most bytes, and the boxes that are
    painted over: left, top, width and height, in thousandths of the upright picture."""

    purpose: str
    most_bytes: int
    boxes: tuple[tuple[int, int, int, int], ...] = ()


FOR_SCREEN, FOR_PRINT = Size("thumbnail", THUMBNAIL_BYTES), Size("print", PRINT_BYTES)


class MakerBusy(Exception):
    """The thumbnail cannot be made now: too many wait, it took too long, or another stopped the
    process. Try again."""


class ThumbnailMaker:
    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def make(self, picture: AsyncIterator[bytes], size: Size = FOR_SCREEN) -> bytes:
        """Return the thumbnail of a picture; b"" if there is none. Raises MakerBusy, and what
        `picture` raises."""
        if self._waiting >= MOST_WAITING:
            raise MakerBusy
        self._waiting += 1
        try:
            async with self._turns:
                return await _run(picture, size)
        finally:
            self._waiting -= 1


async def _run(picture: AsyncIterator[bytes], size: Size) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", str(PROGRAM), size.purpose, *map(_format_box, size.boxes),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, env={}, cwd="/",
    )  # fmt: skip
    try:
        async with asyncio.timeout(MAKE_SECONDS):
            thumbnail = await _exchange(process, picture, size.most_bytes)
            is_over = len(thumbnail) > size.most_bytes
            status = 0 if is_over else await process.wait()  # it may go on for ever
    except TimeoutError:
        log.warning("thumbnail.late", seconds=MAKE_SECONDS)
        raise MakerBusy from None
    finally:
        await _end(process)
    return _judge(status, thumbnail, size.most_bytes)


def _format_box(box: tuple[int, int, int, int]) -> str:
    return ",".join(map(str, box))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process if it runs, and read what is left in its pipe, which closes with that."""
    assert process.stdout
    with suppress(ProcessLookupError):
        process.kill()
    while await process.stdout.read(THUMBNAIL_BYTES):
        pass
    await process.wait()


async def _exchange(
    process: asyncio.subprocess.Process, picture: AsyncIterator[bytes], most_bytes: int
) -> bytes:
    """Give the process its picture, and return what it says, a byte over its bound at most. It
    reads all before it writes."""
    assert process.stdin and process.stdout
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended: its status says why
        async for piece in picture:
            process.stdin.write(piece)
            await process.stdin.drain()
    process.stdin.close()
    said = b""
    while len(said) <= most_bytes:
        piece = await process.stdout.read(most_bytes + 1 - len(said))
        if not piece:
            break
        said += piece
    return said


def _judge(status: int, thumbnail: bytes, most_bytes: int) -> bytes:
    """Return the thumbnail; b"" if its picture has none. Raises MakerBusy if it is not the picture
    that the process failed by."""
    if status == 0:
        is_jpeg = has_signature(THUMBNAIL_TYPE, thumbnail) and len(thumbnail) <= most_bytes
        return thumbnail if is_jpeg else b""
    if status == REFUSED:
        return b""
    log.warning("thumbnail.stopped", status=status)
    if status in FAILINGS:
        return b""
    raise MakerBusy
