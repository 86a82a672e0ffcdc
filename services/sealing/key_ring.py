"""The working keys of a process, and how they seal.

    master (POSTKAMER_WORKING_KEY) > key of a day, for queues or tables > message, column
                                   > standing key                        > name that is looked up

A sealed value names its key, so that keys change while values wait. A value without the mark of a
sealed one was written by a version that did not seal, and is returned as it is.

A queue's keys and a table's keys differ, because the broker keeps acknowledged messages in its
files: the key of a queue is destroyed as soon as all queues were empty after its day.
"""

import asyncio
import base64
import os
from collections.abc import Iterable
from datetime import date, timedelta
from hashlib import blake2b
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from services.sealing.stream_sealing import TAG_BYTES, StreamKey
from services.sealing.wrapping import NONCE_BYTES

Kind = Literal["queue", "table", "standing"]
DAILY: tuple[Kind, ...] = ("queue", "table")
SEALS_DAYS = 2
"""Days after its own on which a key may still seal, in a process that cannot read newer ones. After
that nothing new lies under it, so that it can be destroyed."""
ID_BYTES = 8
MOST_ABSENT = 1000
"""Ids of absent keys that are remembered: a key a day for years. Altered values name others."""
MARK = b"\xc1PK1"
"""Start of sealed bytes. MessagePack never uses the byte C1, and no JSON begins with it."""
TEXT_MARK, NAME_MARK = "~1", "~2"
"""Starts of a sealed text and of a sealed name. No identifier of Meta's begins with a tilde."""


NOT_READ = "the working keys were not read yet"


class NoWorkingKey(Exception):
    """No working key could be read yet, since the database did not answer: try again."""


class KeyUnknown(KeyError):
    """A value is sealed under a key that this process does not have: another process made it a
    moment ago, or it was destroyed."""

    def __init__(self, reason: str, id: bytes = b"") -> None:
        super().__init__(reason)
        self.id = id


class Unsealable(ValueError):
    """A sealed value was altered, or is not of this use."""


class WorkingKey(msgspec.Struct, frozen=True):
    id: bytes
    kind: Kind
    day: date
    """First day (UTC) on which it seals."""
    key: bytes


