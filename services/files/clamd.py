"""Looking for malware in a file: clamd is given it, piece by piece, and says what it found.

Its protocol is spoken here (clamd(8), INSTREAM): the libraries there are take a whole file in
memory, or read one while the event loop waits.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from services.config.model import Configuration
from services.config.settings import SettingsError

CONNECT_SECONDS = 5.0
SCAN_SECONDS = 150.0
"""For one file: 100 MB of an archive full of documents takes clamd about a minute."""
UNSCANNED = 'POSTKAMER_SCANNER_URL: is missing, and environment = "production"'
"""Of an installation that would show what nobody has looked at (BIO2 8.07.04)."""
ANSWER_BYTES = 1024
"""Of what it says: a name of at most a few dozen characters."""
TOO_LARGE = "INSTREAM size limit exceeded"


class ScannerUnavailable(Exception):
    """It did not look; it may later. Says what kind of fault it was."""


class TooLarge(Exception):
    """It does not look at files of this size (`StreamMaxLength` in clamd.conf)."""


class ScanResult(msgspec.Struct, frozen=True):
    """`found` is the name of what was found; '' is nothing."""

    found: str = ""


class Scanner:
    """`url` as the settings have judged it: `tcp://host:port` or `unix:///path`."""

    def __init__(self, url: str, seconds: float = SCAN_SECONDS) -> None:
        self._url, self._seconds = urlsplit(url), seconds

    async def look(self, pieces: AsyncIterator[bytes]) -> ScanResult:
        """What is in a file. Away or TooLarge, or whatever `pieces` raises."""
        try:
            async with asyncio.timeout(self._seconds):
                with await self._connect() as connection:
                    return read(await _asked(connection, pieces))
        except (OSError, TimeoutError) as error:
            raise ScannerUnavailable(type(error).__name__) from None

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        address: Any
        if self._url.scheme == "unix":
            kind, address = socket.AF_UNIX, unquote(self._url.path)
        else:
            host, port = self._url.hostname, self._url.port
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            kind, address = found[0][0], found[0][4]
        connection = socket.socket(kind, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        return connection


def configured(url: str, config: Configuration, seconds: float = SCAN_SECONDS) -> Scanner | None:
    """The one that is named; SettingsError where there must be one and is none."""
    if not url and config.environment == "production":
        raise SettingsError([UNSCANNED])
    return Scanner(url, seconds) if url else None


async def _asked(connection: socket.socket, pieces: AsyncIterator[bytes]) -> bytes:
    """What it says of these pieces. What is too large it refuses half-way, and hangs up on whoever
    is still sending: what it said lies in the socket all the same, but not in a stream of
    asyncio's, which drops it."""
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        await loop.sock_sendall(connection, b"zINSTREAM\0")
        async for piece in pieces:
            if piece:
                await loop.sock_sendall(connection, len(piece).to_bytes(4, "big") + piece)
        await loop.sock_sendall(connection, bytes(4))
    answer = b""
    while b"\0" not in answer and len(answer) < ANSWER_BYTES:
        more = await loop.sock_recv(connection, ANSWER_BYTES)
        if not more:
            break
        answer += more
    return answer


def read(answer: bytes) -> ScanResult:
    """What an answer means: `stream: OK`, `stream: NAME FOUND`, `... ERROR`. Pure. TooLarge; Away
    for what is none of these."""
    said = answer.partition(b"\0")[0].decode(errors="replace").strip()
    if said.startswith(TOO_LARGE):
        raise TooLarge
    what = said.removeprefix("stream: ")
    if what == "OK":
        return ScanResult()
    if what.endswith(" FOUND"):
        return ScanResult(what.removesuffix(" FOUND") or "unnamed")
    raise ScannerUnavailable("its answer cannot be read")
