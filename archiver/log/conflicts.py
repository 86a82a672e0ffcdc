"""Rows that have the id of a new entry: a repeat, or a forgery that would keep the entry out.

A row is taken for the entry only if it has a place in the log and opens with our key, which nobody
can bring about who has the database alone. One that was erased cannot be opened: the leaf that its
columns make must be at its place in the tree, by its root. The leaf in the row proves nothing,
since whoever rewrites the columns for a moment rewrites it with them.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from archiver.encryption.decrypt_rows import JOIN_KEYS, SELECT_COLUMNS
from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import PLAIN, unseal_entry
from archiver.log.append import Entry
from archiver.log.entry import PlainColumns, entry_leaf_hash
from archiver.log.inclusion_proof import NotProvable, node_hashes
from services import metrics
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt
from services.transparency.merkle import Tree, fold_peaks, root_from_path, sibling_ranges

log = structlog.get_logger()


class ForgedEntry(Exception):
    """A row that is not of the log has the id of a new entry. The entry is not written, so what
    waits for it must wait on."""


async def known_ids(
    connection: Connection, keys: KeyStore, entries: Sequence[Entry], tree: Tree
) -> set[UUID]:
    """Return the ids of the entries that are in the log with this tree. Raises ForgedEntry. The
    caller must hold the lock on the head."""
    kinds = {entry.columns.id: entry.columns.kind for entry in entries}
    rows = await connection.fetch(_EXISTING, list(kinds), min(kinds), max(kinds))
    for row in rows:
        has_place = 0 <= row["position"] < tree.size and row["kind"] == kinds[row["id"]]
        if not has_place or not (_opens(keys, row) or await _is_erased(connection, tree, row)):
            metrics.archive_forks.inc()
            log.error("entry.forged", record=row["id"], kind=kinds[row["id"]])
            raise ForgedEntry
    return {row["id"] for row in rows}


def _opens(keys: KeyStore, row: Any) -> bool:
    if row["salt"] is None or row["wrapped"] is None:
        return False
    try:
        unseal_entry(keys.key_of_row(row), row)
    except CannotDecrypt:
        return False
    return True


async def _is_erased(connection: Connection, tree: Tree, row: Any) -> bool:
    """Return True for an entry whose salt is gone, or whose conversation's key is. The conversation
    may have a new key since."""
    if not await _is_in_tree(connection, tree, row):
        return False
    if row["salt"] is None or row["wrapped"] is None:
        return True
    owner = row["tenant"], row["conversation"]
    return bool(await connection.fetchval(_IS_DESTROYED, *owner, row["position"]))


async def _is_in_tree(connection: Connection, tree: Tree, row: Any) -> bool:
    """Return True if the columns of a row are an entry at its place. No hashes that were put into
    the database can lead from others to the root."""
    columns = PlainColumns(**{name: row[name] for name in PLAIN})
    leaf, place = entry_leaf_hash(columns, row["sealed"]), row["position"]
    try:
        path = [
            fold_peaks(await node_hashes(connection, part))
            for part in sibling_ranges(place, tree.size)
        ]
    except NotProvable:
        return False
    return root_from_path(leaf, place, tree.size, path) == tree.root()


# The bounds on the id keep PostgreSQL from searching the partitions of other months.
_EXISTING = f"""
{SELECT_COLUMNS} from archiver.entry e {JOIN_KEYS}
where e.id = any($1::uuid[]) and e.id between $2 and $3
"""
_IS_DESTROYED = """
select exists (select from archiver.entry where kind = 'destruction' and tenant = $1
    and conversation = $2 and conversation <> '' and message is null and position > $3)
"""