class KeyRing:
    """Working keys by their id, and the one of each kind that seals now."""

    def __init__(self) -> None:
        self._ciphers: dict[bytes, AESGCM] = {}
        self._days: dict[bytes, tuple[Kind, date]] = {}
        self._current: dict[str, tuple[bytes, AESGCM]] = {}
        self._standing: dict[bytes, AESSIV] = {}
        self._names: tuple[bytes, AESSIV] | None = None
        self._hashing = b""
        self.ready = asyncio.Event()
        """Set while there is a key of each kind to seal with."""
        self.complete = asyncio.Event()
        """Cleared when a value asks for a key that is not here, set when the keys are read."""
        self.complete.set()
        self._missed: set[bytes] = set()
        """Keys that a value asked for since the last read."""
        self._absent: set[bytes] = set()
        """Keys that a read did not find: nobody waits for them again."""

    def install(self, keys: Iterable[WorkingKey], today: date) -> None:
        """Add these keys, and seal with those of today."""
        for each in keys:
            if each.kind == "standing":
                self._install_standing(each)
            elif each.id not in self._ciphers:
                self._ciphers[each.id] = AESGCM(each.key)
                self._days[each.id] = each.kind, each.day
        self.advance(today)

    def advance(self, today: date) -> None:
        """Seal with the newest keys that have begun, unless they are older than SEALS_DAYS."""
        begun = [
            (day, id, kind)
            for id, (kind, day) in self._days.items()
            if timedelta(0) <= today - day <= timedelta(SEALS_DAYS)
        ]
        self._current = {kind: (id, self._ciphers[id]) for _, id, kind in sorted(begun)}
        if self._names and len(self._current) == len(DAILY):
            self.ready.set()
        else:
            self.ready.clear()

    def _install_standing(self, standing: WorkingKey) -> None:
        names = AESSIV(blake2b(b"names", key=standing.key, digest_size=64).digest())
        self._standing[standing.id] = names
        self._names = standing.id, names
        self._hashing = blake2b(b"hashes", key=standing.key, digest_size=32).digest()

    def begin_read(self) -> set[bytes]:
        """Return the keys that are missed. Give them to `end_read` when the keys were read."""
        return set(self._missed)

    def end_read(self, missed: set[bytes]) -> None:
        """The keys were read after these were missed."""
        self._absent = (self._absent | missed) if len(self._absent) < MOST_ABSENT else missed
        self._missed -= missed
        if not self._missed:
            self.complete.set()

    def _miss(self, id: bytes) -> None:
        if id not in self._absent:
            self._missed.add(id)
            self.complete.clear()

    def covers(self, today: date) -> bool:
        """Return True if there are keys of today and of tomorrow."""
        wanted = {(kind, today + timedelta(n)) for kind in DAILY for n in (0, 1)}
        return wanted <= set(self._days.values())

    def forget(self, ids: Iterable[bytes]) -> None:
        """Drop destroyed keys, which open nothing from now on."""
        for id in ids:
            self._ciphers.pop(id, None)
            self._days.pop(id, None)

    def seal(self, plain: bytes, use: str, kind: Kind = "table") -> bytes:
        """Seal bytes for one use, such as `ledger.content`; they open for no other.

        Raises NoWorkingKey."""
        return bytes(self.seal_buffer(plain, use, kind))

    def seal_buffer(self, plain: bytes, use: str, kind: Kind = "table") -> bytearray:
        """Seal as `seal` does, without a second copy of what may be 4 MiB."""
        id, cipher = self._cipher(kind)
        nonce = os.urandom(NONCE_BYTES)
        head = MARK + id + nonce
        buffer = bytearray(len(head) + len(plain) + TAG_BYTES)
        buffer[: len(head)] = head
        cipher.encrypt_into(nonce, plain, use.encode(), memoryview(buffer)[len(head) :])
        return buffer

    def unseal(self, value: bytes, use: str) -> bytes:
        """Open sealed bytes. Raises KeyUnknown and Unsealable."""
        if not value.startswith(MARK):
            return value
        start = len(MARK)
        return self._open(value[start : start + ID_BYTES], value[start + ID_BYTES :], use)

    def seal_text(self, text: str, use: str) -> str:
        """Seal a text as a text; an empty one stays empty. Raises NoWorkingKey."""
        if not text:
            return ""
        id, nonce, sealed = self._seal(text.encode("utf-8", "surrogatepass"), use, "table")
        return TEXT_MARK + id.hex() + base64.b64encode(nonce + sealed).decode()

    def seal_name(self, name: str, use: str) -> str:
        """Seal an identifier: equal ones become equal texts, so that they can be looked up (RFC
        5297). Raises NoWorkingKey."""
        if not name:
            return ""
        if self._names is None:
            raise NoWorkingKey(NOT_READ)
        id, cipher = self._names
        sealed = cipher.encrypt(name.encode("utf-8", "surrogatepass"), [use.encode()])
        return NAME_MARK + id.hex() + base64.b64encode(sealed).decode()

    def unseal_text(self, value: str, use: str) -> str:
        """Open a sealed text or name. Raises KeyUnknown and Unsealable."""
        if not value.startswith((TEXT_MARK, NAME_MARK)):
            return value
        start = len(TEXT_MARK)
        end = start + 2 * ID_BYTES
        try:
            id, rest = bytes.fromhex(value[start:end]), base64.b64decode(value[end:], validate=True)
        except ValueError:
            raise Unsealable(f"a sealed value of {use} is cut off") from None
        plain = (self._open_name if value.startswith(NAME_MARK) else self._open)(id, rest, use)
        return plain.decode("utf-8", "surrogatepass")

    def hash(self, value: bytes, use: str) -> bytes:
        """Return a keyed hash of 32 bytes, the same for ever. Raises NoWorkingKey."""
        if not self._hashing:
            raise NoWorkingKey(NOT_READ)
        return blake2b(value, key=self._hashing, digest_size=32, person=_person(use)).digest()

    def stream_key(self, salt: bytes) -> StreamKey:
        """Return the key of one file, whose `salt` is used for no other. Raises NoWorkingKey."""
        return StreamKey(self.hash(salt, "file"), b"upload")

    def _seal(self, plain: bytes, use: str, kind: Kind) -> tuple[bytes, bytes, bytes]:
        id, cipher = self._cipher(kind)
        # Random, under a key of one day: of 100 million, two are equal once in 10^13 days.
        nonce = os.urandom(NONCE_BYTES)
        return id, nonce, cipher.encrypt(nonce, plain, use.encode())

    def _cipher(self, kind: Kind) -> tuple[bytes, AESGCM]:
        try:
            return self._current[kind]
        except KeyError:
            raise NoWorkingKey(NOT_READ) from None

    def _open(self, id: bytes, rest: bytes, use: str) -> bytes:
        cipher = self._ciphers.get(id)
        if cipher is None:
            self._miss(id)
            raise KeyUnknown(f"a value of {use} is sealed under the working key {id.hex()}", id)
        try:
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], use.encode())
        except (InvalidTag, ValueError):
            raise Unsealable(f"a sealed value of {use} was altered") from None

    def _open_name(self, id: bytes, sealed: bytes, use: str) -> bytes:
        cipher = self._standing.get(id)
        if cipher is None:
            self._miss(id)
            raise KeyUnknown(f"a name of {use} is sealed under the standing key {id.hex()}", id)
        try:
            return cipher.decrypt(sealed, [use.encode()])
        except (InvalidTag, ValueError):
            raise Unsealable(f"a sealed name of {use} was altered") from None


def _person(use: str) -> bytes:
    return use.encode()[:16]


RING = KeyRing()
"""Keys of this process. It has one ring, as it has one log."""
