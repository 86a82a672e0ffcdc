"""The whole log held against itself, against what was signed, and against what was kept outside.

Of one moment: whoever writes meanwhile changes nothing that is looked at. Memory stays flat: the
entries come in the order of their places, some at once.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from archiver.record import notes
from archiver.record.keys import Keys
from archiver.record.lost import AT_ONCE, lost
from archiver.record.merkle import HASH_BYTES
from archiver.record.notes import Untrue
from archiver.record.proving import Unproven, hashes_of
from archiver.record.walking import TILE_ENTRIES, Finding, Signed, Walk
from services import objects
from services.database import Connection
from services.objects import Missing, Objects

CHECKPOINT = re.compile(r"[0-9]{20}")
"""Its name outside; whatever else lies there is somebody's."""
SECOND = timedelta(seconds=1)
"""A note says when it was signed to the second."""
SIGNED_MINUTES = 15
"""Within which what comes is signed, with a lot of room."""


class Trust(msgspec.Struct, frozen=True):
    """Whose signature counts."""

    origin: str
    public_key: bytes


class Asked(msgspec.Struct, frozen=True):
    trust: Trust
    since: datetime | None = None
    outside: Objects | None = None
    """Where checkpoints are kept beside the database."""
    keys: Keys | None = None
    """With them it is looked whether every key still opens."""


Progress = Callable[[int, int], None]
"""Entries looked at, of how many."""


async def findings(
    connection: Connection, asked: Asked, progress: Progress
) -> AsyncIterator[Finding]:
    """What is wrong, in the order of the log. `connection` is in a transaction that reads as of one
    moment. Away where the store outside does not answer."""
    head = await connection.fetchrow("select size, peaks from archiver.head")
    if head is None or len(head["peaks"]) != head["size"].bit_count() * HASH_BYTES:
        yield Finding("head", "the row that says how far the log has come is gone or broken")
        return
    walk, wrong = await _prepared(connection, asked)
    for found in wrong:
        yield found
    for part in (
        _walked(connection, walk, head["size"], progress),
        _closed(connection, walk, head),
        lost(connection, asked.keys),
    ):
        async for found in part:
            yield found


async def _prepared(connection: Connection, asked: Asked) -> tuple[Walk, list[Finding]]:
    """What is signed, to be held against; and what is wrong with that itself."""
    signed = [one async for one in _signed(connection, asked)]
    wrong = [one for one in signed if isinstance(one, Finding)]
    good = [one for one in signed if isinstance(one, Signed)]
    start = await _start(connection, asked.since)
    try:
        return Walk(start, await _peaks(connection, start), good), wrong
    except Unproven as error:  # without these there is no beginning but the first
        return Walk(0, (), good), [*wrong, Finding("node", str(error))]


