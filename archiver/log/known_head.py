"""Head of the log as this process wrote it, held against what the database says.

Between two checkpoints nothing outside the database says what the log was, but the process that
wrote it knows. A head that does not continue the known one was bent by somebody. The known one is
then signed all the same, so that `archive verify` names it from then on.
"""

from datetime import datetime
from typing import NamedTuple

import structlog

from services import clock, metrics
from services.postgres.database import Connection
from services.transparency.merkle import HASH_BYTES, Tree

MOST_LOST = 10
"""Most heads that are kept to be signed. Each is one bending, and ten name it as well as more."""
AT_ONCE = 10_000
"""Leaves that are read at once, 32 bytes each."""

log = structlog.get_logger()


class Bending(NamedTuple):
    """Head that the log no longer continues, what the database had instead, and when that was
    found."""

    kept: Tree
    found: Tree
    at: datetime


class KnownHead:
    """Newest head that this process wrote, or saw to continue what it wrote."""

    def __init__(self) -> None:
        self._tree: Tree | None = None
        self.lost: list[Tree] = []
        """Heads that the log no longer continues, to be signed."""
        self.unnoted: list[Bending] = []
        """Bendings under this process, to be noted outside."""

    async def check(self, connection: Connection, found: Tree) -> None:
        """Hold the head of the database against the known one. The caller must hold its lock."""
        known = self._tree
        if known is not None and not await continues(connection, known, found):
            kept, left = Tree(known.size, known.peaks), Tree(found.size, found.peaks)
            self.unnoted = [*self.unnoted, Bending(kept, left, clock.now())][:MOST_LOST]
            self.lose(known, found.size)
        self._tree = Tree(found.size, found.peaks)

    def lose(self, known: Tree, found_size: int) -> None:
        """Tell of a head that the database does not continue, and keep it to be signed."""
        metrics.archive_forks.inc()
        log.error("log.forked", size=known.size, count=found_size)
        self.lost = [*self.lost, known][:MOST_LOST]

    @property
    def tree(self) -> Tree | None:
        """The newest head; None before the first batch or checkpoint."""
        return self._tree

    def note_written(self, tree: Tree) -> None:
        """Note the head of a batch that is committed."""
        if self._tree is None or tree.size >= self._tree.size:
            self._tree = Tree(tree.size, tree.peaks)


async def continues(connection: Connection, known: Tree, found: Tree) -> bool:
    """Return True if the entries between the two lead from the one to the other."""
    grown = Tree(known.size, known.peaks)
    while grown.size < found.size:
        end = min(grown.size + AT_ONCE, found.size)
        leaves = await connection.fetchval(_LEAVES, grown.size, end) or b""
        if len(leaves) != (end - grown.size) * HASH_BYTES:
            return False
        for at in range(0, len(leaves), HASH_BYTES):
            grown.append(leaves[at : at + HASH_BYTES])
    return (grown.size, grown.edge_bytes()) == (found.size, found.edge_bytes())


# As one value, at a fifth of the cost of rows.
_LEAVES = f"""
select string_agg(leaf, '' order by position) filter (where length(leaf) = {HASH_BYTES})
from archiver.entry where position >= $1 and position < $2
"""
