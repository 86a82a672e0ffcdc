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


class Seen(NamedTuple):
    """Head of the database, and when it was so."""

    tree: Tree
    at: datetime


class Bending(NamedTuple):
    """Head that the log no longer continues, and what the database had instead."""

    kept: Seen
    found: Seen


class KnownHead:
    """Newest head that this process wrote, or saw to continue what it wrote."""

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self.first: Seen | None = None
        """Head of the database before this process wrote anything."""
        self.is_kept_outside = False
        """True if a bending is noted outside before it is signed."""
        self.lost: list[Tree] = []
        """Heads that the log no longer continues, to be signed."""
        self.unnoted: list[Bending] = []
        """Bendings under this process, to be noted outside."""

    async def check(self, connection: Connection, found: Tree) -> None:
        """Hold the head of the database against the known one. The caller must hold its lock."""
        known, now = self._seen, Seen(Tree(found.size, found.peaks), clock.now())
        if known is not None and not await continues(connection, known.tree, found):
            self.unnoted = [*self.unnoted, Bending(known, now)][:MOST_LOST]
            self.lose(known.tree, found.size)
        self.first, self._seen = self.first or now, now

    def lose(self, known: Tree, found_size: int) -> None:
        """Tell of a head that the database does not continue, and keep it to be signed."""
        metrics.archive_forks.inc()
        log.error("log.forked", size=known.size, count=found_size)
        self.lost = [*self.lost, known][:MOST_LOST]

    def settle(self, bending: Bending, *, is_loss: bool) -> None:
        """Take a bending for noted. One that a noted loss explains is not signed: it is of the log
        of which a longer head is."""
        self.unnoted.remove(bending)
        if not is_loss and bending.kept.tree in self.lost:
            self.lost.remove(bending.kept.tree)

    @property
    def to_sign(self) -> list[Tree]:
        """Lost heads that can be signed now."""
        waiting = [each.kept.tree for each in self.unnoted] if self.is_kept_outside else []
        return [tree for tree in self.lost if tree not in waiting]

    @property
    def tree(self) -> Tree | None:
        """The newest head; None before the first batch or checkpoint."""
        return self._seen.tree if self._seen else None

    def note_written(self, tree: Tree) -> None:
        """Note the head of a batch that is committed."""
        if self._seen is None or tree.size >= self._seen.tree.size:
            self._seen = Seen(Tree(tree.size, tree.peaks), clock.now())


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
