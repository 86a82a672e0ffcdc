"""The object store for data too large for a database row: a folder, or a bucket of S3.

Objects are streamed in both directions. When `put` returns, the object is on disk or acknowledged
by S3. An object that was not written whole does not exist.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from services.config.settings import read
from services.files.volume import VolumeWatch

if TYPE_CHECKING:  # obstore has it for the checker alone
    from obstore.store import S3Config

PIECE_BYTES = 5 * 1024 * 1024
"""Size of one write: the smallest part of a multipart upload that S3 accepts."""
PIECES_AT_ONCE = 2
"""Pieces of one object in transfer; these and the piece being filled are in memory."""
READ_BYTES = 256 * 1024
"""Smallest size of a piece when reading."""
REQUEST_SECONDS, CONNECT_SECONDS = 60.0, 5.0
"""Timeouts of one request to S3, which carries at most one part, and of its connection."""
RETRY_SECONDS = 60.0
"""Time in which a request to S3 is retried; after it S3 counts as unavailable."""
KEYS = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
}
"""Variable with a key of a bucket -> its name in the library."""
KEY = re.compile(
    r"[a-z]+/([0-9a-f-]{36}|[0-9a-f]{64}|[0-9]{20}(-[0-9a-f]{8})?"
    r"|[0-9]{5,32}-[a-z2-7]{26}-[0-9a-f]{64}\.(html|pdf))"
)

SEALED = "sealed"
HEADS = "head"
LOSSES = "loss"
TOKENS = "tokens"
ORDERS = "destruction"
OUTCOMES = "outcome"
READ_ONLY = 0o400

T = TypeVar("T")


class StoreUnavailable(Exception):
    """The store failed, and may succeed later. The message names the kind of fault."""


class ObjectNotFound(Exception):
    """There is no such object."""


class ObjectExists(Exception):
    """An object with this key exists already."""


def upload_key(object: UUID) -> str:
    """Return the key of a file that a CRM uploaded."""
    return f"upload/{object}"


def media_key(object: UUID) -> str:
    """Return the temporary key of a file of a message, until it is stored whole."""
    return f"media/{object}"


def sealed_key(sha256: str) -> str:
    """Return the permanent key of an encrypted file, by the SHA-256 of its bytes, in hex."""
    return f"{SEALED}/{sha256}"


def thumbnail_key(message: UUID) -> str:
    """Return the key of the thumbnail of a message's picture."""
    return f"thumbnail/{message}"


def checkpoint_key(size: int) -> str:
    """Return the key of a checkpoint of the log, by the size of the log."""
    return f"checkpoint/{size:020}"


def head_key(microseconds: int) -> str:
    """Return the key of a head of the log, by the time at which it was kept."""
    return f"{HEADS}/{microseconds:020}"


def loss_key(microseconds: int) -> str:
    """Return the key of a loss of the log, by the time at which it was found."""
    return f"{LOSSES}/{microseconds:020}"


def tokens_key(operations: int, unique: str) -> str:
    """Return the key of what is known of the tokens after this many operations on them. `unique`:
    eight digits in hex, since two archivers may know as much."""
    return f"{TOKENS}/{operations:020}-{unique}"


def order_key(number: int) -> str:
    """Return the key of an order of destruction."""
    return f"{ORDERS}/{number:020}"


def outcome_key(number: int) -> str:
    """Return the key of what became of an order of destruction."""
    return f"{OUTCOMES}/{number:020}"


def cosignature_key(size: int, key: str) -> str:
    """Return the key of a co-signed checkpoint, by the size of the log and the id of the witness's
    key."""
    return f"cosignature/{size:020}-{key}"


def transcript_key(conversation: str, sha256: str, ending: str) -> str:
    """Return the key of a transcript that is handed over, by the SHA-256 of its bytes, in hex."""
    return f"transcript/{conversation}-{sha256}.{ending}"


def timestamp_key(size: int) -> str:
    """Return the key of a time stamp on the checkpoint of this size."""
    return f"timestamp/{size:020}"


