"""The key under which a municipality travels: it seals all that the package must not show."""

import base64
import binascii
import os
from hashlib import blake2b
from pathlib import Path

import msgspec

from services.sealing.stream_sealing import StreamKey
from services.sealing.wrapping import KEY_BYTES, NONCE_BYTES, CannotDecrypt, unwrap, wrap

LINE = "line"
MANIFEST = "manifest"
FILE = "file"
"""Uses of keys that are derived from the transport key."""


class BadKeyFile(Exception):
    """The file is not one with a transport key. The message says what is wrong."""


class TransportKey:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def seal(self, plain: bytes, name: str) -> bytes:
        """Seal a value, bound to its name: it opens under no other."""
        return wrap(self._derive(LINE), plain, name, os.urandom(NONCE_BYTES))

    def open(self, sealed: bytes, name: str) -> bytes:
        """Open a value. Raises CannotDecrypt."""
        return unwrap(self._derive(LINE), sealed, name)

    def stream_key(self, name: str) -> StreamKey:
        """Return the key of one file of the package."""
        return StreamKey(self._derive(f"{FILE} {name}"), name.encode())

    def mac(self, content: bytes) -> str:
        """Return the keyed hash of the manifest, in hex: it says that who wrote it had the key."""
        return blake2b(content, key=self._derive(MANIFEST), digest_size=32).hexdigest()

    def seal_line(self, row: object, name: str) -> bytes:
        """Return a sealed line of a file, with its end."""
        return base64.b64encode(self.seal(msgspec.json.encode(row), name)) + b"\n"

    def open_line(self, line: bytes, name: str) -> bytes:
        """Return the JSON of a sealed line. Raises CannotDecrypt."""
        try:
            sealed = base64.b64decode(line.rstrip(b"\n"), validate=True)
        except binascii.Error:
            raise CannotDecrypt("a line is no base64") from None
        return self.open(sealed, name)

    def _derive(self, use: str) -> bytes:
        return blake2b(use.encode(), key=self._key, digest_size=32, person=b"transport").digest()


def read_key(path: Path) -> TransportKey:
    """Read the key from its file. Raises BadKeyFile."""
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except OSError as error:
        raise BadKeyFile(f"{path}: {error.strerror}") from None
    except binascii.Error:
        raise BadKeyFile(f"{path}: expected 32 bytes in base64") from None
    if len(key) != KEY_BYTES:
        raise BadKeyFile(f"{path}: expected 32 bytes in base64")
    return TransportKey(key)


def ensure_key(path: Path) -> TransportKey:
    """Read the key from its file, which is made with a new key if there is none. Raises
    BadKeyFile."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        pass
    except OSError as error:
        raise BadKeyFile(f"{path}: {error.strerror}") from None
    return read_key(path)
