"""Segments of a webhook body: the bytes of each item, and the body remainder. Pure.

Each item can thus be stored, shown and destroyed alone. While all segments exist, the signed bytes
can be joined again. The search takes the bytes of the items and compares them with the values in
the body, level by level, so that it never finds a segment within a text.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from services.whatsapp.items import AnyItem
from services.whatsapp.lenient_json import elements, members

FEW = 8
"""Most items to search for by their bytes alone, in a tenth of the time of a walk."""
LEVELS = 10
"""Level of the list with the deepest items: a message of history in a thread in a chunk. The body
itself is level 0."""
CHANGES = 3
"""Level of the list of changes: contacts belong to one change, so changes are distinguished."""
_OBJECT = ord("{")
_CONTAINERS = frozenset(b"{[")


Part = Literal["item", "contact"]
ITEM: Final = "item"
CONTACT: Final = "contact"


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """A place in the remainder from which a piece was removed."""

    at: int
    """Offset in the remainder, in bytes."""
    item: int
    """Index of the item among the items of its body, from 0."""
    part: Part


class SegmentedBody(msgspec.Struct, frozen=True):
    """A body without its items; `holes` are in order. Without holes, it could not be split."""

    rest: bytes
    holes: list[Gap]


class _Piece(msgspec.Struct, frozen=True, order=True):
    """Bytes of an item in the body, from `at` to `end`."""

    at: int
    end: int
    item: int
    part: Part


class _EqualValue(msgspec.Struct, frozen=True):
    """A value in the body that equals the bytes of an item or a contact; `change` identifies its
    change."""

    at: int
    raw: bytes
    change: int

    @property
    def key(self) -> tuple[int, bytes]:
        return self.change, self.raw

    def piece_of(self, item: int, part: Part) -> _Piece:
        return _Piece(self.at, self.at + len(self.raw), item, part)


class _Lost(Exception):
    """A piece is not in its place."""


def split_body(body: bytes, items: Sequence[AnyItem]) -> SegmentedBody:
    """Split the items that `parse` returned off `body`.

    The body stays whole if a piece is not found. That happens if the body had to be repaired, if a
    name occurs twice in an object, or if an unknown item equals a value around another item.
    """
    try:
        pieces = _pieces(body, items)
    except (_Lost, msgspec.DecodeError, UnicodeDecodeError):
        return SegmentedBody(body, [])
    chunks: list[bytes] = []
    holes: list[Gap] = []
    cursor = size = 0
    for piece in pieces:
        chunks.append(body[cursor : piece.at])
        size += piece.at - cursor
        cursor = piece.end
        holes.append(Gap(size, piece.item, piece.part))
    return SegmentedBody(b"".join([*chunks, body[cursor:]]), holes)


def join_body(segmented: SegmentedBody, pieces: Mapping[tuple[int, str], bytes]) -> bytes | None:
    """Join a body from the bytes of each (item, part); None if one is missing."""
    chunks: list[bytes] = []
    cursor = 0
    for hole in segmented.holes:
        piece = pieces.get((hole.item, hole.part))
        if piece is None:
            return None
        chunks += [segmented.rest[cursor : hole.at], piece]
        cursor = hole.at
    return b"".join([*chunks, segmented.rest[cursor:]])


def _pieces(body: bytes, items: Sequence[AnyItem]) -> list[_Piece]:
    """Return the pieces in the order of the body, without overlaps."""
    pieces = _find_unique(body, items) if len(items) <= FEW else None
    if pieces is None:
        search = _Search(items)
        start = len(body) - len(body.lstrip())
        search.walk(body[start:], start, 0)
        pieces = _assign(body, items, search.values)
    pieces.sort()
    cursor = 0
    for piece in pieces:
        if piece.at < cursor:
            raise _Lost
        cursor = piece.end
    return pieces


def _find_unique(body: bytes, items: Sequence[AnyItem]) -> list[_Piece] | None:
    """Return the pieces if each occurs in the body exactly once, else None."""
    pieces: dict[bytes, _Piece] = {}
    for nth, item in enumerate(items):
        parts: tuple[tuple[bytes, Part], ...] = ((item.raw, ITEM), (item.contact, CONTACT))
        for raw, part in parts:
            if not raw or (part is CONTACT and raw in pieces):
                continue  # a contact belongs to its first item
            at = body.find(raw)
            if at < 0 or body.find(raw, at + 1) >= 0:
                return None
            pieces[raw] = _Piece(at, at + len(raw), nth, part)
    return list(pieces.values())


class _Search:
    """A walk through the body, down to the level of the deepest items, that collects equal
    values."""

    def __init__(self, items: Iterable[AnyItem]) -> None:
        self.values: list[_EqualValue] = []
        self._targets = {raw for item in items for raw in (item.raw, item.contact) if raw}
        self._sizes = {len(raw) for raw in self._targets}
        self._change = 0

    def walk(self, raw: bytes, at: int, level: int) -> None:
        """Collect the targets in an object or list that begins at `at`; targets do not nest."""
        cursor = 0
        for part in (members(raw) or {}).values() if raw[0] == _OBJECT else elements(raw) or ():
            value = bytes(part)
            is_target = len(value) in self._sizes and value in self._targets
            if not is_target and (level == LEVELS or value[0] not in _CONTAINERS):
                continue
            start = raw.find(value, cursor)
            if start < 0:
                raise _Lost
            cursor = start + len(value)
            if level == CHANGES:
                self._change = at + start
            if is_target:
                self.values.append(_EqualValue(at + start, value, self._change))
            else:
                self.walk(value, at + start, level + 1)


def _assign(body: bytes, items: Sequence[AnyItem], values: Iterable[_EqualValue]) -> list[_Piece]:
    """Assign each value to an item.

    Equal items get their values in order. A contact belongs to the first item of its change that
    has it; a contact without such an item stays in the remainder.
    """
    waiting: dict[bytes, deque[int]] = defaultdict(deque)
    for nth, item in enumerate(items):
        waiting[item.raw].append(nth)
    pieces: list[_Piece] = []
    others: list[_EqualValue] = []
    owners: dict[tuple[int, bytes], int] = {}
    for value in values:
        if places := waiting.get(value.raw):
            nth = places.popleft()
            pieces.append(value.piece_of(nth, ITEM))
            key = value.change, items[nth].contact
            owners[key] = min(nth, owners.get(key, nth))
        else:
            others.append(value)
    if len(pieces) < len(items):
        raise _Lost
    contacts = [
        v.piece_of(owner, CONTACT) for v in others if (owner := owners.get(v.key)) is not None
    ]
    return [*pieces, *contacts, *_heads(body, items, pieces)]


def _heads(body: bytes, items: Sequence[AnyItem], pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """Yield the bytes that name the citizen of a thread of history, right before its first
    message."""
    for piece in pieces:
        contact = items[piece.item].contact
        at = piece.at - len(contact)
        if contact and at >= 0 and body.startswith(contact, at):
            yield _Piece(at, piece.at, piece.item, CONTACT)
