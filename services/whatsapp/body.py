"""The outer structure of a webhook body: its changes and their partition keys, and no more.

The gateway uses only this (`routing_keys`) and the parser begins with it, so the two cannot
disagree about the partition of an item.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from services.whatsapp.lenient_json import elements, is_too_deep, members, repair_surrogates, scalar

MAX_BODY_DEPTH = 256
"""Levels of nesting in one body. msgspec's own limit is the number of Python's 1000 stack frames
that are left."""
MAX_CHANGES = 10_000
"""Changes in one body: ten times the 1000 updates that Meta documents."""
MAX_KEYS = 1000
"""Partition keys in one body: one for each of Meta's 1000 updates. A body with more would not reach
all its partitions, so it is unparseable."""


class Unparseable(ValueError):
    """The body is no webhook of Meta. The message gives the reason and quotes nothing."""


def partition_key(number: str, waba: str) -> str:
    """Return the key of a change or an item: its number, else `waba:<id>`, else ''."""
    return number or (f"waba:{waba}" if waba else "")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one entry. `members` is None if it cannot be read; then `fault` is the
    reason."""

    raw: bytes
    """JSON of the value; without a value, of the whole change or entry."""
    waba: str = ""
    stamp: str = ""
    number: str = ""
    field: str = ""
    members: dict[str, msgspec.Raw] | None = None
    fault: str = ""

    @property
    def key(self) -> str:
        return partition_key(self.number, self.waba)


class _Metadata(msgspec.Struct, gc=False):
    phone_number_id: Annotated[str, msgspec.Meta(min_length=1)]


class _NumberedValue(msgspec.Struct, gc=False):
    metadata: _Metadata


class _Usual(msgspec.Struct, gc=False):
    """A usual change, which has a number."""

    value: _NumberedValue


class _Entry(msgspec.Struct):
    changes: Annotated[list[_Usual], msgspec.Meta(min_length=1)]


class _Body(msgspec.Struct):
    entry: list[_Entry]


_usual = msgspec.json.Decoder(_Body).decode


def routing_keys(body: bytes) -> list[str]:
    """Return the partition keys of the items in `body`, each once, in order of appearance.

    Empty if the body is unparseable or its items have no key. It never raises.
    """
    try:
        if (usual := _usual_keys(body)) is not None:
            return usual
        return list(dict.fromkeys(change.key for change in parse_changes(body) if change.key))
    except Unparseable:
        return []


def _usual_keys(body: bytes) -> list[str] | None:
    """Return the partition keys if each change has a number, in an eighth of the time of
    `parse_changes`. None if anything is unusual.

    A body that is too deep for `parse_changes` has no items, so its keys do not matter.
    """
    try:
        body.decode()
        entries = _usual(body).entry
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return None
    numbers = [c.value.metadata.phone_number_id for entry in entries for c in entry.changes]
    keys = list(dict.fromkeys(numbers))
    return keys if len(numbers) <= MAX_KEYS and "\0" not in "".join(keys) else None


def parse_changes(body: bytes) -> list[Change]:
    """Return every change in `body`; a fault in one change does not affect the others."""
    if is_too_deep(body, MAX_BODY_DEPTH):
        raise Unparseable("nested too deeply, or never closed")
    root = _root(body)
    entries = elements(root.get("entry")) if root else None
    if entries is None:
        raise Unparseable("no JSON object with a list of entries")
    changes: list[Change] = []
    for entry in entries:
        changes.extend(_changes_of(bytes(entry)))
        if len(changes) > MAX_CHANGES:
            raise Unparseable("too many changes")
    if len(changes) > MAX_KEYS and len({change.key for change in changes}) > MAX_KEYS:
        raise Unparseable("too many partition keys")
    return changes


def _root(body: bytes) -> dict[str, msgspec.Raw] | None:
    """Return the members of the body.

    msgspec refuses a whole body for one unpaired surrogate, and skips a member without a check of
    its UTF-8. Such a body is repaired first; only then do its items differ from its bytes.
    """
    try:
        body.decode()
        return members(body)
    except (UnicodeDecodeError, msgspec.DecodeError):
        pass
    try:
        return members(repair_surrogates(body))
    except msgspec.DecodeError:
        raise Unparseable("not JSON") from None


def _changes_of(raw: bytes) -> Iterator[Change]:
    entry = members(raw)
    if entry is None:
        yield Change(raw=raw, fault="entry is no object")
        return
    waba, stamp = scalar(entry.get("id")), scalar(entry.get("time"))
    changes = elements(entry.get("changes"))
    if not changes:
        yield Change(raw=raw, waba=waba, stamp=stamp, fault="entry without changes")
        return
    for change in changes:
        yield _change(bytes(change), waba, stamp)


def _change(raw: bytes, waba: str, stamp: str) -> Change:
    change = members(raw)
    if change is None or "value" not in change:
        fault = "change is no object" if change is None else "change without a value"
        return Change(raw=raw, waba=waba, stamp=stamp, fault=fault)
    value = members(change["value"])
    metadata = members(value.get("metadata")) if value else None
    return Change(
        raw=bytes(change["value"]),
        waba=waba,
        stamp=stamp,
        number=scalar(metadata.get("phone_number_id")) if metadata else "",
        field=scalar(change.get("field")),
        members=value,
        fault="value is no object" if value is None else "",
    )
