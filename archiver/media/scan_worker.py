"""Scan fetched files: does the content fit the announced type, and is it free of malware?"""

from archiver.media.claim import POLL, run_step
from archiver.media.fetch_policy import (
    MALWARE,
    UNOPENABLE,
    UNSCANNABLE,
    FetchFailed,
    MediaResult,
    check_signature,
)
from archiver.media.reader import read, report_damage
from archiver.media.store import SCAN_LATER_WAITS, SCAN_WAITS, File, MediaStore
from services import clock
from services.files import clamd, object_store
from services.files.clamd import Scanner
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import retry_while_unavailable
from services.postgres.lookout import Pause
from services.sealing.wrapping import CannotDecrypt

AT_ONCE = 2
"""Files scanned at a time. Fetching has its own limit, since Meta keeps files only seven days."""


class ScanWorker:
    def __init__(
        self, media_store: MediaStore, objects: ObjectStore, scanner: Scanner | None
    ) -> None:
        self._media_store, self._objects, self._scanner = media_store, objects, scanner

    async def run(self, pause: Pause = POLL) -> None:
        """Scan files one after the other until cancelled. With a scanner, that includes files that
        became available while there was none."""
        while True:
            if file := await retry_while_unavailable(self._claim, "media"):
                await run_step(self._media_store, file, self._scan)
            else:
                await pause()

    @property
    def waits(self) -> str:
        """Condition of a `Lookout`: true while a file may have to be scanned."""
        later = f" union all ({SCAN_LATER_WAITS})" if self._scanner else ""
        return f"({SCAN_WAITS}){later}"

    async def _claim(self) -> File | None:
        include_unscanned = self._scanner is not None
        return await self._media_store.claim_to_scan(
            clock.now(), include_unscanned=include_unscanned
        )

    async def _scan(self, file: File) -> MediaResult | FetchFailed:
        if file.stream_key is None:
            return MediaResult("lost", UNOPENABLE)
        try:
            return await self._scan_content(file)
        except object_store.StoreUnavailable:
            return FetchFailed("store")
        except (ObjectNotFound, CannotDecrypt) as error:
            report_damage(file.id, error)
            return FetchFailed("store" if isinstance(error, ObjectNotFound) else "damaged")
        except clamd.ScannerUnavailable:
            return FetchFailed("scanner")
        except clamd.TooLarge:
            return MediaResult("quarantined", UNSCANNABLE)

    async def _scan_content(self, file: File) -> MediaResult:
        types = (file.announced.mime_type, file.mime_type)
        if mismatch := check_signature(types, await self._head(file)):
            return mismatch
        if self._scanner is None:
            return MediaResult("available")
        pieces = await read(self._objects, file)
        if malware := (await self._scanner.scan(pieces)).malware:
            return MediaResult("quarantined", MALWARE.format(malware), scanned=True)
        return MediaResult("available", scanned=True)

    async def _head(self, file: File) -> bytes:
        async for piece in await read(self._objects, file):
            return piece
        return b""
