"""One webhook body in pieces: what each item brought, and the rest. Pure.

Each item can so be kept, shown and destroyed alone; and while all are there, the signed bytes come
together again. The items say what to look for. It is looked for where the body has a value, level
by level, so that no piece is found within a text.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from services.whatsapp.items import AnyItem
from services.whatsapp.lenient_json import elements, members

FEW = 8
"""Items that are looked for by their bytes alone, in a tenth of the time of a walk."""
LEVELS = 10
"""The level of the list in which the deepest items stand, a message of history in a thread in a
chunk; the body itself is 0."""
CHANGES = 3
"""The level of the list of changes: its elements are told apart, as contacts are of one change."""
_OBJECT = ord("{")
_CONTAINERS = frozenset(b"{[")


Part = Literal["item", "contact"]
ITEM: Final = "item"
CONTACT: Final = "contact"


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """A place in the rest from which a piece was taken."""

    at: int
    """Offset in the rest, in bytes."""
    item: int
    """Place of the item among all of its body, from 0."""
    part: Part


class SegmentedBody(msgspec.Struct, frozen=True):
    """A body without its items; the holes are in order. No holes: it could not be cut."""

    rest: bytes
    holes: list[Gap]


class _Piece(msgspec.Struct, frozen=True, order=True):
    """Bytes of an item in the body, from `at` to `end`."""

    at: int
    end: int
    item: int
    part: Part


class _Value(msgspec.Struct, frozen=True):
    """A value in the body that looks like something of an item; `change` tells changes apart."""

    at: int
    raw: bytes
    change: int

    @property
    def key(self) -> tuple[int, bytes]:
        return self.change, self.raw

    def of(self, item: int, part: Part) -> _Piece:
        return _Piece(self.at, self.at + len(self.raw), item, part)


class _Lost(Exception):
    """Something does not stand where it should."""


def split_body(body: bytes, items: Sequence[AnyItem]) -> SegmentedBody:
    """`body` without what `parse` found in it. Whole where something of it is not found: because
    the body had to be mended, a name stands in an object twice, or an odd item is like something
    around another."""
    try:
        pieces = _pieces(body, items)
    except (_Lost, msgspec.DecodeError, UnicodeDecodeError):
        return SegmentedBody(body, [])
    rest: list[bytes] = []
    holes: list[Gap] = []
    cursor = size = 0
    for piece in pieces:
        rest.append(body[cursor : piece.at])
        size += piece.at - cursor
        cursor = piece.end
        holes.append(Gap(size, piece.item, piece.part))
    return SegmentedBody(b"".join([*rest, body[cursor:]]), holes)


def join_body(cut: SegmentedBody, pieces: Mapping[tuple[int, str], bytes]) -> bytes | None:
    """The body as it came, of the bytes of each (item, part); None when one is missing."""
    found: list[bytes] = []
    cursor = 0
    for hole in cut.holes:
        piece = pieces.get((hole.item, hole.part))
        if piece is None:
            return None
        found += [cut.rest[cursor : hole.at], piece]
        cursor = hole.at
    return b"".join([*found, cut.rest[cursor:]])


def _pieces(body: bytes, items: Sequence[AnyItem]) -> list[_Piece]:
    """In order of the body; none overlaps another."""
    pieces = _plain(body, items) if len(items) <= FEW else None
    if pieces is None:
        search = _Search(items)
        start = len(body) - len(body.lstrip())
        search.within(body[start:], start, 0)
        pieces = _shared_out(body, items, search.found)
    pieces.sort()
    cursor = 0
    for piece in pieces:
        if piece.at < cursor:
            raise _Lost
        cursor = piece.end
    return pieces


def _plain(body: bytes, items: Sequence[AnyItem]) -> list[_Piece] | None:
    """Where everything stands in the body once; None where anything does not."""
    pieces: dict[bytes, _Piece] = {}
    for nth, item in enumerate(items):
        wanted: tuple[tuple[bytes, Part], ...] = ((item.raw, ITEM), (item.contact, CONTACT))
        for raw, part in wanted:
            if not raw or (part is CONTACT and raw in pieces):
                continue  # it is of the first that it came with
            at = body.find(raw)
            if at < 0 or body.find(raw, at + 1) >= 0:
                return None
            pieces[raw] = _Piece(at, at + len(raw), nth, part)
    return list(pieces.values())


class _Search:
    """A walk through the body, as deep as items stand, past what holds none."""

    def __init__(self, items: Iterable[AnyItem]) -> None:
        self.found: list[_Value] = []
        self._wanted = {raw for item in items for raw in (item.raw, item.contact) if raw}
        self._sizes = {len(raw) for raw in self._wanted}
        self._change = 0

    def within(self, raw: bytes, at: int, level: int) -> None:
        """Everything wanted in an object or list that begins at `at`. What is wanted holds nothing
        else that is."""
        cursor = 0
        for part in (members(raw) or {}).values() if raw[0] == _OBJECT else elements(raw) or ():
            value = bytes(part)
            wanted = len(value) in self._sizes and value in self._wanted
            if not wanted and (level == LEVELS or value[0] not in _CONTAINERS):
                continue
            start = raw.find(value, cursor)
            if start < 0:
                raise _Lost
            cursor = start + len(value)
            if level == CHANGES:
                self._change = at + start
            if wanted:
                self.found.append(_Value(at + start, value, self._change))
            else:
                self.within(value, at + start, level + 1)


def _shared_out(body: bytes, items: Sequence[AnyItem], found: Iterable[_Value]) -> list[_Piece]:
    """Whose piece each value is: equal items in the order in which they stand; a contact is of the
    first item of its change that it came with, and of nobody where there is none."""
    waiting: dict[bytes, deque[int]] = defaultdict(deque)
    for nth, item in enumerate(items):
        waiting[item.raw].append(nth)
    pieces: list[_Piece] = []
    others: list[_Value] = []
    owners: dict[tuple[int, bytes], int] = {}
    for value in found:
        if places := waiting.get(value.raw):
            nth = places.popleft()
            pieces.append(value.of(nth, ITEM))
            key = value.change, items[nth].contact
            owners[key] = min(nth, owners.get(key, nth))
        else:
            others.append(value)
    if len(pieces) < len(items):
        raise _Lost
    named = [v.of(owner, CONTACT) for v in others if (owner := owners.get(v.key)) is not None]
    return [*pieces, *named, *_heads(body, items, pieces)]


def _heads(body: bytes, items: Sequence[AnyItem], pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """What names the citizen of a thread of history: it stands right before the first message."""
    for piece in pieces:
        contact = items[piece.item].contact
        at = piece.at - len(contact)
        if contact and at >= 0 and body.startswith(contact, at):
            yield _Piece(at, piece.at, piece.item, CONTACT)
