"""Ids that sort by time, made from a moment and random bytes. Pure: `services.clock` has both."""

import base64
import re
import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_VERSION = 7 << 76 | 2 << 62
"""Version and variant of a UUIDv7; the bits beside them are the next two."""
_RANDOM_A, _RANDOM_B = (1 << 12) - 1 << 64, (1 << 62) - 1

NUMBER = re.compile(r"[0-9]{5,32}")
"""Id of one of our numbers."""
CONVERSATION = re.compile(rf"({NUMBER.pattern})-[a-z2-7]{{26}}")
"""Id of a conversation: the id of our number (group 1), then 128 bits that cannot be guessed."""

UUID_FORM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def conversation_id(number: str, chance: bytes) -> str:
    """Return the id of a conversation at our number, from 128 bits that cannot be guessed."""
    return f"{number}-{base64.b32encode(chance).decode().rstrip('=').lower()}"


def parse_uuid(text: str) -> uuid.UUID | None:
    """Return a UUID in the notation of RFC 9562, or None. Parsers accept more: without hyphens, in
    braces, as a URN."""
    return uuid.UUID(text) if UUID_FORM.fullmatch(text) else None


def uuid7(at: datetime, chance: bytes) -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, 74 of `chance` (10 bytes).

    The same arguments give the same id, so an id that is derived from its subject can be derived
    again after a crash.
    """
    return uuid7_at(moment_bits(at), chance)


def ordered_uuid7(at: datetime, chance: bytes) -> uuid.UUID:
    """Return a UUIDv7 that sorts by the microsecond: after the milliseconds come 12 bits with the
    rest of the time (RFC 9562, section 6.2, method 3), then 62 of `chance` (8 bytes)."""
    fraction = at.microsecond % 1000 * 4096 // 1000
    random = int.from_bytes(chance[:8], "big") & _RANDOM_B
    return uuid.UUID(int=moment_bits(at) | fraction << 64 | random)


def moment_bits(at: datetime) -> int:
    """Return what all UUIDv7 of a moment have in common, for `uuid7_at`."""
    since = at - _EPOCH  # added up by hand: dividing time spans costs as much as all the rest
    milliseconds = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    return (milliseconds & (1 << 48) - 1) << 80 | _VERSION


def uuid7_at(moment: int, chance: bytes) -> uuid.UUID:
    """Return a UUIDv7 of a moment, as `moment_bits` gives it."""
    random = int.from_bytes(chance[:10], "big")
    return uuid.UUID(int=moment | random << 2 & _RANDOM_A | random & _RANDOM_B)


def min_id_at(at: datetime) -> uuid.UUID:
    """Return the lowest id of a moment, to the millisecond; before 1970, the lowest id of all."""
    return uuid.UUID(int=max(0, (at - _EPOCH) // _MILLISECOND) << 80)


def created_at(id: uuid.UUID) -> datetime:
    """Return the moment in a UUIDv7, to the millisecond."""
    return _EPOCH + (id.int >> 80) * _MILLISECOND
