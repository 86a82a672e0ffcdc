"""Malware scans by clamd, which gets a file piece by piece and returns what it found.

This module speaks clamd's protocol itself (clamd(8), INSTREAM): existing libraries load a whole
file into memory, or block the event loop while they read it.
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
"""Timeout of one scan: a 100 MB archive full of documents takes clamd about a minute."""
UNSCANNED = 'POSTKAMER_SCANNER_URL: is missing, and environment = "production"'
"""Fault of a production installation that would show unscanned files (BIO2 8.07.04)."""
ANSWER_BYTES = 1024
"""Largest answer of clamd: the name of what it found has a few dozen characters."""
TOO_LARGE = "INSTREAM size limit exceeded"


class ScannerUnavailable(Exception):
    """The scanner did not scan the file, and may do so later. The message names the kind of
    fault."""


class TooLarge(Exception):
    """The scanner does not scan files of this size (`StreamMaxLength` in clamd.conf)."""


class ScanResult(msgspec.Struct, frozen=True):
    """Result of a scan. `malware` is its name; '' is none."""

    malware: str = ""


class Scanner:
    """A client of clamd at `url`, which the settings validate: `tcp://host:port` or
    `unix:///path`."""

    def __init__(self, url: str, seconds: float = SCAN_SECONDS) -> None:
        self._url, self._seconds = urlsplit(url), seconds

    async def scan(self, pieces: AsyncIterator[bytes]) -> ScanResult:
        """Scan a file. Raises ScannerUnavailable or TooLarge, and what `pieces` raises."""
        try:
            async with asyncio.timeout(self._seconds):
                with await self._connect() as connection:
                    return parse_answer(await _exchange(connection, pieces))
        except (OSError, TimeoutError) as error:
            raise ScannerUnavailable(type(error).__name__) from None

    async def _connect(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        address: Any
        if self._url.scheme == "unix":
            kind, address = socket.AF_UNIX, unquote(self._url.path)
        else:
            host, port = self._url.hostname, self._url.port
            addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            kind, address = addresses[0][0], addresses[0][4]
        connection = socket.socket(kind, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(connection, address)
        except BaseException:
            connection.close()
            raise
        return connection


def configured_scanner(
    url: str, config: Configuration, seconds: float = SCAN_SECONDS
) -> Scanner | None:
    """Return the configured scanner, or None; raises SettingsError if production has none."""
    if not url and config.environment == "production":
        raise SettingsError([UNSCANNED])
    return Scanner(url, seconds) if url else None


async def _exchange(connection: socket.socket, pieces: AsyncIterator[bytes]) -> bytes:
    """Send the pieces and return clamd's answer.

    clamd refuses a file that is too large half-way, and closes the connection while we still send.
    Its answer can then be read from the socket. A stream of asyncio drops it, so none is used.
    """
    loop = asyncio.get_running_loop()
    with suppress(ConnectionError):
        await loop.sock_sendall(connection, b"zINSTREAM\0")
        async for piece in pieces:
            if piece:
                await loop.sock_sendall(connection, len(piece).to_bytes(4, "big") + piece)
        await loop.sock_sendall(connection, bytes(4))
    answer = b""
    while b"\0" not in answer and len(answer) < ANSWER_BYTES:
        chunk = await loop.sock_recv(connection, ANSWER_BYTES)
        if not chunk:
            break
        answer += chunk
    return answer


def parse_answer(answer: bytes) -> ScanResult:
    """Parse an answer: `stream: OK`, `stream: NAME FOUND`, `... ERROR`. Pure.

    Raises TooLarge, and ScannerUnavailable for any other answer.
    """
    text = answer.partition(b"\0")[0].decode(errors="replace").strip()
    if text.startswith(TOO_LARGE):
        raise TooLarge
    result = text.removeprefix("stream: ")
    if result == "OK":
        return ScanResult()
    if result.endswith(" FOUND"):
        return ScanResult(result.removesuffix(" FOUND") or "unnamed")
    raise ScannerUnavailable("its answer cannot be read")
