"""The log of another installation, from which a municipality came: the hashes of all its leaves are
kept, so that an entry can still be proved to have stood there."""

from collections.abc import AsyncIterator
from typing import TypeAlias
from uuid import UUID

from archiver.log.entry import PlainColumns, encode_leaf
from archiver.log.inclusion_proof import InclusionProof, NotProvable, verify_proof
from services.postgres.database import Connection
from services.transparency.merkle import HASH_BYTES, Range, Tree, sibling_ranges
from services.transparency.signed_note import InvalidNote

LEAVES_AT_ONCE = 8192
"""Leaves in a row of archiver.former_leaves, 256 KiB."""
Place: TypeAlias = tuple[str, str]
"""Municipality, and the name of the log that it came from."""
NOT_THERE = "it did not come from another log"


async def prove_former_inclusion(connection: Connection, id: UUID) -> InclusionProof:
    """Prove that a message, or any entry, was in the log that its municipality came from last.
    Raises NotProvable."""
    row = await connection.fetchrow(_ENTRY, id)
    if row is None:
        raise NotProvable(NOT_THERE)
    columns = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
    place, sealed = (row["tenant_of_log"], row["origin"]), row["former_sealed"] or row["sealed"]
    path = [
        await _subtree_root(connection, place, part)
        for part in sibling_ranges(row["former_position"], row["size"])
    ]
    proof = InclusionProof(
        leaf=encode_leaf(columns, sealed).decode(),
        sealed=sealed,
        position=row["former_position"],
        size=row["size"],
        path=tuple(path),
        checkpoint=row["note"],
        verifier=row["verifier"],
    )
    try:
        is_right = verify_proof(proof, row["former_leaf"])
    except InvalidNote as error:
        raise NotProvable(f"the checkpoint of the log of before: {error}") from None
    if not is_right:
        raise NotProvable("the hashes of the log of before are not what was signed there")
    return proof


async def read_former_leaves(
    connection: Connection, place: Place, positions: Range
) -> AsyncIterator[bytes]:
    """Yield the hashes of the leaves at these positions, in order, as far as they are there."""
    first, end = positions
    start = first // LEAVES_AT_ONCE * LEAVES_AT_ONCE
    cursor = await connection.cursor(_LEAVES, *place, start, end)
    expected = start
    while rows := await cursor.fetch(1):
        leaves, at = rows[0]["leaves"], rows[0]["first"]
        if at != expected:
            return
        for n in range(max(first - at, 0), min(len(leaves) // HASH_BYTES, end - at)):
            yield leaves[n * HASH_BYTES : (n + 1) * HASH_BYTES]
        expected = at + LEAVES_AT_ONCE


async def _subtree_root(connection: Connection, place: Place, positions: Range) -> bytes:
    tree = Tree()
    async for leaf in read_former_leaves(connection, place, positions):
        tree.append(leaf)
    return tree.root()


_ENTRY = """
select e.id, e.kind, e.at, e.tenant, e.conversation, e.department, e.message, e.receipt, e.item,
    e.sequence, e.sealed, f.tenant as tenant_of_log, f.origin, f.position as former_position,
    f.leaf as former_leaf, f.sealed as former_sealed, l.size, l.note, l.verifier
from archiver.entry e
join archiver.former_entry f on f.entry = e.id
join archiver.former_log l on (l.tenant, l.origin) = (f.tenant, f.origin)
where e.id = $1 or (e.message = $1 and e.kind = 'message')
order by (e.kind = 'message' and e.message = $1) desc, l.came_at desc limit 1
"""
_LEAVES = """
select first, leaves from archiver.former_leaves
where tenant = $1 and origin = $2 and first >= $3 and first < $4 order by first
"""