class ObjectStore:
    """A store at `url`, which the settings validate: `file:///folder` or `s3://bucket/prefix`.

    Raises OSError if the folder is not writable. One that is only read must exist, and need not be.
    """

    def __init__(self, url: str, *, is_read_only: bool = False) -> None:
        self._folder = Path(unquote(urlsplit(url).path)) if url.startswith("file:") else None
        self._bucket = None if self._folder else _Bucket(url)
        if self._folder:
            self._local = _open_folder(self._folder, is_read_only=is_read_only)
        self.volume = VolumeWatch(self._folder)

    @property
    def _store(self) -> LocalStore | S3Store:
        """Raises StoreUnavailable if the authorities of a bucket cannot be used."""
        return self._bucket.store() if self._bucket else self._local

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        """Store an object, whole or not at all. Raises StoreUnavailable, and what `pieces`
        raises."""
        path = _check_key(key)
        file = obstore.open_writer_async(
            self._store, path, buffer_size=PIECE_BYTES, max_concurrency=PIECES_AT_ONCE
        )
        # Not obstore's `put`, which goes on reading `pieces` after it has been cancelled.
        try:
            await file.__aenter__()
            async for piece in pieces:
                await _translate_errors(file.write(piece))
        except BaseException as error:
            with suppress(BaseError, OSError):
                await file.__aexit__(type(error), error, error.__traceback__)
            raise
        await _translate_errors(file.__aexit__(None, None, None))
        if self._folder:
            await _translate_errors(asyncio.to_thread(_sync_file, self._folder, path))

    async def create(self, key: str, content: bytes) -> None:
        """Store a small object under a new key. Raises ObjectExists or StoreUnavailable."""
        path = _check_key(key)
        work = obstore.put_async(self._store, path, content, mode="create", use_multipart=False)
        await _translate_errors(work)
        if self._folder:
            await _translate_errors(asyncio.to_thread(_sync_file, self._folder, path))

    async def make_permanent(self, key: str, name: str) -> None:
        """Move an object to its permanent key, which is a hash of its contents.

        An object that exists under that key is the same one, from an attempt of which the answer
        was lost. In a folder the file becomes read-only. Raises ObjectNotFound or StoreUnavailable.
        """
        path, new = _check_key(key), _check_key(name)
        try:
            await _translate_errors(obstore.rename_async(self._store, path, new, overwrite=False))
        except ObjectExists:
            await self.delete(key)
        if self._folder:
            await _translate_errors(asyncio.to_thread(_make_read_only, self._folder, path, new))

    async def exists(self, key: str) -> bool:
        """Return True if an object with this key exists. Raises StoreUnavailable."""
        try:
            await _translate_errors(obstore.head_async(self._store, _check_key(key)))
        except ObjectNotFound:
            return False
        return True

    async def keys(self, folder: str) -> AsyncIterator[str]:
        """Yield the keys in `folder`, in order. Raises StoreUnavailable."""
        stream = obstore.list(self._store, folder, chunk_size=1000).__aiter__()
        while True:
            try:
                entries = await _translate_errors(anext(stream))
            except StopAsyncIteration:
                return
            for entry in sorted(entries, key=lambda each: each["path"]):
                yield str(entry["path"])

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """Return the pieces of an object, from its first byte.

        Raises ObjectNotFound or StoreUnavailable, also while the pieces are read.
        """
        result = await _translate_errors(obstore.get_async(self._store, _check_key(key)))
        return _pieces(result)

    async def delete(self, key: str) -> None:
        """Delete an object, if it exists, and the parts of it that a killed process left."""
        work = _translate_errors(obstore.delete_async(self._store, _check_key(key)))
        if self._folder is None:
            await work  # S3 succeeds also without such an object; a 404 is about the bucket
            return
        with suppress(ObjectNotFound):
            await work
        await _translate_errors(asyncio.to_thread(_remove_parts, self._folder / key))


def _check_key(key: str) -> str:
    if not KEY.fullmatch(key):
        raise ValueError("a key is a word and an id of ours")
    return key


