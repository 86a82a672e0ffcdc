"""Looking at files that were fetched: of the kind that they say they are, and without malware."""

import asyncio

from archiver.encryption.sealing import CannotDecrypt
from archiver.media.claim import LOOK_SECONDS, run_step
from archiver.media.fetch_policy import (
    MALWARE,
    UNOPENABLE,
    UNSCANNABLE,
    FetchFailed,
    MediaResult,
    quarantine,
)
from archiver.media.reader import damaged, read
from archiver.media.store import File, MediaStore
from services import clock
from services.files import clamd, object_store
from services.files.clamd import Scanner
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import retry_while_unavailable

AT_ONCE = 2
"""Files at the scanner: apart from those that are fetched, for which seven days run."""


class ScanWorker:
    def __init__(self, book: MediaStore, store: ObjectStore, scanner: Scanner | None) -> None:
        self._book, self._store, self._scanner = book, store, scanner

    async def run(self) -> None:
        """One file after the other, for as long as the service runs; also what was let through
        when there was no scanner, once there is one."""
        again = self._scanner is not None
        while True:
            claim = lambda: self._book.to_look_at(clock.now(), again=again)  # noqa: E731
            if file := await retry_while_unavailable(claim, "media"):
                await run_step(self._book, file, self._look)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, file: File) -> MediaResult | FetchFailed:
        if file.lock is None:
            return MediaResult("lost", UNOPENABLE)
        try:
            return await self._looked_at(file)
        except object_store.StoreUnavailable:
            return FetchFailed("store")
        except (ObjectNotFound, CannotDecrypt) as error:
            damaged(file.id, error)
            return FetchFailed("store" if isinstance(error, ObjectNotFound) else "damaged")
        except clamd.ScannerUnavailable:
            return FetchFailed("scanner")
        except clamd.TooLarge:
            return MediaResult("quarantined", UNSCANNABLE)

    async def _looked_at(self, file: File) -> MediaResult:
        types = (file.announced.mime_type, file.mime_type)
        if differs := quarantine(types, await self._head(file)):
            return differs
        if self._scanner is None:
            return MediaResult("available")
        pieces = await read(self._store, file)
        if found := (await self._scanner.scan(pieces)).malware:
            return MediaResult("quarantined", MALWARE.format(found), scanned=True)
        return MediaResult("available", scanned=True)

    async def _head(self, file: File) -> bytes:
        async for piece in await read(self._store, file):
            return piece
        return b""
