"""Checkpoints: what the log is now, signed; into a table, and to where the database's administrator
cannot write."""

import asyncio
from functools import partial

import msgspec
import structlog

from archiver.encryption import signed_note
from archiver.encryption.signed_note import Checkpoint, InvalidNote
from archiver.log.merkle import load_tree
from services import clock, metrics
from services.files import object_store
from services.files.object_store import ObjectExists, ObjectStore, StoreUnavailable
from services.postgres.database import Pool, retry_while_unavailable

SIGN_SECONDS = 60.0
"""Between two checkpoints, where anything was added: as long as somebody could change what nobody
has signed yet."""
PURPOSE = "checkpoints"
"""What the signer's key is derived from the master key for."""

log = structlog.get_logger()


class Signer(msgspec.Struct, frozen=True):
    """The log's name, and the secret key that signs for it (32 bytes)."""

    origin: str
    seed: bytes

    @property
    def public_key(self) -> bytes:
        return signed_note.derive_public_key(self.seed)

    @property
    def verifier(self) -> str:
        """As it is published."""
        return signed_note.encode_verifier(self.origin, self.public_key)


async def sign_checkpoint(pool: Pool, signer: Signer, store: ObjectStore) -> Checkpoint:
    """The newest checkpoint, made where there was none of this size. Away: it is in the table, and
    not yet outside."""
    async with pool.acquire() as connection:
        head = await connection.fetchrow("select size, peaks from archiver.head")
        assert head is not None  # it was made with its table
        tree, now = load_tree(head["size"], head["peaks"]), clock.now()
        checkpoint = Checkpoint(signer.origin, tree.size, tree.root(), now)
        signed = signed_note.sign_note(checkpoint, signer.seed)
        await connection.execute(_ADD, checkpoint.size, now, signed)
    for size in reversed(await _sizes_not_outside(pool, store, checkpoint.size)):
        note = await pool.fetchval(_OF_SIZE, size)
        if _is_signed_by(note, signer):
            await _copy_outside(store, size, note)
        elif size == checkpoint.size:
            await _copy_outside(store, size, signed)
    note = await pool.fetchval(_OF_SIZE, checkpoint.size)
    return signed_note.read_note(note) if _is_signed_by(note, signer) else checkpoint


def _is_signed_by(note: str, signer: Signer) -> bool:
    """What somebody else put into the table goes no further: `archive verify` names it."""
    try:
        signed_note.verify_note(note, signer.origin, signer.public_key)
    except InvalidNote as error:
        log.error("checkpoint.forged", reason=str(error))
        return False
    return True


async def _sizes_not_outside(pool: Pool, store: ObjectStore, size: int | None) -> list[int]:
    """Back from this one, up to one that is: they go in their order, so before it all are. More
    than one where the store was away, or a process ended between the table and the store."""
    missing: list[int] = []
    while size is not None and not await store.holds(object_store.checkpoint(size)):
        missing.append(size)
        size = await pool.fetchval(_BEFORE, size)
    return missing


async def _copy_outside(store: ObjectStore, size: int, note: str) -> None:
    try:
        await store.create(object_store.checkpoint(size), note.encode())
    except ObjectExists:
        return  # two archivers


async def sign_periodically(pool: Pool, signer: Signer, store: ObjectStore) -> None:
    """For as long as the service runs."""
    while True:
        try:
            checkpoint = await retry_while_unavailable(
                partial(sign_checkpoint, pool, signer, store), "checkpoint"
            )
            metrics.archive_size.set(checkpoint.size)
            metrics.archive_checkpoint.set(checkpoint.at.timestamp())
        except StoreUnavailable as error:
            log.error("checkpoint.not_outside", reason=str(error))
        await asyncio.sleep(SIGN_SECONDS)


_ADD = """
insert into archiver.checkpoint (size, at, note) values ($1, $2, $3) on conflict do nothing
"""
_OF_SIZE = "select note from archiver.checkpoint where size = $1"
_BEFORE = "select max(size) from archiver.checkpoint where size < $1"
