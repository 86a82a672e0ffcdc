"""Tolerant reader of JSON: it accepts any value, and its results can be stored and sent.

Types vary in Meta's bodies (a number here, a string there), so every function accepts anything and
returns '', None or {} for a value that it cannot use. No result has U+0000 (PostgreSQL cannot store
it), an integer over 64 bits or an infinity (MessagePack and JSON cannot carry them).
"""

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

MAX_ITEM_DEPTH = 64
"""Levels of nesting in one item. Meta's deepest known message has 8; each level takes our functions
a few of Python's 1000 stack frames."""

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
"""Smallest timestamp in milliseconds: as seconds it is the year 33658, as milliseconds 2001."""
_YEAR_10000 = 253402300800.0


class UnreadableJson(ValueError):
    """A value that cannot be read. The message gives the reason and quotes nothing."""


def is_too_deep(body: bytes, levels: int) -> bool:
    """Return True if `body` nests deeper than `levels`, or is never closed.

    It does not recurse, so the result does not depend on the depth of the caller's stack. Each
    round removes the innermost pairs of brackets.
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
    """Replace every byte that is no UTF-8, and every unpaired surrogate escape, by U+FFFD."""
    body = body.decode(errors="replace").encode()
    return _ESCAPES.sub(lambda m: rb"\ufffd" if m["unpaired"] else m[0], body)


def members(raw: bytes | msgspec.Raw | None) -> dict[str, msgspec.Raw] | None:
    """Return the undecoded members of an object; None if it is no object."""
    if raw is None:
        return None
    try:
        return _OBJECT.decode(raw)
    except msgspec.ValidationError:
        return None


def elements(raw: bytes | msgspec.Raw | None) -> list[msgspec.Raw] | None:
    """Return the undecoded elements of an array; None if it is no array."""
    if raw is None:
        return None
    try:
        return _LIST.decode(raw)
    except msgspec.ValidationError:
        return None


def scalar(raw: bytes | msgspec.Raw | None) -> str:
    """Return the text or number in `raw` as text; '' for any other value."""
    if raw is None:
        return ""
    try:
        return text(make_storable(_SCALAR.decode(raw)))
    except msgspec.ValidationError:
        return ""


def read(raw: bytes) -> Any:
    """Decode the value in `raw`, fit to be stored and sent. Raises UnreadableJson."""
    if is_too_deep(raw, MAX_ITEM_DEPTH):
        raise UnreadableJson("nested too deeply")
    try:
        value = _ANY.decode(raw)
    except msgspec.ValidationError:  # a number out of range
        value = json.loads(raw, parse_int=_integer, parse_float=_float)
    return make_storable(value) if rb"\u0000" in raw or not _is_encodable(value) else value


def read_object(raw: bytes) -> dict[str, Any]:
    """Decode the object in `raw`, as `read` does. Raises UnreadableJson."""
    value = read(raw)
    if not isinstance(value, dict):
        raise UnreadableJson("no object where one belongs")
    return value


def make_storable(value: Any) -> Any:
    """Replace the parts of `value` that cannot be stored or sent."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd") if "\0" in value else value
    if isinstance(value, dict):
        return {make_storable(name): make_storable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [make_storable(element) for element in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def _is_encodable(value: Any) -> bool:
    """Return True if MessagePack can carry `value`, in a tenth of the time of `make_storable`."""
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
    """Return `value` as text if it is text or a number, else ''."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def fields(value: Any) -> dict[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in `value` if it is an array, else none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def code(value: Any) -> int:
    """Return Meta's code, or 0 for no code; codes have at most 9 digits and fit an int4."""
    digits = text(value)
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 9 else 0


def parse_timestamp(value: Any) -> datetime | None:
    """Parse seconds or milliseconds since 1970, as a number or as text; None if it is neither."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    if seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    return datetime.fromtimestamp(seconds, UTC) if 0 < seconds < _YEAR_10000 else None
