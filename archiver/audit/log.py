"""The whole log held against itself, against what was signed, and against what was kept outside.

Of one moment: whoever writes meanwhile changes nothing that is looked at. Memory stays flat: the
entries come in the order of their places, some at once.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import msgspec

from archiver.audit.checkpoints import FIRST, Checkpoints, Trust
from archiver.audit.keys import AT_ONCE, check_keys
from archiver.audit.log_walk import TILE_ENTRIES, Finding, LogWalk, SignedState
from archiver.encryption.key_store import KeyStore
from archiver.log.inclusion_proof import NotProvable, node_hashes
from archiver.log.merkle import HASH_BYTES
from services.files.object_store import ObjectStore
from services.postgres.database import Connection

SIGNED_MINUTES = 15
"""Within which what comes is signed, with a lot of room."""


class VerifyOptions(msgspec.Struct, frozen=True):
    trust: Trust
    since: datetime | None = None
    outside: ObjectStore | None = None
    """Where checkpoints are kept beside the database."""
    keys: KeyStore | None = None
    """With them it is looked whether every key still opens."""


Progress = Callable[[int, int], None]
"""Entries looked at, of how many."""


async def verify_log(
    connection: Connection, options: VerifyOptions, progress: Progress
) -> AsyncIterator[Finding]:
    """What is wrong, in the order of the log. `connection` is in a transaction that reads as of one
    moment. Away where the store outside does not answer."""
    checkpoints = Checkpoints(connection, options.trust, options.outside)
    await checkpoints.list_outside()
    head = await connection.fetchrow("select size, peaks from archiver.head")
    if head is None or len(head["peaks"]) != head["size"].bit_count() * HASH_BYTES:
        yield Finding("head", "the row that says how far the log has come is gone or broken")
        return
    first = int(await connection.fetchval(_BEFORE, options.since) or 0) if options.since else 0
    if first:
        checkpoints.start_at(first)
    walk, findings = await _start_walk(connection, first)
    for finding in findings:
        yield finding
    for part in (
        _check_before(connection, walk, checkpoints),
        _walk_entries(connection, walk, checkpoints, lambda seen: progress(seen, head["size"])),
        _check_after(walk, checkpoints),
        _check_totals(connection, walk, head),
        check_keys(connection, options.keys),
    ):
        async for finding in part:
            yield finding


async def _start_walk(connection: Connection, first: int) -> tuple[LogWalk, list[Finding]]:
    """From the beginning of the tile in which this place is. Of the tiles before, what was signed
    of them shows whether they are the ones of then."""
    start = first // TILE_ENTRIES * TILE_ENTRIES
    try:
        return LogWalk(start, await node_hashes(connection, (0, start)) if start else ()), []
    except NotProvable as error:  # without these there is no beginning but the first
        return LogWalk(0, ()), [Finding("node", str(error))]


async def _check_before(
    connection: Connection, walk: LogWalk, checkpoints: Checkpoints
) -> AsyncIterator[Finding]:
    """What has no place in the log, what is signed of the place where the walk begins, and what is
    kept outside alone."""
    for row in await connection.fetch(_NO_PLACE, AT_ONCE):
        yield Finding("doubled", "this entry has no place in the log", entry=str(row["id"]))
    async for one in _expect_checkpoints(walk, checkpoints.missing_from_table()):
        yield one
    async for one in _expect_checkpoints(walk, checkpoints.read_range(FIRST, walk.size)):
        yield one
    for finding in walk.check_signed():
        yield finding


async def _walk_entries(
    connection: Connection, walk: LogWalk, checkpoints: Checkpoints, progress: Callable[[int], None]
) -> AsyncIterator[Finding]:
    cursor = await connection.cursor(_ENTRIES, walk.size)
    while rows := await cursor.fetch(AT_ONCE):
        async for one in _expect_checkpoints(
            walk, checkpoints.read_range(walk.size + 1, walk.size + len(rows))
        ):
            yield one
        hashes = await _stored_hashes(connection, walk.size // TILE_ENTRIES)
        for row in rows:
            for finding in walk.check_entry(row, hashes):
                yield finding
        progress(walk.size)


async def _check_after(walk: LogWalk, checkpoints: Checkpoints) -> AsyncIterator[Finding]:
    """What is signed of more than there is."""
    async for one in _expect_checkpoints(walk, checkpoints.read_range(walk.size + 1)):
        yield one
    for finding in walk.finish():
        yield finding


async def _expect_checkpoints(
    walk: LogWalk, states: AsyncIterator[SignedState | Finding]
) -> AsyncIterator[Finding]:
    """What is wrong with checkpoints themselves; the walk is held against the others."""
    async for one in states:
        if isinstance(one, Finding):
            yield one
        else:
            walk.expect(one)


async def _stored_hashes(connection: Connection, tile: int) -> dict[tuple[int, int], bytes]:
    """The kept hashes of some tiles from this one on, and those above them."""
    rows = await connection.fetch(_NODES, tile, tile + AT_ONCE // TILE_ENTRIES + 1)
    return {(row["level"], row["index"]): row["hash"] for row in rows}


async def _check_totals(connection: Connection, walk: LogWalk, head: Any) -> AsyncIterator[Finding]:
    """What shows once all entries were looked at."""
    if not walk.is_broken:
        for finding in _check_head(walk, head):
            yield finding
        expected = sum(head["size"] >> level for level in range(8, 64, 8))
        if await connection.fetchval("select count(*) from archiver.node") != expected:
            yield Finding("node", f"of the hashes that are kept there should be {expected}")
    if since := await connection.fetchval(_UNSIGNED, walk.covered, SIGNED_MINUTES):
        sentence = f"nobody signed what came from {walk.covered} on, since {since:%Y-%m-%d %H:%M}Z"
        yield Finding("unsigned", sentence, walk.covered)


def _check_head(walk: LogWalk, head: Any) -> list[Finding]:
    if walk.size != head["size"]:
        sentence = f"there are {walk.size} entries, and the log counts {head['size']}"
        return [Finding("head", sentence, min(walk.size, head["size"]))]
    if b"".join(walk.peaks()) != head["peaks"]:
        return [Finding("head", "the log's own hash is not that of its entries")]
    return []


_ENTRIES = """
select position, id, kind, at, tenant, conversation, department, message, receipt, item, sequence,
    salt, sealed, leaf
from archiver.entry where position >= $1 order by position, id
"""

# Of the levels above those that the tiles are in: 256 at each have one over them.
_NODES = """
select level, index, hash from archiver.node, generate_series(8, 56, 8) as above
where level = above and index between $1 >> (above - 8) and $2 >> (above - 8)
"""

_UNSIGNED = """
select written_at from archiver.entry
where position = $1 and written_at < now() - make_interval(mins => $2)
"""

_NO_PLACE = "select id from archiver.entry where position < 0 limit $1"

_BEFORE = "select max(size) from archiver.checkpoint where at < $1"
