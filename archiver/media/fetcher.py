"""Getting files from their provider into the store, each under a name of its own for each attempt:
who comes too late with one touches nobody else's."""

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
"""Files under way: each holds up to 15 MiB (`objects.PIECE_BYTES`), so 90 MiB together."""
OF_A_NUMBER = 2
"""The same of one number: one whose provider hangs leaves the others two thirds."""
ADDRESSES = 2
"""Asked for in one attempt: an address is good for five minutes, and a slow one may be over."""


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
        """Number -> its files under way."""
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """One file after the other, for as long as the service runs; several of these share it."""
        while True:
            async with self._turn:  # or several would see the same number free
                if file := await retry_while_unavailable(self._claim, "media"):
                    self._busy[file.number] += 1
            if file:
                await self._take(file)
            else:
                await asyncio.sleep(LOOK_SECONDS)

    async def _claim(self) -> File | None:
        """Each try with a name of its own: the answer to one that was carried out may be lost."""
        full = [number for number, files in self._busy.items() if files >= OF_A_NUMBER]
        return await self._book.to_fetch(clock.now(), clock.new_id(), full)

    async def _take(self, file: File) -> None:
        """Of a number that is counted as busy."""
        try:
            came = await run_step(self._book, file, self._fetch)
        finally:
            self._busy[file.number] -= 1
        # Of one that came when another had taken it over the row names another object.
        if isinstance(came, Fetched) and not await self._is_named(file):
            await self._forgot(file.object, came.object)

    async def _is_named(self, file: File) -> bool:
        return await retry_while_unavailable(partial(self._book.names, file), "media")

    async def _forgot(self, object: UUID, sealed: str) -> bool:
        """Whether what was begun under these names, or is nobody's, is gone."""
        try:
            await self._store.delete(object_store.media_key(object))
            if sealed:
                await self._store.delete(object_store.sealed_key(sealed))
        except ObjectNotFound:  # the bucket too
            return True
        except StoreUnavailable:
            return False
        return True

    async def _fetch(self, file: File) -> StepResult:
        """The row names what there may be in the store until that is gone: so whoever is killed
        leaves nothing that nobody knows of."""
        if file.left and not await self._forgot(file.left, file.left_sealed):
            return FetchFailed("store")
        if not await retry_while_unavailable(partial(self._book.start_fetch, file), "media"):
            return FetchFailed("strange")  # another has it, and nothing of this is written down
        came, sealed = await self._tried(file), ""
        if isinstance(came, Fetched):
            sealed = came.object
            came = await self._kept(file, came)
        if not isinstance(came, Fetched) and not await self._forgot(file.object, sealed):
            return FetchFailed("store")  # nobody sweeps what has ended
        if isinstance(came, FetchFailed) and expired(file.sent_at, clock.now()):
            return gone(came)
        return came

    async def _kept(self, file: File, got: Fetched) -> Fetched | FetchFailed:
        """Under the name that it has for good, which the row has before the store does."""
        if not await retry_while_unavailable(
            partial(self._book.set_object, file, got.object), "media"
        ):
            return FetchFailed("strange")  # another has it
        try:
            await self._store.make_permanent(
                object_store.media_key(file.object), object_store.sealed_key(got.object)
            )
        except (StoreUnavailable, ObjectNotFound):
            return FetchFailed("store")
        return got

    async def _tried(self, file: File) -> StepResult:
        account = self._accounts.get(file.number)
        if account is None:
            return FetchFailed("shut")  # the number was taken out of the configuration
        if not usable(file.announced.id):
            return MediaResult("lost", UNUSABLE)
        if file.lock is None:
            return MediaResult("lost", UNOPENABLE)
        try:
            return await self._from(account, file, file.lock)
        except TooLarge:
            return MediaResult("lost", TOO_LARGE)

    async def _from(self, account: ProviderAccount, file: File, lock: StreamKey) -> StepResult:
        """Of an address that is over came no byte, so under this lock nothing lies then."""
        missed = FetchFailed("unknown")
        for _ in range(ADDRESSES):
            said = await self._source.describe(account, file.announced.id)
            if isinstance(said, FetchFailed):
                return said
            key = object_store.media_key(file.object)
            came = await self._source.fetch(account, said, key, lock)
            if isinstance(came, Arriving):
                return _judged(file, came, said)
            missed = came
            if came.word not in ("unknown", "shut"):  # of an address that is over Meta says either
                break
        return missed


def _judged(file: File, came: Arriving, said: MediaInfo) -> Fetched | FetchFailed:
    got = came.fetched(said.mime_type or file.announced.mime_type)
    return is_whole(got, said, file.announced, file.attempts)
