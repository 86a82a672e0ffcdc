"""Looking at files that were fetched: of the kind that they say they are, and without malware."""

import asyncio

from archiver.media.book import Book, File
from archiver.media.judging import (
    MALWARE,
    UNOPENABLE,
    UNSCANNABLE,
    Ended,
    Missed,
    quarantine,
)
from archiver.media.reading import damaged, read
from archiver.media.working import LOOK_SECONDS, take
from archiver.record.sealing import Shut
from services import clock, objects, scanner
from services.database import until_it_answers
from services.objects import Missing, Objects
from services.scanner import Scanner

AT_ONCE = 2
"""Files at the scanner: apart from those that are fetched, for which seven days run."""


class Looker:
    def __init__(self, book: Book, store: Objects, scanner: Scanner | None) -> None:
        self._book, self._store, self._scanner = book, store, scanner

    async def run(self) -> None:
        """One file after the other, for as long as the service runs; also what was let through
        when there was no scanner, once there is one."""
        again = self._scanner is not None
        while True:
            claim = lambda: self._book.to_look_at(clock.now(), again=again)  # noqa: E731
            if file := await until_it_answers(claim, "media"):
                await take(self._book, file, self._look)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, file: File) -> Ended | Missed:
        if file.ciphertext_sha256 and file.lock is None:
            return Ended("lost", UNOPENABLE)
        try:
            return await self._looked_at(file)
        except objects.Away:
            return Missed("store")
        except (Missing, Shut) as error:
            damaged(file.id, error)
            return Missed("store" if isinstance(error, Missing) else "damaged")
        except scanner.Away:
            return Missed("scanner")
        except scanner.TooLarge:
            return Ended("quarantined", UNSCANNABLE)

    async def _looked_at(self, file: File) -> Ended:
        types = (file.announced.mime_type, file.mime_type)
        if differs := quarantine(types, await self._head(file)):
            return differs
        if self._scanner is None:
            return Ended("available")
        pieces = await read(self._store, file)
        if found := (await self._scanner.look(pieces)).found:
            return Ended("quarantined", MALWARE.format(found), scanned=True)
        return Ended("available", scanned=True)

    async def _head(self, file: File) -> bytes:
        async for piece in await read(self._store, file):
            return piece
        return b""
