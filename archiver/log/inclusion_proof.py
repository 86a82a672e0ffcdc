"""Proofs that an entry is in the log: all that a third party needs to verify it, and nothing else
of the entry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from archiver.encryption.decrypt_rows import RECORDS
from archiver.encryption.key_store import KeyStore
from archiver.encryption.sealing import derive_item_key
from archiver.log.entry import PlainColumns, encode_leaf
from archiver.log.past_destruction import PastDestruction, load_destruction
from services.postgres.database import Connection
from services.transparency import merkle, signed_note
from services.transparency.merkle import (
    Range,
    fold_peaks,
    sibling_ranges,
    stored_nodes,
    subtree_root,
    whole_subtrees,
)
from services.transparency.signed_note import InvalidNote

NO_ENTRY = "there is no entry or message of this id"


class ProvedDestruction(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Destruction of the content of the entry. Its record can be proved in the same way."""

    at: datetime
    ground: str
    list: str
    entry: UUID
    """Record of the destruction."""


class InclusionProof(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Inclusion proof, verified as docs/municipality/archive.md describes. Bytes are in base64."""

    version: int = 1
    leaf: str
    """Encoded leaf that is hashed: JSON."""
    sealed: bytes
    """Sealed content; the leaf contains its SHA-256."""
    position: int
    size: int
    path: tuple[bytes, ...]
    checkpoint: str
    verifier: str
    """Public key of the signer, to be compared with the published one."""
    key: bytes | None = None
    """Key of the entry, for a reader who may know its content."""
    destroyed: ProvedDestruction | None = None
    """None while its content exists."""


class NotProvable(Exception):
    """There is no such entry, or no checkpoint covers it yet."""


async def prove_inclusion(connection: Connection, id: UUID, verifier: str) -> InclusionProof:
    """Prove that a message, or any entry, is in the log. Raises NotProvable."""
    row = await connection.fetchrow(_ENTRY, id)
    if row is None:
        raise NotProvable(NO_ENTRY)
    checkpoint = await connection.fetchrow(_SIGNED, row["position"])
    if checkpoint is None:
        raise NotProvable("no checkpoint covers it yet: make one with postkamer archive checkpoint")
    columns = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
    ranges = sibling_ranges(row["position"], checkpoint["size"])
    path = [fold_peaks(await node_hashes(connection, part)) for part in ranges]
    proof = InclusionProof(
        leaf=encode_leaf(columns, row["sealed"]).decode(),
        sealed=row["sealed"],
        position=row["position"],
        size=checkpoint["size"],
        path=tuple(path),
        checkpoint=checkpoint["note"],
        verifier=verifier,
    )
    try:
        is_right = verify_proof(proof, row["leaf"])
    except InvalidNote as error:
        raise NotProvable(
            f"the checkpoint of {proof.size} entries: {error}: see postkamer archive verify"
        ) from None
    if not is_right:
        raise NotProvable("the log is not what was signed: see postkamer archive verify")
    return proof


async def find_entry_destruction(
    connection: Connection, keys: KeyStore, id: UUID
) -> PastDestruction | None:
    """Return what destroyed the content of the entry that is proved; None if nothing did."""
    row = await connection.fetchrow(_ENTRY, id)
    if row is None:
        return None
    return await load_destruction(connection, keys, (row["tenant"], row["conversation"]), row)


def with_destruction(proof: InclusionProof, past: PastDestruction | None) -> InclusionProof:
    """Return the proof with what destroyed the content; without the names of officials. Pure."""
    if past is None:
        return proof
    destroyed = ProvedDestruction(at=past.at, ground=past.words, list=past.list, entry=past.entry)
    return msgspec.structs.replace(proof, destroyed=destroyed)


async def find_place(connection: Connection, id: UUID) -> tuple[str, str]:
    """Return the municipality and department of the entry that is proved. Raises NotProvable."""
    row = await connection.fetchrow(_ENTRY, id)
    if row is None:
        raise NotProvable(NO_ENTRY)
    return row["tenant"], row["department"]


def verify_proof(proof: InclusionProof, leaf_hash: bytes) -> bool:
    """Return whether the proof leads to the root of its checkpoint. Raises InvalidNote if that is
    not signed with the key of the proof, or is of another size."""
    checkpoint = signed_note.verify_note(
        proof.checkpoint, *signed_note.read_verifier(proof.verifier)
    )
    if checkpoint.size != proof.size:
        raise InvalidNote(f"it is one of {checkpoint.size}")
    root = merkle.root_from_path(leaf_hash, proof.position, proof.size, proof.path)
    expected = merkle.leaf_hash(proof.leaf.encode())
    return leaf_hash == expected and root == checkpoint.root


async def with_entry_key(
    connection: Connection, keys: KeyStore, proof: InclusionProof
) -> InclusionProof:
    """Add the key that opens the content of the entry. Raises NotProvable if it was destroyed."""
    id = UUID(msgspec.json.decode(proof.leaf)[1])
    rows = await connection.fetch(f"{RECORDS} where e.id = $1", id)
    for row in rows:
        if row["salt"] is not None and row["wrapped"] is not None:
            key = derive_item_key(keys.key_of_row(row), row["salt"])
            return msgspec.structs.replace(proof, key=key)
    raise NotProvable(
        "what it says was destroyed; without --open it can be proved that it was there"
    )


async def node_hashes(connection: Connection, positions: Range) -> Sequence[bytes]:
    """Return the hashes of the whole subtrees in a range, largest first, from the stored hashes."""
    hashes = []
    for level, index in whole_subtrees(positions):
        stored_level, first, count = stored_nodes(level, index)
        found = await read_hashes(connection, stored_level, first, first + count)
        if len(found) != count:
            raise NotProvable(f"hashes of entries from {index << level} on are missing")
        hashes.append(subtree_root(found))
    return hashes


async def read_hashes(connection: Connection, level: int, first: int, end: int) -> list[bytes]:
    """Return the stored hashes of a level, in order, as far as there are any in this range."""
    query = (_LEAVES,) if level == 0 else (_NODES, level)
    rows: list[Any] = await connection.fetch(*query, first, end)
    return [row["hash"] for row in rows]


_ENTRY = """
select position, id, kind, at, tenant, conversation, department, message, receipt, item, sequence,
    sealed, leaf
from archiver.entry where id = $1 or (message = $1 and kind = 'message')
order by (kind = 'message' and message = $1) desc limit 1
"""

_SIGNED = """
select size, note || coalesce((
    select string_agg(line, '' order by at, witness) from archiver.cosignature s
    where s.size = c.size), '') as note
from archiver.checkpoint c
where size > $1 and size <= (select size from archiver.head) order by size desc limit 1
"""

_LEAVES = """
select leaf as hash from archiver.entry where position >= $1 and position < $2 order by position
"""
_NODES = """
select hash from archiver.node where level = $1 and index >= $2 and index < $3 order by index
"""
