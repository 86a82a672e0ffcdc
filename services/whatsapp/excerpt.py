"""Excerpt of a webhook body: one item in its surroundings, without the items beside it. Pure.

A parser reads it as it read the body. Its bytes are no longer those that were signed.
"""

from collections.abc import Sequence

import msgspec

from services.whatsapp.items import AnyItem
from services.whatsapp.lenient_json import elements, members
from services.whatsapp.parser import parse

MAX_BODY = 256 * 1024
"""Largest body to cut, in bytes. If each of 900 items is cut out of one, it takes three seconds;
only history is larger, and no department waits for that."""
ODD = msgspec.MsgspecError, ValueError, RecursionError
"""Errors of a body that can be read and not cut: half a character, odd bytes, depth."""
_LIST = ord("[")


def cut_excerpt(body: bytes, item: AnyItem) -> bytes | None:
    """Return the body with this item alone; None if it cannot be cut out with certainty."""
    if len(body) > MAX_BODY or item.raw not in body:
        return None
    try:
        excerpt = _keep(body, [raw for raw in (item.raw, item.contact) if raw])
        found = parse(excerpt)
    except ODD:  # the parser reads more than msgspec does
        return None
    return excerpt if found and all(each.raw == item.raw for each in found) else None


def _keep(raw: bytes, wanted: Sequence[bytes]) -> bytes:
    """Return a JSON value without the elements, in any list of it, that hold nothing wanted."""
    if raw in wanted or not _holds(raw, wanted):
        return raw
    if (parts := members(raw)) is None:
        values = [bytes(part) for part in elements(raw) or ()]
        # A list of items has them as they are: only a list around it is searched.
        kept = [value for value in values if value in wanted]
        kept = kept or [_keep(value, wanted) for value in values if _holds(value, wanted)]
        return msgspec.json.encode([msgspec.Raw(value) for value in kept])
    return msgspec.json.encode(
        {
            name: msgspec.Raw(_keep(bytes(part), wanted))
            for name, part in parts.items()
            if bytes(part)[0] != _LIST or _holds(part, wanted)
        }
    )


def _holds(raw: bytes | msgspec.Raw, wanted: Sequence[bytes]) -> bool:
    return any(each in bytes(raw) for each in wanted)
