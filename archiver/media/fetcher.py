"""Fetch files from their provider into the object store.

Each attempt writes under a name of its own, so an attempt that finishes too late overwrites no
other.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from archiver.encryption.stream_sealing import StreamKey
from archiver.media.claim import LOOK_SECONDS, StepResult, run_step
from archiver.media.download_stream import Arriving, TooLarge
from archiver.media.fetch_policy import (
    TOO_LARGE,
    UNOPENABLE,
    UNUSABLE,
    Fetched,
    FetchFailed,
    MediaInfo,
    MediaResult,
    expired,
    gone,
    is_whole,
    usable,
)
from archiver.media.provider_client import MediaClient
from archiver.media.store import File, MediaStore
from services import clock
from services.config.accounts import ProviderAccount
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.postgres.database import retry_while_unavailable

AT_ONCE = 6
"""Files fetched at a time: each buffers up to 15 MiB (`object_store.PIECE_BYTES`), so 90 MiB."""
OF_A_NUMBER = 2
"""Files of one number fetched at a time: a provider that hangs leaves two thirds to the others."""
ADDRESSES = 2
"""Download addresses tried in one attempt: an address is valid for five minutes, and may have
expired before the download starts."""


class Fetcher:
    def __init__(
        self,
        book: MediaStore,
        source: MediaClient,
        store: ObjectStore,
        accounts: Mapping[str, ProviderAccount],
    ) -> None:
        self._book, self._source, self._store = book, source, store
        self._accounts = accounts
        self._busy: Counter[str] = Counter()
        """Number -> its files being fetched."""
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Fetch files one after the other until cancelled. Several of these tasks run at a time."""
        while True:
            async with self._turn:  # else several tasks would see the same number below its limit
                if file := await retry_while_unavailable(self._claim, "media"):
                    self._busy[file.number] += 1
            if file:
                await self._take(file)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _claim(self) -> File | None:
        """Claim a file under a new name. A repeated query needs another name: the first may have
        been executed although its answer was lost."""
        full = [number for number, files in self._busy.items() if files >= OF_A_NUMBER]
        return await self._book.to_fetch(clock.now(), clock.new_id(), full)

    async def _take(self, file: File) -> None:
        """Fetch a file whose number was counted as busy."""
        try:
            came = await run_step(self._book, file, self._fetch)
        finally:
            self._busy[file.number] -= 1
        # If another process took the file over meanwhile, the row names another object.
        if isinstance(came, Fetched) and not await self._is_named(file):
            await self._forgot(file.object, came.object)

    async def _is_named(self, file: File) -> bool:
        return await retry_while_unavailable(partial(self._book.names, file), "media")

    async def _forgot(self, object: UUID, sealed: str) -> bool:
        """Delete both objects; True if neither exists any more."""
        try:
            await self._store.delete(object_store.media(object))
            if sealed:
                await self._store.delete(object_store.sealed(sealed))
        except ObjectNotFound:  # the bucket too
            return True
        except StoreUnavailable:
            return False
        return True

    async def _fetch(self, file: File) -> StepResult:
        """Fetch one file.

        The row names every object that may exist until that object is deleted, so a process that
        is killed leaves no unknown object behind.
        """
        if file.left and not await self._forgot(file.left, file.left_sealed):
            return FetchFailed("store")
        if not await retry_while_unavailable(partial(self._book.start_fetch, file), "media"):
            return FetchFailed("strange")  # another process has the file: no row is updated
        came, sealed = await self._tried(file), ""
        if isinstance(came, Fetched):
            sealed = came.object
            came = await self._kept(file, came)
        if not isinstance(came, Fetched) and not await self._forgot(file.object, sealed):
            return FetchFailed("store")  # leftovers of a finished file would never be deleted
        if isinstance(came, FetchFailed) and expired(file.sent_at, clock.now()):
            return gone(came)
        return came

    async def _kept(self, file: File, got: Fetched) -> Fetched | FetchFailed:
        """Move the object to its final name, after the row has that name."""
        if not await retry_while_unavailable(
            partial(self._book.set_object, file, got.object), "media"
        ):
            return FetchFailed("strange")  # another process has the file
        try:
            await self._store.keep(object_store.media(file.object), object_store.sealed(got.object))
        except (StoreUnavailable, ObjectNotFound):
            return FetchFailed("store")
        return got

    async def _tried(self, file: File) -> StepResult:
        account = self._accounts.get(file.number)
        if account is None:
            return FetchFailed("shut")  # the number was removed from the configuration
        if not usable(file.announced.id):
            return MediaResult("lost", UNUSABLE)
        if file.lock is None:
            return MediaResult("lost", UNOPENABLE)
        try:
            return await self._from(account, file, file.lock)
        except TooLarge:
            return MediaResult("lost", TOO_LARGE)

    async def _from(self, account: ProviderAccount, file: File, lock: StreamKey) -> StepResult:
        """Download the file. An expired address delivers no bytes, so a second try may use the same
        key: nothing was sealed under it yet."""
        missed = FetchFailed("unknown")
        for _ in range(ADDRESSES):
            said = await self._source.describe(account, file.announced.id)
            if isinstance(said, FetchFailed):
                return said
            key = object_store.media(file.object)
            came = await self._source.fetch(account, said, key, lock)
            if isinstance(came, Arriving):
                return _judged(file, came, said)
            missed = came
            if came.word not in ("unknown", "shut"):  # Meta gives either for an expired address
                break
        return missed


def _judged(file: File, came: Arriving, said: MediaInfo) -> Fetched | FetchFailed:
    got = came.fetched(said.mime_type or file.announced.mime_type)
    return is_whole(got, said, file.announced, file.attempts)
