"""Inclusion proofs of many entries in one checkpoint: blocks of the tree are read once and kept."""

from collections import OrderedDict
from collections.abc import Sequence

from archiver.log.inclusion_proof import NotProvable, read_hashes
from services.postgres.database import Connection
from services.transparency.merkle import (
    TILE_LEVELS,
    fold_peaks,
    node_hash,
    root_from_path,
    sibling_ranges,
    stored_nodes,
    whole_subtrees,
)
from services.transparency.signed_note import Checkpoint

BLOCKS = 128
"""Blocks of 256 hashes in memory, some 50 KB each with what is worked out from them: 6 MB. The
entries of conversations that closed one after the other lie in some dozens."""
Block = list[list[bytes]]
"""Hashes of a block by level above the stored one; those of whole subtrees alone."""


async def find_note(connection: Connection, size: int | None) -> str | None:
    """Return the checkpoint of this size, or the newest one, as it was signed; None if there is
    none. Co-signatures come later, so the same checkpoint would have other bytes with them."""
    note: str | None = await connection.fetchval(_NOTE, size)
    return note


class TreeReader:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self._blocks: OrderedDict[tuple[int, int], Block] = OrderedDict()

    async def prove(self, connection: Connection, position: int, leaf: bytes) -> Sequence[bytes]:
        """Return the path from the hash of a leaf to the root of the checkpoint. Raises NotProvable
        if it does not lead there."""
        size, path = self.checkpoint.size, list[bytes]()
        for siblings in sibling_ranges(position, size):
            peaks = [await self._node(connection, *each) for each in whole_subtrees(siblings)]
            path.append(fold_peaks(peaks))
        if root_from_path(leaf, position, size, path) != self.checkpoint.root:
            raise NotProvable("the log is not what was signed: see postkamer archive verify")
        return path

    async def _node(self, connection: Connection, level: int, index: int) -> bytes:
        stored, first, _ = stored_nodes(level, index)
        number, above = first >> TILE_LEVELS, level - stored
        block = await self._block(connection, stored, number)
        within = index - (number << (TILE_LEVELS - above))
        try:
            return block[above][within]
        except IndexError:
            raise NotProvable(f"hashes of entries from {index << level} on are missing") from None

    async def _block(self, connection: Connection, level: int, index: int) -> Block:
        key = level, index
        if key not in self._blocks:
            self._blocks[key] = await _read_block(connection, level, index)
            if len(self._blocks) > BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(key)
        return self._blocks[key]


async def _read_block(connection: Connection, level: int, index: int) -> Block:
    first = index << TILE_LEVELS
    block = [await read_hashes(connection, level, first, first + (1 << TILE_LEVELS))]
    for _ in range(TILE_LEVELS - 1):
        below = block[-1]
        pairs = range(0, len(below) - 1, 2)
        block.append([node_hash(below[n], below[n + 1]) for n in pairs])
    return block


_NOTE = """
select note from archiver.checkpoint
where ($1::bigint is null or size = $1) and size <= (select size from archiver.head)
order by size desc limit 1
"""
