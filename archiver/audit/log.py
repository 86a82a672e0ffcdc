"""Verify the whole log: against itself, against its checkpoints, and against their copies outside.

It reads one snapshot, so concurrent writes do not matter. Memory use is constant: the entries are
read in order of position, in batches.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from archiver.audit.checkpoints import FIRST, LAST, Checkpoints, Outside, Trust
from archiver.audit.cosignatures import Cosignatures, WitnessOptions
from archiver.audit.keys import AT_ONCE, check_keys
from archiver.audit.log_walk import TILE_ENTRIES, Finding, LogWalk, SignedState
from archiver.encryption.key_store import KeyStore
from archiver.log.accepted_loss import AcceptedLoss
from archiver.log.inclusion_proof import NotProvable, node_hashes
from archiver.log.outside_head import OutsideHead
from services.ids import created_at
from services.postgres.database import Connection
from services.postgres.times import in_utc
from services.transparency.merkle import HASH_BYTES

SIGNED_WITHIN = timedelta(minutes=15)
"""Time within which entries are normally signed, with ample margin."""
UUID_WITH_TIME = 7


class VerifyOptions(msgspec.Struct, frozen=True):
    trust: Trust
    since: datetime | None = None
    outside: Outside | None = None
    """Copies of checkpoints outside the database, listed before it was read."""
    keys: KeyStore | None = None
    """Keys, with which it is also checked that every key and entry opens."""
    heads: Sequence[OutsideHead] = ()
    """Heads that were kept outside, read before the database was."""

    witnesses: WitnessOptions = WitnessOptions()
    accepted: Sequence[AcceptedLoss] = ()
    """Losses of the log that a person accepted: what was lost is not expected."""


class SignedStates:
    """States that the log must match: its checkpoints, and those that witnesses co-signed."""

    def __init__(self, checkpoints: Checkpoints, cosignatures: Cosignatures) -> None:
        self.checkpoints, self.cosignatures = checkpoints, cosignatures

    def start_at(self, first: int) -> None:
        """Ignore what is smaller than this size."""
        self.checkpoints.start_at(first)
        self.cosignatures.start_at(first)

    async def read_range(
        self, first: int, last: int = LAST
    ) -> AsyncIterator[SignedState | Finding]:
        """Yield the signed states in a range of sizes, and what is wrong with them."""
        for part in (self.checkpoints, self.cosignatures):
            async for result in part.read_range(first, last):
                yield result


Progress = Callable[[int, int], None]
"""Callback with the number of entries checked and their total."""


async def verify_log(
    connection: Connection, options: VerifyOptions, progress: Progress
) -> AsyncIterator[Finding]:
    """Yield what is wrong, in the order of the log. `connection` must be in a transaction that
    reads one snapshot. Raises StoreUnavailable."""
    accepted, origin = options.accepted, options.trust.origin
    checkpoints = Checkpoints(connection, options.trust, options.outside, accepted)
    store = options.outside.store if options.outside else None
    cosignatures = Cosignatures(connection, origin, options.witnesses, store, accepted)
    signed = SignedStates(checkpoints, cosignatures)
    head = await connection.fetchrow("select size, peaks from archiver.head")
    if head is None or len(head["peaks"]) != head["size"].bit_count() * HASH_BYTES:
        yield Finding("head", "the row that says how far the log has come is gone or broken")
        return
    first = int(await connection.fetchval(_SIZE_BEFORE, options.since) or 0) if options.since else 0
    if first:
        signed.start_at(first)
    walk, findings = await _start_walk(connection, first)
    for finding in findings:
        yield finding
    for state in map(_state_of, options.heads):
        if not any(each.covers(state) for each in accepted):
            walk.expect(state)
    for check in (
        _expect_signed(walk, cosignatures.check_seen(head["size"])),
        _check_before(connection, walk, signed),
        _walk_entries(connection, walk, signed, lambda seen: progress(seen, head["size"])),
        _check_after(walk, signed),
        _check_ids(connection, first),
        cosignatures.check_covered(),
        _check_totals(connection, walk, head),
        _check_signer(options.trust, checkpoints),
        check_keys(connection, options.keys),
    ):
        async for finding in check:
            yield finding


def _state_of(head: OutsideHead) -> SignedState:
    where = f"a head kept outside, {head.at:%Y-%m-%d %H:%M:%S}Z"
    return SignedState(head.size, head.tree.root(), where, head.at, is_signed=False)


async def _start_walk(connection: Connection, first: int) -> tuple[LogWalk, list[Finding]]:
    """Start at the beginning of the tile that contains this position. Checkpoints of the tiles
    before it show whether the stored hashes of those are the original ones."""
    start = first // TILE_ENTRIES * TILE_ENTRIES
    try:
        return LogWalk(start, await node_hashes(connection, (0, start)) if start else ()), []
    except NotProvable as error:  # without stored hashes the walk can only start at 0
        return LogWalk(0, ()), [Finding("node", str(error))]


async def _check_before(
    connection: Connection, walk: LogWalk, signed: SignedStates
) -> AsyncIterator[Finding]:
    """Check entries without a position, checkpoints without a row, and checkpoints up to the start
    of the walk."""
    for row in await connection.fetch(_WITHOUT_POSITION, AT_ONCE):
        yield Finding("doubled", "this entry has no place in the log", entry=str(row["id"]))
    async for finding in _expect_signed(walk, signed.checkpoints.missing_from_table()):
        yield finding
    async for finding in _expect_signed(walk, signed.read_range(FIRST, walk.size)):
        yield finding
    for finding in walk.check_signed():
        yield finding


async def _walk_entries(
    connection: Connection, walk: LogWalk, signed: SignedStates, progress: Callable[[int], None]
) -> AsyncIterator[Finding]:
    cursor = await connection.cursor(_ENTRIES, walk.size)
    while rows := await cursor.fetch(AT_ONCE):
        async for finding in _expect_signed(
            walk, signed.read_range(walk.size + 1, walk.size + len(rows))
        ):
            yield finding
        hashes = await _stored_hashes(connection, walk.size // TILE_ENTRIES)
        for row in rows:
            for finding in walk.check_entry(row, hashes):
                yield finding
        progress(walk.size)


async def _check_after(walk: LogWalk, signed: SignedStates) -> AsyncIterator[Finding]:
    """Report checkpoints that cover more entries than the log contains."""
    async for finding in _expect_signed(walk, signed.read_range(walk.size + 1)):
        yield finding
    for finding in walk.finish():
        yield finding


async def _check_ids(connection: Connection, first: int) -> AsyncIterator[Finding]:
    """Report ids that stand twice: of the whole log, or of the entries from a position on. The
    database sorts them, on its disk beyond its `work_mem`; here are only those that are found."""
    query, arguments = (_DOUBLED_SINCE, (AT_ONCE, first)) if first else (_DOUBLED, (AT_ONCE,))
    for row in await connection.fetch(query, *arguments):
        yield Finding("doubled", "two entries have this id", row["position"], str(row["id"]))


async def _expect_signed(
    walk: LogWalk, results: AsyncIterator[SignedState | Finding]
) -> AsyncIterator[Finding]:
    """Yield what is wrong with signed states themselves, and let the walk expect the valid ones."""
    async for result in results:
        if isinstance(result, Finding):
            yield result
        else:
            walk.expect(result)


async def _stored_hashes(connection: Connection, tile: int) -> dict[tuple[int, int], bytes]:
    """Return the stored hashes of a batch of tiles from this one on, and of the nodes above
    them."""
    rows = await connection.fetch(_NODES, tile, tile + AT_ONCE // TILE_ENTRIES + 1)
    return {(row["level"], row["index"]): row["hash"] for row in rows}


async def _check_totals(connection: Connection, walk: LogWalk, head: Any) -> AsyncIterator[Finding]:
    """Check what needs the whole log: its size, its root, the stored hashes, and unsigned
    entries."""
    if not walk.is_broken:
        for finding in _check_head(walk, head):
            yield finding
        expected = sum(head["size"] >> level for level in range(8, 64, 8))
        if await connection.fetchval("select count(*) from archiver.node") != expected:
            yield Finding("node", f"of the hashes that are kept there should be {expected}")
    row = await connection.fetchrow(_UNSIGNED, walk.covered)
    if row and (since := _unsigned_since(row)):
        sentence = f"nobody signed what came from {walk.covered} on, since {since:%Y-%m-%d %H:%M}Z"
        yield Finding("unsigned", sentence, walk.covered)


def _unsigned_since(row: Any) -> datetime | None:
    """Return since when the first entry without a checkpoint waits for one, if that is long.

    Its time of writing is in no leaf, and can be set to now over and over, or to a time to come.
    So its id, which is in the leaf, says it too. That may be older for good reason, as after the
    archiver was down, so it counts only if the newest checkpoint is as old.
    """
    since = in_utc(row["written_at"])
    made = _time_of_id(row["id"]) or since
    earliest, latest = row["now"] - SIGNED_WITHIN, row["now"] + SIGNED_WITHIN
    if not earliest <= since <= latest:
        return min(since, made)
    is_standing = max(made, in_utc(row["signed_at"] or row["now"])) < earliest
    return made if is_standing else None


def _time_of_id(id: UUID) -> datetime | None:
    """Return the time in an id; None if it has none, or one that Python does not have."""
    with suppress(OverflowError):
        return created_at(id) if id.version == UUID_WITH_TIME else None
    return None


async def _check_signer(trust: Trust, checkpoints: Checkpoints) -> AsyncIterator[Finding]:
    """Report a log that only earlier keys have signed: whoever has one of these can write such a
    log."""
    if trust.earlier and checkpoints.first_of_key is None:
        yield Finding("checkpoint", "only earlier keys have signed, and not the key of now")


def _check_head(walk: LogWalk, head: Any) -> list[Finding]:
    if walk.size != head["size"]:
        sentence = f"there are {walk.size} entries, and the log counts {head['size']}"
        return [Finding("head", sentence, min(walk.size, head["size"]))]
    if b"".join(walk.peaks()) != head["peaks"]:
        return [Finding("head", "the log's own hash is not that of its entries")]
    return []


_ENTRIES = """
select position, id, kind, at, tenant, conversation, department, message, receipt, item, sequence,
    salt, sealed, leaf, written_at