async def _translate_errors(work: Awaitable[T]) -> T:
    """Await the store; turn its errors, which quote paths, into ours, which do not."""
    try:
        return await work
    except FileNotFoundError:
        raise ObjectNotFound from None
    except AlreadyExistsError:
        raise ObjectExists from None
    except (BaseError, OSError) as error:
        raise StoreUnavailable(type(error).__name__) from None


async def _pieces(result: "obstore.GetResult") -> AsyncIterator[bytes]:
    stream = result.stream(min_chunk_size=READ_BYTES).__aiter__()
    while True:
        try:
            piece = await _translate_errors(anext(stream))
        except StopAsyncIteration:
            return
        yield bytes(piece)


def _open_folder(folder: Path, *, is_read_only: bool) -> LocalStore:
    """Open a folder. A new one is accessible only to this user."""
    if is_read_only:
        return LocalStore(folder.resolve(strict=True))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        what = f"POSTKAMER_OBJECT_STORE: the folder cannot be used ({error.strerror})"
        raise OSError(error.errno, what) from None
    return LocalStore(folder)


class _Bucket:
    """A bucket. The environment has the keys, region and address, as for every client of S3:
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL. A key may be in a file,
    as AWS_ACCESS_KEY_ID_FILE, and `cafile` in the URL names authorities beside those of the system:
    these files are read anew when one changes."""

    def __init__(self, url: str) -> None:
        """Raises ValueError if the URL is of no bucket."""
        self._url, _, query = url.partition("?")
        path = dict(parse_qsl(query)).get("cafile")
        self._authorities = Path(path) if path else None
        keys = (os.environ.get(f"{name}_FILE") for name in KEYS)
        self._files = [Path(each) for each in (path, *keys) if each]
        self._read: list[tuple[int, int, int]] = []
        """Time, number and size of each file when it was read."""
        self._opened = _open_bucket(self._url, "", {})

    def store(self) -> S3Store:
        try:
            found = [each.stat() for each in self._files]
            now = [(each.st_mtime_ns, each.st_ino, each.st_size) for each in found]
            if now != self._read:
                authorities = self._authorities.read_text() if self._authorities else ""
                self._opened = _open_bucket(self._url, authorities, _read_keys())
                self._read = now
        except (OSError, ValueError):
            what = "the file of authorities or of a key cannot be used"
            raise StoreUnavailable(what) from None
        return self._opened


def _read_keys() -> "S3Config":
    """Return the keys that are in files. The library takes the others from the environment."""
    keys = {
        field: value
        for name, field in KEYS.items()
        if f"{name}_FILE" in os.environ and (value := read(name, os.environ))
    }
    return cast("S3Config", keys)


def _open_bucket(url: str, authorities: str, keys: "S3Config") -> S3Store:
    """Open a bucket. ValueError if the URL is of no bucket, or the authorities are none."""
    try:
        return S3Store.from_url(
            url,
            config=keys,
            copy_if_not_exists="multipart",  # Amazon's way; other stores may overwrite
            client_options={
                "allow_http": True,  # if AWS_ENDPOINT_URL says so: the settings refuse other hosts
                "timeout": timedelta(seconds=REQUEST_SECONDS),
                "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                **({"root_certificate": authorities} if authorities else {}),
            },
            retry_config={"max_retries": 5, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        )
    except BaseError as error:
        raise ValueError(str(error)) from None


def _sync_file(folder: Path, key: str) -> None:
    """Sync a file to disk: obstore writes a temporary file and renames it, and syncs neither."""
    path = folder / key
    for place in (path, path.parent, folder):
        _sync(place)


def _make_read_only(folder: Path, old: str, new: str) -> None:
    """Make a file read-only and sync it; sync the removal of its old name too, as no later clean-up
    would find that name."""
    (folder / new).chmod(READ_ONLY)
    _sync_file(folder, new)
    _sync((folder / old).parent)


def _sync(place: Path) -> None:
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_parts(path: Path) -> None:
    """Remove files that obstore was writing, which it names `key#1`."""
    for part in path.parent.glob(f"{path.name}#*"):
        part.unlink(missing_ok=True)
