"""The working keys of a process, and how they seal.

    master (POSTKAMER_WORKING_KEY) > key of a day, for queues or tables > message, column
                                   > standing key                        > name that is looked up

A sealed value names its key, so that keys change while values wait. A value without the mark of a
sealed one was written by a version that did not seal, and is returned as it is.

A queue's keys and a table's keys differ, because the broker keeps acknowledged messages in its
files: the key of a queue is destroyed as soon as all queues were empty after its day.
"""

import asyncio
import os
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable
from datetime import date, timedelta
from hashlib import blake2b
from typing import Literal, NamedTuple

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
TEXT_HEAD = len(TEXT_MARK) + 2 * ID_BYTES
"""Characters before the base64 of a sealed text or name: the mark, and its key's id in hex."""
NOT_READ = "the working keys were not read yet"
_NONCE = len(MARK) + ID_BYTES
_SEALED = _NONCE + NONCE_BYTES
"""Places in sealed bytes of the nonce, and of what is sealed."""


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


class _Seal(NamedTuple):
    """Key that seals now, and the starts of its values."""

    cipher: AESGCM
    head: bytes
    text_head: str


class KeyRing:
    """Working keys by their id, and the one of each kind that seals now."""

    def __init__(self) -> None:
        self._ciphers: dict[bytes, AESGCM] = {}
        self._texts: dict[str, AESGCM] = {}
        """The same by the start of their texts."""
        self._days: dict[bytes, tuple[Kind, date]] = {}
        self._current: dict[str, _Seal] = {}
        self._standing: dict[str, AESSIV] = {}
        """Keys of names by the start of these."""
        self._names: tuple[str, AESSIV] | None = None
        """Start of a sealed name, and the key that seals it."""
        self._heads: frozenset[str] = frozenset()
        """Starts of texts and names that are sealed now."""
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
                cipher = AESGCM(each.key)
                self._ciphers[each.id] = self._texts[TEXT_MARK + each.id.hex()] = cipher
                self._days[each.id] = each.kind, each.day
        self.advance(today)

    def advance(self, today: date) -> None:
        """Seal with the newest keys that have begun, unless they are older than SEALS_DAYS."""
        begun = [
            (day, id, kind)
            for id, (kind, day) in self._days.items()
            if timedelta(0) <= today - day <= timedelta(SEALS_DAYS)
        ]
        self._current = {
            kind: _Seal(self._ciphers[id], MARK + id, TEXT_MARK + id.hex())
            for _, id, kind in sorted(begun)
        }
        texts = [seal.text_head for kind, seal in self._current.items() if kind == "table"]
        self._heads = frozenset([*texts, self._names[0]] if self._names else texts)
        if self._names and len(self._current) == len(DAILY):
            self.ready.set()
        else:
            self.ready.clear()

    def _install_standing(self, standing: WorkingKey) -> None:
        names = AESSIV(blake2b(b"names", key=standing.key, digest_size=64).digest())
        head = NAME_MARK + standing.id.hex()
        self._standing[head] = names
        self._names = head, names
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

    def covers(self, today: date) -> bool:
        """Return True if there are keys of today and of tomorrow."""
        wanted = {(kind, today + timedelta(n)) for kind in DAILY for n in (0, 1)}
        return wanted <= set(self._days.values())

    def forget(self, ids: Iterable[bytes]) -> None:
        """Drop destroyed keys, which open nothing from now on."""
        for id in ids:
            self._ciphers.pop(id, None)
            self._texts.pop(TEXT_MARK + id.hex(), None)
            self._days.pop(id, None)

    def seal(self, plain: bytes, use: str, bound: bytes) -> bytes:
        """Seal bytes of a row for one use, such as `delivery`, and what they are bound to; they
        open for no other.

        Raises NoWorkingKey."""
        seal, nonce = self._seal_now("table"), os.urandom(NONCE_BYTES)
        return seal.head + nonce + seal.cipher.encrypt(nonce, plain, use.encode() + bound)

    def seal_buffer(self, plain: bytes, use: str, kind: Kind) -> bytearray:
        """Seal for a use, without a second copy of what may be 4 MiB."""
        seal, nonce = self._seal_now(kind), os.urandom(NONCE_BYTES)
        head = seal.head + nonce
        buffer = bytearray(len(head) + len(plain) + TAG_BYTES)
        buffer[: len(head)] = head
        seal.cipher.encrypt_into(nonce, plain, use.encode(), memoryview(buffer)[len(head) :])
        return buffer

    def unseal(self, value: bytes, use: str, bound: bytes) -> bytes:
        """Open bytes of a row; empty ones stay empty. Open ones were put there by hand. Raises
        KeyUnknown and Unsealable."""
        if value and not value.startswith(MARK):
            raise Unsealable(f"a value of {use} is not sealed")
        return self.unseal_buffer(value, use, bound)

    def unseal_buffer(self, value: bytes, use: str, bound: bytes = b"") -> bytes:
        """Open sealed bytes; others stay as they are. Raises KeyUnknown and Unsealable."""
        if not value.startswith(MARK):
            return value
        id = value[len(MARK) : _NONCE]
        cipher = self._ciphers.get(id)
        if cipher is None:
            raise self._unknown(id, use)
        try:
            return cipher.decrypt(value[_NONCE:_SEALED], value[_SEALED:], use.encode() + bound)
        except (InvalidTag, ValueError):
            raise Unsealable(f"a sealed value of {use} was altered") from None

    def seal_text(self, text: str, use: str, bound: bytes) -> str:
        """Seal a text of a row as a text; an empty one stays empty. Raises NoWorkingKey."""
        if not text:
            return ""
        seal, nonce = self._seal_now("table"), os.urandom(NONCE_BYTES)
        plain = text.encode("utf-8", "surrogatepass")
        sealed = seal.cipher.encrypt(nonce, plain, use.encode() + bound)
        return seal.text_head + b2a_base64(nonce + sealed, newline=False).decode()

    def seal_name(self, name: str, use: str, bound: bytes = b"") -> str:
        """Seal an identifier: equal ones become equal texts, so that they can be looked up (RFC
        5297). One that is not looked up may be bound. Raises NoWorkingKey."""
        if not name:
            return ""
        if self._names is None:
            raise NoWorkingKey(NOT_READ)
        head, cipher = self._names
        sealed = cipher.encrypt(name.encode("utf-8", "surrogatepass"), [use.encode() + bound])
        return head + b2a_base64(sealed, newline=False).decode()

    def seal_lasting(self, plain: bytes, use: str, bound: bytes) -> bytes:
        """Seal bytes of a row that no end of a day's key may shut. Raises NoWorkingKey."""
        if self._names is None:
            raise NoWorkingKey(NOT_READ)
        head, cipher = self._names
        return head.encode() + cipher.encrypt(plain, [use.encode() + bound])

    def unseal_lasting(self, value: bytes, use: str, bound: bytes) -> bytes:
        """Open such bytes. Raises KeyUnknown, Unsealable and NoWorkingKey."""
        if self._names is None:
            raise NoWorkingKey(NOT_READ)
        head = value[:TEXT_HEAD].decode("ascii", "replace")
        cipher = self._standing.get(head)
        if cipher is None:
            raise self._not_open_lasting(head, use)
        try:
            return cipher.decrypt(value[TEXT_HEAD:], [use.encode() + bound])
        except (InvalidTag, ValueError):
            raise Unsealable(f"a sealed value of {use} was altered or cut off") from None

    def _not_open_lasting(self, head: str, use: str) -> Exception:
        """Return the error of lasting bytes whose key is not here, or that name none."""
        try:
            id = bytes.fromhex(head.removeprefix(NAME_MARK))
        except ValueError:
            id = b""
        if head.startswith(NAME_MARK) and len(id) == ID_BYTES:
            return self._unknown(id, use)
        return Unsealable(f"a value of {use} is not sealed")

    def unseal_text(self, value: str, use: str, bound: bytes = b"") -> str:
        """Open a sealed text or name. An open one that ought to be bound was put there by hand.
        Raises KeyUnknown and Unsealable."""
        head, use_bytes = value[:TEXT_HEAD], use.encode() + bound
        try:
            if cipher := self._texts.get(head):
                sealed = a2b_base64(value[TEXT_HEAD:], strict_mode=True)
                plain = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], use_bytes)
            elif names := self._standing.get(head):
                plain = names.decrypt(a2b_base64(value[TEXT_HEAD:], strict_mode=True), [use_bytes])
            elif head.startswith((TEXT_MARK, NAME_MARK)):
                raise self._not_open(value, use)
            elif value and bound:
                raise Unsealable(f"a value of {use} is not sealed")
            else:
                return value
        except (InvalidTag, ValueError):
            raise Unsealable(f"a sealed value of {use} was altered or cut off") from None
        return plain.decode("utf-8", "surrogatepass")

    def _not_open(self, value: str, use: str) -> Exception:
        """Return the error of a sealed text whose key is not here, or that names none."""
        try:
            a2b_base64(value[TEXT_HEAD:], strict_mode=True)
            return self._unknown(bytes.fromhex(value[len(TEXT_MARK) : TEXT_HEAD]), use)
        except ValueError:
            return Unsealable(f"a sealed value of {use} is cut off")

    def is_current(self, sealed: str) -> bool:
        """Return True if a text or a name is sealed under the key that seals now. Such a value may
        be stored again as it is; any other has to be sealed again, or its key could not end."""
        return sealed[:TEXT_HEAD] in self._heads

    def hash(self, value: bytes, use: str) -> bytes:
        """Return a keyed hash of 32 bytes, the same for ever. Raises NoWorkingKey."""
        if not self._hashing:
            raise NoWorkingKey(NOT_READ)
        return blake2b(value, key=self._hashing, digest_size=32, person=_person(use)).digest()

    def stream_key(self, salt: bytes) -> StreamKey:
        """Return the key of one file, whose `salt` is used for no other. Raises NoWorkingKey."""
        return StreamKey(self.hash(salt, "file"), b"upload")

    def _seal_now(self, kind: Kind) -> _Seal:
        try:
            return self._current[kind]
        except KeyError:
            raise NoWorkingKey(NOT_READ) from None

    def _unknown(self, id: bytes, use: str) -> KeyUnknown:
        if id not in self._absent:
            self._missed.add(id)
            self.complete.clear()
        return KeyUnknown(f"a value of {use} is sealed under the working key {id.hex()}", id)


def _person(use: str) -> bytes:
    return use.encode()[:16]


RING = KeyRing()
"""Keys of this process. It has one ring, as it has one log."""
