"""The folder of a witness: its key, which is made once, and what it co-signed.

    key             name, id and secret, readable by its owner alone
    signed/         the newest co-signed checkpoint of each log, under the SHA-256 of its origin
    known           the size of that checkpoint and the origin, a line for each log
    refused/        signed checkpoints that contradict what was seen

A key without its `signed/` or `known` must not sign again: it would co-sign another beginning.
"""

import os
from pathlib import Path
from secrets import token_bytes

import msgspec

from services.transparency.signed_note import (
    COSIGNATURE,
    KEY_BYTES,
    NAME,
    Key,
    derive_public_key,
)

KEY, SIGNED, REFUSED, KNOWN = "key", "signed", "refused", "known"
LOST = (
    "`{}` beside the key is gone. A witness that forgot what it signed would sign"
    " another log too: make a new key in another folder, and tell the logs"
)


class KeyUnusable(Exception):
    """The key cannot be made or read; the message is a sentence."""


class WitnessKey(msgspec.Struct, frozen=True):
    key: Key
    seed: bytes

    def __repr__(self) -> str:
        return f"WitnessKey({self.key.name})"


def make_key(folder: Path, name: str) -> WitnessKey:
    """Make the folder and the key of a new witness. Raises KeyUnusable."""
    if not NAME.fullmatch(name):
        raise KeyUnusable("expected a name without spaces and +, such as witness.example.org/w1")
    seed = token_bytes(KEY_BYTES)
    made = WitnessKey(Key(name, derive_public_key(seed), COSIGNATURE), seed)
    try:
        for each in (folder, folder / SIGNED, folder / REFUSED):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / KNOWN).touch(mode=0o600)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(folder / KEY, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{name}\n{seed.hex()}\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(folder)
    except FileExistsError:
        raise KeyUnusable("there is a key in this folder already") from None
    except OSError as error:
        raise KeyUnusable(f"{folder}: {error.strerror}") from None
    return made


def load_key(folder: Path) -> WitnessKey:
    """Load the key of a witness. Raises KeyUnusable."""
    try:
        mode = (folder / KEY).stat().st_mode
        name, secret = (folder / KEY).read_text(encoding="utf-8").split()
        seed = bytes.fromhex(secret)
    except OSError as error:
        raise KeyUnusable(f"{folder / KEY}: {error.strerror}") from None
    except ValueError:  # its message quotes the secret
        raise KeyUnusable(f"{folder / KEY}: it is no key of a witness") from None
    if mode & 0o077:
        raise KeyUnusable(f"{folder / KEY}: others may read it: chmod 600")
    if len(seed) != KEY_BYTES:
        raise KeyUnusable(f"{folder / KEY}: it is no key of a witness")
    for each in (SIGNED, KNOWN):
        if not (folder / each).exists():
            raise KeyUnusable(LOST.format(each))
    return WitnessKey(Key(name, derive_public_key(seed), COSIGNATURE), seed)


def sync_folder(folder: Path) -> None:
    """Let the names of new files in a folder reach the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