async def _walked(
    connection: Connection, walk: Walk, size: int, progress: Progress
) -> AsyncIterator[Finding]:
    for one in walk.signed():
        yield one
    upper = await _nodes(connection, 9, 0, size >> 16)
    cursor = await connection.cursor(_ENTRIES, walk.size)
    while rows := await cursor.fetch(AT_ONCE):
        first = walk.size // TILE_ENTRIES
        kept = upper | await _nodes(connection, 8, first, first + AT_ONCE // TILE_ENTRIES + 1)
        for row in rows:
            for one in walk.take(row, kept):
                yield one
        progress(walk.size, size)
    for one in walk.ended():
        yield one


async def _nodes(
    connection: Connection, level: int, first: int, last: int
) -> dict[tuple[int, int], bytes]:
    """Kept hashes of a level; above 8 of all those, which are few."""
    rows = await connection.fetch(_NODES_OF_8 if level == 8 else _NODES_ABOVE, first, last)
    return {(row["level"], row["index"]): row["hash"] for row in rows}


async def _closed(connection: Connection, walk: Walk, head: Any) -> AsyncIterator[Finding]:
    """What shows once all entries were looked at."""
    if not walk.broken:
        for found in _at_the_end(walk, head):
            yield found
        expected = sum(head["size"] >> level for level in range(8, 64, 8))
        if await connection.fetchval("select count(*) from archiver.node") != expected:
            yield Finding("node", f"of the hashes that are kept there should be {expected}")
    if since := await connection.fetchval(_UNSIGNED, walk.covered, SIGNED_MINUTES):
        sentence = f"nobody signed what came from {walk.covered} on, since {since:%Y-%m-%d %H:%M}Z"
        yield Finding("unsigned", sentence, walk.covered)


def _at_the_end(walk: Walk, head: Any) -> list[Finding]:
    if walk.size != head["size"]:
        sentence = f"there are {walk.size} entries, and the log counts {head['size']}"
        return [Finding("head", sentence, min(walk.size, head["size"]))]
    if b"".join(walk.peaks()) != head["peaks"]:
        return [Finding("head", "the log's own hash is not that of its entries")]
    return []


async def _signed(connection: Connection, asked: Asked) -> AsyncIterator[Signed | Finding]:
    """Each checkpoint that is signed as it should be; a finding for each other."""
    inside: dict[int, str] = {}
    async for row in connection.cursor(_CHECKPOINTS, asked.since, prefetch=AT_ONCE):
        inside[row["size"]] = row["note"]
        made = _trusted(row["note"], row["size"], "in the table", asked.trust)
        yield made
        if isinstance(made, Signed) and abs(row["at"] - made.at) >= SECOND:
            sentence = f"the checkpoint of {made.size} entries was not signed when its row says"
            yield Finding("checkpoint", sentence, made.size)
    if asked.outside is None:
        return
    async for size, note in _kept_outside(asked.outside, min(inside, default=0)):
        known = inside.pop(size, None)
        if known is None:
            sentence = f"the checkpoint of {size} entries is kept outside and gone from its table"
            yield Finding("checkpoint", sentence, size)
        if known != note:
            yield _trusted(note, size, "kept outside", asked.trust)
    for size in inside:
        yield Finding("outside", f"the checkpoint of {size} entries is not kept outside", size)


async def _kept_outside(store: Objects, least: int) -> AsyncIterator[tuple[int, str]]:
    async for key in store.names("checkpoint"):
        name = key.rpartition("/")[2]
        if not CHECKPOINT.fullmatch(name) or (size := int(name)) < least:
            continue
        try:
            pieces = [piece async for piece in await store.read(objects.checkpoint(size))]
        except Missing:
            continue
        yield size, b"".join(pieces).decode(errors="replace")


def _trusted(note: str, size: int, where: str, trust: Trust) -> Signed | Finding:
    try:
        made = notes.checked(note, trust.origin, trust.public_key)
    except Untrue as error:
        return Finding("checkpoint", f"the checkpoint of {size} entries {where}: {error}", size)
    if made.size != size:
        sentence = f"the checkpoint of {size} entries {where} is one of {made.size}"
        return Finding("checkpoint", sentence, size)
    return Signed(size, made.root, f"{where}, {made.at:%Y-%m-%d %H:%M:%S}Z", made.at)


async def _start(connection: Connection, since: datetime | None) -> int:
    """The beginning of the tile in which the last checkpoint before then ends."""
    if since is None:
        return 0
    size = await connection.fetchval(_BEFORE, since)
    return int(size or 0) // TILE_ENTRIES * TILE_ENTRIES


async def _peaks(connection: Connection, start: int) -> Sequence[bytes]:
    """Of the tiles before; what was signed of them shows whether they are the ones of then."""
    return await hashes_of(connection, (0, start)) if start else ()


_ENTRIES = """
select position, id, kind, at, tenant, conversation, department, message, receipt, item, sequence,
    salt, sealed, leaf
from archiver.entry where position >= $1 order by position, id
"""

_CHECKPOINTS = """
select size, at, note from archiver.checkpoint
where $1::timestamptz is null or size >= coalesce(
    (select max(size) from archiver.checkpoint where at < $1), 0)
order by size
"""

_NODES_OF_8 = """
select level, index, hash from archiver.node where level = 8 and index between $1 and $2
"""
_NODES_ABOVE = """
select level, index, hash from archiver.node where level > 8 and index between $1 and $2
"""

_UNSIGNED = """
select written_at from archiver.entry
where position = $1 and written_at < now() - make_interval(mins => $2)
"""

_BEFORE = "select max(size) from archiver.checkpoint where at < $1"
