"""Folder of the signer: its key, and what it signed last. Only its own user may read it."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from archiver.signing.signing_keys import SeedKey, SigningKey, Token, TokenKey
from archiver.signing.signing_policy import LastSigned

KEY, LAST = "key.json", "signed.json"
OTHERS = 0o077
"""Rights of all but the owner."""

T = TypeVar("T")


class UnusableFolder(Exception):
    """The folder is not that of a signer. The message says why."""


class KeyFile(msgspec.Struct, frozen=True, rename="camel"):
    """The name of the log and its public key, with the seed or the place of a token."""

    log: str
    public_key: bytes
    seed: bytes = b""
    module: str = ""
    token: str = ""


class SignerFolder:
    """Folder whose two files are there from the beginning: if what was signed last is gone, nothing
    is signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, make_key: Callable[[], KeyFile]) -> None:
        """Make a key, and write the files of a new signer. Raises UnusableFolder or OSError."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (self._folder / KEY).exists():
            raise UnusableFolder("it has a key already, and a log has one key for ever")
        self.write_last(LastSigned())
        self._write(KEY, msgspec.json.encode(make_key()))

    def read_key(self) -> KeyFile:
        path = self._folder / KEY
        if path.exists() and path.stat().st_mode & OTHERS:
            raise UnusableFolder(f"{KEY} can be read by others: chmod 600")
        return self._read(KEY, KeyFile)

    def read_last(self) -> LastSigned:
        return self._read(LAST, LastSigned)

    def write_last(self, last: LastSigned) -> None:
        self._write(LAST, msgspec.json.encode(last))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes out while this one signs. Raises UnusableFolder."""
        try:
            handle = os.open(self._folder, os.O_RDONLY)
        except OSError as error:
            raise UnusableFolder(str(error.strerror)) from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UnusableFolder("another signer uses it") from None
            yield
        finally:
            os.close(handle)

    def _read(self, name: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode((self._folder / name).read_bytes(), type=kind)
        except FileNotFoundError:
            raise UnusableFolder(f"{name} is missing") from None
        except (msgspec.MsgspecError, OSError):
            raise UnusableFolder(f"{name} cannot be read") from None

    def _write(self, name: str, content: bytes) -> None:
        """Replace a file. It is on disk, whole, when this returns."""
        new = self._folder / f"{name}.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        os.replace(new, self._folder / name)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def open_key(file: KeyFile, pin: str) -> SigningKey:
    """Return the key of a folder, which is used when something is signed."""
    if file.module:
        return TokenKey(Token(file.module, file.token, pin), file.public_key)
    return SeedKey(file.seed)
