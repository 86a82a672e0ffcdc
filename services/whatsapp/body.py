"""Opens a webhook body: which changes it holds and whose they are; reads nothing else in them.

The gateway asks only this (`keys_in`), the parser begins with it, so the two cannot disagree about
the partition of an item.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec

from services.whatsapp.lenient_json import elements, members, repair_surrogates, scalar, too_deep

MAX_BODY_DEPTH = 256
"""Levels of nesting in one body: msgspec's own bound is what is left of Python's 1000 frames."""
MAX_CHANGES = 10_000
"""Changes in one body: ten times the 1000 updates that Meta announces."""
MAX_KEYS = 1000
"""Partition keys in one body: one for each of Meta's 1000 updates. With more, the body would not
reach all its partitions, so then it is unparseable."""


class Unparseable(ValueError):
    """The body is no envelope of Meta's. Says why, and nothing of the body."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one entry. `members` is None where `fault` says why it cannot be understood."""

    raw: bytes
    """The JSON of its value; of the whole change, or entry, where there is no value."""
    waba: str = ""
    stamp: str = ""
    number: str = ""
    field: str = ""
    members: dict[str, msgspec.Raw] | None = None
    fault: str = ""

    @property
    def key(self) -> str:
        return self.number or (f"waba:{self.waba}" if self.waba else "")


class _Metadata(msgspec.Struct, gc=False):
    phone_number_id: Annotated[str, msgspec.Meta(min_length=1)]


class _Value(msgspec.Struct, gc=False):
    metadata: _Metadata


class _Usual(msgspec.Struct, gc=False):
    """A change as most are: it has a number."""

    value: _Value


class _Entry(msgspec.Struct):
    changes: Annotated[list[_Usual], msgspec.Meta(min_length=1)]


class _Body(msgspec.Struct):
    entry: list[_Entry]


_usual = msgspec.json.Decoder(_Body).decode


def routing_keys(body: bytes) -> list[str]:
    """The partition keys of the items in `body`, in order of appearance, each once.

    Empty where the body is unparseable or its items have no key; never raises.
    """
    try:
        if (usual := _usual_keys(body)) is not None:
            return usual
        return list(dict.fromkeys(change.key for change in parse_changes(body) if change.key))
    except Unparseable:
        return []


def _usual_keys(body: bytes) -> list[str] | None:
    """What the changes of a body would give when each of them has a number, in an eighth of the
    time. None where anything is unusual: then they are looked at one by one.

    A body that is too deep for `changes` has no items, so its keys do not matter.
    """
    try:
        body.decode()
        entries = _usual(body).entry
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return None
    found = [change.value.metadata.phone_number_id for one in entries for change in one.changes]
    keys = list(dict.fromkeys(found))
    return keys if len(found) <= MAX_KEYS and "\0" not in "".join(keys) else None


def parse_changes(body: bytes) -> list[Change]:
    """Every change in `body`; whatever is wrong in one leaves the others alone."""
    if too_deep(body, MAX_BODY_DEPTH):
        raise Unparseable("nested too deeply, or never closed")
    envelope = _envelope(body)
    entries = elements(envelope.get("entry")) if envelope else None
    if entries is None:
        raise Unparseable("no JSON object with a list of entries")
    found: list[Change] = []
    for entry in entries:
        found.extend(_changes_of(bytes(entry)))
        if len(found) > MAX_CHANGES:
            raise Unparseable("too many changes")
    if len(found) > MAX_KEYS and len({change.key for change in found}) > MAX_KEYS:
        raise Unparseable("too many partition keys")
    return found


def _envelope(body: bytes) -> dict[str, msgspec.Raw] | None:
    """msgspec refuses a whole body for one unpaired surrogate, and passes over a member without
    looking whether it is UTF-8; such a body is mended, and only then differs from its items."""
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
    listed = elements(entry.get("changes"))
    if not listed:
        yield Change(raw=raw, waba=waba, stamp=stamp, fault="entry without changes")
        return
    for change in listed:
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