from archiver.entry where position >= $1 order by position, id
"""

# For each level above the tiles: 256 nodes at a level have one node above them.
_NODES = """
select level, index, hash from archiver.node, generate_series(8, 56, 8) as above
where level = above and index between $1 >> (above - 8) and $2 >> (above - 8)
"""

_UNSIGNED = """
select id, written_at, now() as now, (select max(at) from archiver.checkpoint) as signed_at
from archiver.entry where position = $1
"""

# Their constraint does not count: it is in the catalogue, which can be written too. Nor does its
# index, which the expression keeps PostgreSQL from using: the table itself is read and sorted.
# Measured with a million entries: half of the time in which they are read in the order of the log,
# and 50 MB on the disk of the database.
_DOUBLED = """
select id, position from (
    select id, position, id = lag(id) over (order by coalesce(id, id), position) as is_again
    from archiver.entry
) entry where is_again order by position limit $1
"""
# What is checked often is quick: these ids are looked up.
_DOUBLED_SINCE = """
select id, max(position) as position from archiver.entry
where id in (select id from archiver.entry where position >= $2)
group by id having count(*) > 1 order by position limit $1
"""

_WITHOUT_POSITION = "select id from archiver.entry where position < 0 limit $1"

# One that is longer than the log names what a restore took away: nothing begins there.
_SIZE_BEFORE = """
select max(size) from archiver.checkpoint
where at < $1 and size <= (select size from archiver.head)
"""
