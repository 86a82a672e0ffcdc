"""Reads JSON that keeps no promises: whatever stands there, what comes out can be stored and sent.

Types vary in Meta's bodies (a number here, a string there), so every reader takes anything and
gives '' or None or {} for what it cannot use. Out comes no U+0000 (PostgreSQL stores none), no
integer over 64 bits and no infinity (neither MessagePack nor JSON carries them).
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

MAX_ITEM_DEPTH = 64
"""Levels of nesting in one item. Meta's deepest known message has 8; one level of ours is a few
stack frames of Python's 1000."""

_ANY = msgspec.json.Decoder()
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_SCALAR = msgspec.json.Decoder(str | int | float | bool | None)
_MSGPACK = msgspec.msgpack.Encoder()

_ESCAPES = re.compile(
    rb"\\\\"
    rb"|\\u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<unpaired>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_MILLISECONDS_FROM = 1e12
"""Read as seconds this is the year 33658, as milliseconds 2001."""
_YEAR_10000 = 253402300800.0


class UnreadableJson(ValueError):
    """Not what belongs in this place. Says why, and nothing of what stands there."""


def too_deep(body: bytes, levels: int) -> bool:
    """Whether `body` nests deeper than `levels`, or is never closed.

    Found without recursion, so the answer does not depend on how deep the caller's stack is: each
    round takes away the innermost pairs of brackets.
    """
    if body.count(b"[") + body.count(b"{") <= levels:
        return False
    unescaped = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside_strings = b"".join(unescaped.split(b'"')[::2])
    brackets = outside_strings.translate(_BRACKETS, _NOT_BRACKETS)
    for _ in range(levels):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def repair_surrogates(body: bytes) -> bytes:
    """`body` with U+FFFD for every byte that is no UTF-8 and every unpaired surrogate escape."""
    body = body.decode(errors="replace").encode()
    return _ESCAPES.sub(lambda m: rb"\ufffd" if m["unpaired"] else m[0], body)


def members(raw: bytes | msgspec.Raw | None) -> dict[str, msgspec.Raw] | None:
    """The members of an object, unread; None where it is no object."""
    if raw is None:
        return None
    try:
        return _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return None


def elements(raw: bytes | msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """The elements of an array, unread; None where it is no array."""
    if raw is None:
        return None
    try:
        return _LIST.decode(raw)
    except msgspec.ValidationError:
        return None


def scalar(raw: bytes | msgspec.Raw | None) -> str:
    """The text or number that stands in `raw`."""
    if raw is None:
        return ""
    try:
        return text(storable(_SCALAR.decode(raw)))
    except msgspec.ValidationError:
        return ""


def read(raw: bytes) -> Any:
    """The value in `raw`, fit to be stored and sent. Raises Odd."""
    if too_deep(raw, MAX_ITEM_DEPTH):
        raise UnreadableJson("nested too deeply")
    try:
        value = _ANY.decode(raw)
    except msgspec.ValidationError:  # a number out of every range
        value = json.loads(raw, parse_int=_integer, parse_float=_float)
    return storable(value) if rb"\u0000" in raw or not _travels(value) else value


def record(raw: bytes) -> dict[str, Any]:
    """The object in `raw`, as `read` gives it. Raises Odd."""
    value = read(raw)
    if not isinstance(value, dict):
        raise UnreadableJson("no object where one belongs")
    return value


def storable(value: Any) -> Any:
    """`value` without what cannot be stored or sent."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, dict):
        return {storable(name): storable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [storable(element) for element in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def _travels(value: Any) -> bool:
    """Whether MessagePack can carry it; a tenth of the price of looking at every member."""
    try:
        _MSGPACK.encode(value)
    except OverflowError:
        return False
    return True


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= 20 else digits  # 2**64 has 20 digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def text(value: Any) -> str:
    """`value` as text, where it is text or a number."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def fields(value: Any) -> dict[str, Any]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in `value`, where it is an array."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def code(value: Any) -> int:
    """A code of Meta's, 0 where there is none; codes have at most 9 digits, and fit an int4."""
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0


def parse_timestamp(value: Any) -> datetime | None:
    """A moment given in seconds or milliseconds since 1970, as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _YEAR_10000 else None
