"""Fetch files into the object store: those of citizens from their provider, those that went out
from the store of uploads.

Each attempt writes under a name of its own, so an attempt that finishes too late overwrites no
other.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from functools import partial
from uuid import UUID

from archiver.media.claim import POLL, StepResult, run_step
from archiver.media.download_stream import Download, TooLarge
from archiver.media.fetch_policy import (
    TOO_LARGE,
    UNOPENABLE,
    UNUSABLE,
    FetchedFile,
    FetchFailed,
    MediaInfo,
    MediaResult,
    check_content,
    end_failed_attempt,
    is_valid_id,
)
from archiver.media.provider_client import MediaClient
from archiver.media.store import File, MediaStore
from archiver.media.upload_source import UploadSource
from services import clock
from services.config.accounts import ProviderAccount
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.postgres.database import retry_while_unavailable
from services.postgres.lookout import Pause
from services.sealing.stream_sealing import StreamKey

AT_ONCE = 6
"""Files fetched at a time: each buffers up to 15 MiB (`object_store.PIECE_BYTES`), so 90 MiB."""
PER_NUMBER = 2
"""Files of one number fetched at a time: a provider that hangs leaves two thirds to the others."""
ADDRESS_ATTEMPTS = 2
"""Download addresses tried in one attempt: an address is valid for five minutes, and may have
expired before the download starts."""


class Fetcher:
    def __init__(
        self,
        media_store: MediaStore,
        client: MediaClient,
        uploads: UploadSource,
        objects: ObjectStore,
        accounts: Mapping[str, ProviderAccount],
    ) -> None:
        self._media_store, self._objects = media_store, objects
        self._client, self._uploads = client, uploads
        self._accounts = accounts
        self._busy: Counter[str] = Counter()
        """Number -> its files being fetched."""
        self._turn = asyncio.Lock()

    async def run(self, pause: Pause = POLL) -> None:
        """Fetch files one after the other until cancelled. Several of these tasks run at a time."""
        while True:
            async with self._turn:  # else several tasks would see the same number below its limit
                if file := await retry_while_unavailable(self._claim, "media"):
                    self._busy[file.number] += 1
            if file:
                await self._process(file)
            else:
                await pause()

    async def _claim(self) -> File | None:
        """Claim a file under a new name. A repeated query needs another name: the first may have
        been executed although its answer was lost."""
        full = [number for number, files in self._busy.items() if files >= PER_NUMBER]
        return await self._media_store.claim_to_fetch(clock.now(), clock.new_id(), full)

    async def _process(self, file: File) -> None:
        """Fetch a file whose number was counted as busy."""
        try:
            result = await run_step(self._media_store, file, self._fetch)
        finally:
            self._busy[file.number] -= 1
        # If another process took the file over meanwhile, the row names another object.
        if isinstance(result, FetchedFile) and not await self._is_named(file):
            await self._delete_objects(file.object, result.object)

    async def _is_named(self, file: File) -> bool:
        return await retry_while_unavailable(partial(self._media_store.is_current, file), "media")

    async def _delete_objects(self, object: UUID, sealed: str) -> bool:
        """Delete both objects; True if neither exists any more."""
        try:
            await self._objects.delete(object_store.media_key(object))
            if sealed:
                await self._objects.delete(object_store.sealed_key(sealed))
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
        if file.previous_object and not await self._delete_objects(
            file.previous_object, file.previous_sha256
        ):
            return FetchFailed("store")
        if not await retry_while_unavailable(partial(self._media_store.start_fetch, file), "media"):
            return FetchFailed("strange")  # another process has the file: no row is updated
        result, sealed = await self._try_fetch(file), ""
        if isinstance(result, FetchedFile):
            sealed = result.object
            result = await self._keep(file, result)
        if not isinstance(result, FetchedFile) and not await self._delete_objects(
            file.object, sealed
        ):
            return FetchFailed("store")  # leftovers of a finished file would never be deleted
        if isinstance(result, FetchFailed):
            return end_failed_attempt(result, file.announced, file.sent_at, clock.now())
        return result

    async def _keep(self, file: File, fetched: FetchedFile) -> FetchedFile | FetchFailed:
        """Move the object to its final name, after the row has that name."""
        if not await retry_while_unavailable(
            partial(self._media_store.set_object, file, fetched.object), "media"
        ):
            return FetchFailed("strange")  # another process has the file
        try:
            await self._objects.make_permanent(
                object_store.media_key(file.object), object_store.sealed_key(fetched.object)
            )
        except (StoreUnavailable, ObjectNotFound):
            return FetchFailed("store")
        return fetched

    async def _try_fetch(self, file: File) -> StepResult:
        if file.announced.upload and file.stream_key:
            return await self._uploads.copy(file, file.announced.upload, file.stream_key)
        account = self._accounts.get(file.number)
        if account is None:
            return FetchFailed("shut")  # the number was removed from the configuration
        if not is_valid_id(file.announced.id):
            return MediaResult("lost", UNUSABLE)
        if file.stream_key is None:
            return MediaResult("lost", UNOPENABLE)
        try:
            return await self._download(account, file, file.stream_key)
        except TooLarge:
            return MediaResult("lost", TOO_LARGE)

    async def _download(
        self, account: ProviderAccount, file: File, stream_key: StreamKey
    ) -> StepResult:
        """Download the file. An expired address delivers no bytes, so a second try may use the same
        key: nothing was sealed under it yet."""
        failure = FetchFailed("unknown")
        for _ in range(ADDRESS_ATTEMPTS):
            info = await self._client.describe(account, file.announced.id)
            if isinstance(info, FetchFailed):
                return info
            key = object_store.media_key(file.object)
            download = await self._client.fetch(account, info, key, stream_key)
            if isinstance(download, Download):
                return _check(file, download, info)
            failure = download
            if download.code not in ("unknown", "shut"):  # Meta gives either for an expired address
                break
        return failure


def _check(file: File, download: Download, info: MediaInfo) -> FetchedFile | FetchFailed:
    fetched = download.result(info.mime_type or file.announced.mime_type)
    return check_content(fetched, info, file.announced, file.attempts)
