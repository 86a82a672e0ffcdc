"""The object store: what is too large for a row, under keys of ours; in a folder or in S3.

In and out it is streamed. What was put is on disk, or acknowledged by S3, when `put` returns; what
was not put whole is not there at all.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

PIECE_BYTES = 5 * 1024 * 1024
"""Of one write: S3 takes no smaller parts of a larger object."""
PIECES_AT_ONCE = 2
"""On their way for one object; with the one that is being filled, what it holds in memory."""
READ_BYTES = 256 * 1024
"""Of one piece of what is read."""
REQUEST_SECONDS, CONNECT_SECONDS = 60.0, 5.0
"""For one request to S3, of a part at most, and for its connection."""
RETRY_SECONDS = 60.0
"""After that S3 is away; until then a request to it is repeated."""
KEY = re.compile(r"[a-z]+/([0-9a-f-]{36}|[0-9a-f]{64}|[0-9]{20})")

SEALED = "sealed"
READ_ONLY = 0o400

T = TypeVar("T")


class StoreUnavailable(Exception):
    """The store does not do what was asked; it may later. Says what kind of fault it was."""


class ObjectNotFound(Exception):
    """There is no such object."""


class ObjectExists(Exception):
    """There is one of this name already."""


def upload(object: UUID) -> str:
    """The key of a file that a CRM uploaded."""
    return f"upload/{object}"


def media(object: UUID) -> str:
    """The key of a file that comes with a message, until it is whole."""
    return f"media/{object}"


def sealed(sha256: str) -> str:
    """The key that it has for good: by the SHA-256, in hex, of what lies there."""
    return f"{SEALED}/{sha256}"


def checkpoint(size: int) -> str:
    """The key of a checkpoint of the log, by the log's size."""
    return f"checkpoint/{size:020}"


class ObjectStore:
    """`url` as the settings have judged it: `file:///folder` or `s3://bucket/prefix`.

    OSError when there is a folder and it cannot be written in.
    """

    def __init__(self, url: str) -> None:
        self._folder = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None
        self._store = _folder(self._folder) if self._folder else _bucket(url)

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """Store an object, whole or not at all. Away, or whatever `pieces` raises."""
        path = _checked(key)
        file = obstore.open_writer_async(
            self._store, path, buffer_size=PIECE_BYTES, max_concurrency=PIECES_AT_ONCE
        )
        # Not obstore's `put`, which goes on reading `pieces` after it has been cancelled.
        try:
            await file.__aenter__()
            async for piece in pieces:
                await _answered(file.write(piece))
        except BaseException as error:
            with suppress(BaseError, OSError):
                await file.__aexit__(type(error), error, error.__traceback__)
            raise
        await _answered(file.__aexit__(None, None, None))
        if self._folder:
            await _answered(asyncio.to_thread(_write_through, self._folder, path))

    async def create(self, key: str, content: bytes) -> None:
        """Store a small object where there is none of this name. Taken or Away."""
        path = _checked(key)
        work = obstore.put_async(self._store, path, content, mode="create", use_multipart=False)
        await _answered(work)
        if self._folder:
            await _answered(asyncio.to_thread(_write_through, self._folder, path))

    async def keep(self, key: str, name: str) -> None:
        """Give an object the name that it has for good, which says what is in it: where there is
        one of that name it is the same, of a try of which the answer was lost. In a folder nobody
        writes in it from then on. Missing or Away."""
        path, new = _checked(key), _checked(name)
        try:
            await _answered(obstore.rename_async(self._store, path, new, overwrite=False))
        except ObjectExists:
            await self.delete(key)
        if self._folder:
            await _answered(asyncio.to_thread(_fix, self._folder, path, new))

    async def holds(self, key: str) -> bool:
        """Whether there is one of this name. Away."""
        try:
            await _answered(obstore.head_async(self._store, _checked(key)))
        except ObjectNotFound:
            return False
        return True

    async def names(self, folder: str) -> AsyncIterator[str]:
        """The keys that begin with this word, in their order. Away."""
        stream = obstore.list(self._store, folder, chunk_size=1000).__aiter__()
        while True:
            try:
                found = await _answered(anext(stream))
            except StopAsyncIteration:
                return
            for one in sorted(found, key=lambda each: each["path"]):
                yield str(one["path"])

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The pieces of an object, from its first byte. Missing or Away, also half-way."""
        found = await _answered(obstore.get_async(self._store, _checked(key)))
        return _pieces(found)

    async def delete(self, key: str) -> None:
        """An object, and what a process that was killed left of it; nothing is no fault."""
        work = _answered(obstore.delete_async(self._store, _checked(key)))
        if self._folder is None:
            await work  # of what is not there S3 says nothing; a 404 is the bucket's
            return
        with suppress(ObjectNotFound):
            await work
        await _answered(asyncio.to_thread(_remove_parts, self._folder / key))


def _checked(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError("a key is a word and an id of ours")
    return key


async def _answered(work: Awaitable[T]) -> T:
    """What the store gives; its faults, which quote paths, as ours, which do not."""
    try:
        return await work
    except FileNotFoundError:
        raise ObjectNotFound from None
    except AlreadyExistsError:
        raise ObjectExists from None
    except (BaseError, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from None


async def _pieces(found: "obstore.GetResult") -> AsyncIterator[bytes]:
    stream = found.stream(min_chunk_size=READ_BYTES).__aiter__()
    while True:
        try:
            piece = await _answered(anext(stream))
        except StopAsyncIteration:
            return
        yield bytes(piece)


def _folder(folder: Path) -> LocalStore:
    """Only we may look in it, where we make it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        what = f"POSTKAMER_OBJECT_STORE: the folder cannot be used ({error.strerror})"
        raise OSError(error.errno, what) from None
    return LocalStore(folder)


def _bucket(url: str) -> S3Store:
    """Keys, region and address of the server are in the environment, as for every client of S3:
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL."""
    return S3Store.from_url(
        url,
        copy_if_not_exists="multipart",  # Amazon's way; other stores may overwrite
        client_options={
            "allow_http": True,  # where AWS_ENDPOINT_URL says so: a store on a network of its own
            "timeout": timedelta(seconds=REQUEST_SECONDS),
            "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
        },
        retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    )


def _write_through(folder: Path, key: str) -> None:
    """To disk: obstore writes a file beside its place and renames it, and syncs neither."""
    path = folder / key
    for place in (path, path.parent, folder):
        _sync(place)


def _fix(folder: Path, old: str, new: str) -> None:
    """Read-only, and on disk; and that the old name is gone too: nobody looks for it again."""
    (folder / new).chmod(READ_ONLY)
    _write_through(folder, new)
    _sync((folder / old).parent)


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_parts(path: Path) -> None:
    """obstore's names for what is being written: `key#1`."""
    for part in path.parent.glob(f"{path.name}#*"):
        part.unlink(missing_ok=True)
