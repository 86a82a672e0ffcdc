"""Proofs that the log of one checkpoint is the beginning of that of a later one."""

import msgspec

from archiver.log.inclusion_proof import NotProvable, node_hashes
from services.postgres.database import Connection
from services.transparency.consistency import consistency_ranges, is_consistent
from services.transparency.merkle import fold_peaks
from services.transparency.signed_note import InvalidNote, Key, read_verifier, verify_signed


class ConsistencyProof(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Consistency proof, verified as docs/municipality/archive.md describes. Bytes are in
    base64."""

    version: int = 1
    first: int
    second: int
    path: tuple[bytes, ...]
    checkpoints: tuple[str, str]
    verifier: str
    """Public key of the signer, to be compared with the published one."""


async def prove_consistency(
    connection: Connection, first: int, second: int, verifier: str
) -> ConsistencyProof:
    """Prove that a checkpoint continues another one. Raises NotProvable."""
    notes, heads = [], []
    for size in (first, second):
        note = await cosigned_note(connection, size)
        if note is None:
            raise NotProvable(f"there is no checkpoint of {size} entries")
        try:
            heads.append(verify_signed(note, Key(*read_verifier(verifier))))
        except InvalidNote as error:
            raise NotProvable(f"the checkpoint of {size} entries: {error}") from None
        notes.append(note)
    path = await consistency_path(connection, first, second)
    old, new = ((head.size, head.root) for head in heads)
    if [old[0], new[0]] != [first, second] or not is_consistent(old, new, path):
        raise NotProvable("the log is not what was signed: see postkamer archive verify")
    return ConsistencyProof(
        first=first,
        second=second,
        path=path,
        checkpoints=(notes[0], notes[1]),
        verifier=verifier,
    )


async def consistency_path(connection: Connection, first: int, second: int) -> tuple[bytes, ...]:
    """Return the hashes of a consistency proof. Raises NotProvable."""
    ranges = consistency_ranges(first, second)
    return tuple([fold_peaks(await node_hashes(connection, part)) for part in ranges])


async def root_of(connection: Connection, size: int) -> bytes:
    """Return the root over the first entries, by the stored hashes. Raises NotProvable."""
    return fold_peaks(await node_hashes(connection, (0, size)))


async def cosigned_note(connection: Connection, size: int) -> str | None:
    """Return the checkpoint of this size, with the lines of its witnesses; None without it."""
    note: str | None = await connection.fetchval(_NOTE, size)
    return note


_NOTE = """
select note || coalesce((
    select string_agg(line, '' order by at, witness) from archiver.cosignature s
    where s.size = c.size), '')
from archiver.checkpoint c where size = $1
"""
