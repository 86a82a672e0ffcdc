"""Looking for malware in a file: clamd is given it, piece by piece, and says what it found.

Its protocol is spoken here (clamd(8), INSTREAM): the libraries there are take a whole file in
memory, or read one while the event loop waits.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import unquote, urlsplit

import msgspec

from services.tasks import beside

CONNECT_SECONDS = 5.0
SCAN_SECONDS = 300.0
"""For one file: 100 MB of an archive full of documents takes clamd about a minute."""
ANSWER_BYTES = 1024
"""Of what it says: a name of at most a few dozen characters."""
TOO_LARGE = "INSTREAM size limit exceeded"


class Away(Exception):
    """It did not look; it may later. Says what kind of fault it was."""


class TooLarge(Exception):
    """It does not look at files of this size (`StreamMaxLength` in clamd.conf)."""


class Verdict(msgspec.Struct, frozen=True):
    """`found` is the name of what was found; '' is nothing."""

    found: str = ""


class Scanner:
    """`url` as the settings have judged it: `tcp://host:port` or `unix:///path`."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    async def look(self, pieces: AsyncIterator[bytes]) -> Verdict:
        """What is in a file. Away or TooLarge, or whatever `pieces` raises."""
        try:
            async with asyncio.timeout(SCAN_SECONDS):
                reader, writer = await self._connect()
                try:
                    return read(await _asked(reader, writer, pieces))
                finally:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()
        except (OSError, TimeoutError, EOFError) as error:
            raise Away(type(error).__name__) from None

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(CONNECT_SECONDS):
            if self._url.scheme == "unix":
                return await asyncio.open_unix_connection(unquote(self._url.path))
            return await asyncio.open_connection(self._url.hostname, self._url.port)


async def _asked(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: AsyncIterator[bytes]
) -> bytes:
    """What it says of these pieces. It is listened to meanwhile: what is too large it refuses
    half-way, and hangs up on whoever has not heard that yet."""
    async with beside(_answer(reader)) as answer:
        with suppress(ConnectionError):
            writer.write(b"zINSTREAM\0")
            async for piece in pieces:
                if answer.done():
                    break
                if piece:
                    writer.write(len(piece).to_bytes(4, "big") + piece)
                    await writer.drain()
            else:
                writer.write(bytes(4))
                await writer.drain()
        return bytes(await answer)


async def _answer(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    while b"\0" not in answer and len(answer) < ANSWER_BYTES:
        more = await reader.read(ANSWER_BYTES)
        if not more:
            raise EOFError
        answer += more
    return answer


def read(answer: bytes) -> Verdict:
    """What an answer means: `stream: OK`, `stream: NAME FOUND`, `... ERROR`. Pure. TooLarge; Away
    for what is none of these."""
    said = answer.partition(b"\0")[0].decode(errors="replace").strip()
    if said.startswith(TOO_LARGE):
        raise TooLarge
    what = said.removeprefix("stream: ")
    if what == "OK":
        return Verdict()
    if what.endswith(" FOUND"):
        return Verdict(what.removesuffix(" FOUND") or "unnamed")
    raise Away("its answer cannot be read")
