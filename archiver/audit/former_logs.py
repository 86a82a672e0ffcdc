"""Hold the entries that came from another installation against the log in which they stood there:
its hashes must lead to the checkpoint that was signed there, and each entry must have its own."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

from archiver.audit.log_walk import Finding
from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import (
    FORMER_KEY,
    PLAIN,
    derive_item_key,
    encode_columns,
    unseal,
    unseal_bound,
)
from archiver.log.entry import PlainColumns, entry_leaf_hash
from archiver.log.former_log import read_former_leaves
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt
from services.transparency.merkle import Tree
from services.transparency.signed_note import Checkpoint, InvalidNote, read_verifier, verify_note

WHAT = "former log"
AT_ONCE = 500
"""Entries in memory, some 2 KB each."""
UNENDED = "{tenant} has not come whole from {origin} yet: its package was not final"
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


async def verify_former_logs(
    connection: Connection, keys: KeyStore | None, unseen: list[str]
) -> AsyncIterator[Finding]:
    """Yield what is wrong, and add to `unseen` what is not whole yet. Run in a transaction that
    reads one snapshot."""
    for row in await connection.fetch(_LOGS):
        if row["ended_at"] is None:
            unseen.append(UNENDED.format(**row))
        if finding := await _verify_leaves(connection, row):
            yield finding
        async for finding in _verify_entries(connection, row):
            yield finding
        if keys:
            async for finding in _verify_resealed(connection, keys, row):
                yield finding


async def _verify_leaves(connection: Connection, row: Row) -> Finding | None:
    tree = Tree()
    span = (0, row["size"])
    async for leaf in read_former_leaves(connection, (row["tenant"], row["origin"]), span):
        tree.append(leaf)
    return leaves_fault(row, tree)


def leaves_fault(row: Row, tree: Tree) -> Finding | None:
    """Return what is wrong with the hashes of a log; None if they are what was signed. Pure."""
    name = f"the log of {row['origin']}"
    try:
        checkpoint: Checkpoint = verify_note(row["note"], *read_verifier(row["verifier"]))
    except InvalidNote as error:
        return Finding(WHAT, f"the checkpoint of {name}: {error}")
    if (checkpoint.size, checkpoint.root) != (tree.size, tree.root()):
        return Finding(WHAT, f"the hashes of {name} are not what was signed there")
    return None


async def _verify_entries(connection: Connection, log: Row) -> AsyncIterator[Finding]:
    place = log["tenant"], log["origin"]
    leaves = read_former_leaves(connection, place, (0, log["size"]))
    at = -1
    leaf: bytes | None = None
    cursor = await connection.cursor(_ENTRIES, log["tenant"], log["origin"])
    while rows := await cursor.fetch(AT_ONCE):
        for row in rows:
            while at < row["former_position"] and (leaf := await anext(leaves, None)) is not None:
                at += 1
            if sentence := entry_fault(row, leaf if at == row["former_position"] else None):
                yield Finding(WHAT, sentence, row["position"], str(row["entry"]))


def entry_fault(row: Row, leaf: bytes | None) -> str:
    """Return what is wrong with an entry that came; '' if nothing is. `leaf`: what the log of
    before has at its place. Pure."""
    if row["id"] is None:
        return "an entry that came from another log is gone"
    columns = PlainColumns(**{name: row[name] for name in PLAIN})
    sealed = row["sealed"] if row["former_sealed"] is None else row["former_sealed"]
    if row["former_leaf"] != leaf or entry_leaf_hash(columns, sealed) != leaf:
        return "this entry is not what it was in the log that it came from"
    return ""


async def _verify_resealed(
    connection: Connection, keys: KeyStore, log: Row
) -> AsyncIterator[Finding]:
    """Hold what was sealed anew against what was sealed before, as far as neither was destroyed."""
    cursor = await connection.cursor(_RESEALED, log["tenant"], log["origin"])
    while rows := await cursor.fetch(AT_ONCE):
        former = {row["entry"]: row for row in rows}
        for row in await connection.fetch(f"{RECORDS} where e.id = any($1)", list(former)):
            if row["salt"] is not None and not says_the_same(row, former[row["id"]], keys):
                sentence = "what this entry says is not what it said in the log that it came from"
                yield Finding(WHAT, sentence, row["position"], str(row["id"]))


def says_the_same(row: Row, former: Row, keys: KeyStore) -> bool:
    """Return True if an entry that was sealed anew says what it said before: without the key that
    opens what it said, nobody can know."""
    if former["key"] is None:
        return False
    plain: Sequence[Any] = [row[name] for name in PLAIN]
    try:
        conversation_key = keys.key_of_row(row)
        context = encode_columns(plain)
        key = unseal(conversation_key, row["salt"], former["key"], context, FORMER_KEY)
        own = unseal_bound(derive_item_key(conversation_key, row["salt"]), row["sealed"], plain)
        return own == unseal_bound(key, former["sealed"], plain)
    except CannotDecrypt:
        return False


_LOGS = """
select tenant, origin, verifier, size, note, ended_at from archiver.former_log
order by came_at, tenant
"""
_ENTRIES = """
select f.entry, f.position as former_position, f.leaf as former_leaf, f.sealed as former_sealed,
    e.id, e.position, e.kind, e.at, e.tenant, e.conversation, e.department, e.message, e.receipt,
    e.item, e.sequence, e.sealed
from archiver.former_entry f left join archiver.entry e on e.id = f.entry
where f.tenant = $1 and f.origin = $2 order by f.position
"""
_RESEALED = """
select entry, sealed, key from archiver.former_entry
where tenant = $1 and origin = $2 and sealed is not null
"""
