"""Checkpoints: what the log is now, signed; into a table, and to where the database's administrator
cannot write."""

import asyncio
from functools import partial

import msgspec
import structlog

from archiver.encryption import signed_note
from archiver.encryption.signed_note import Checkpoint, InvalidNote
from archiver.log.merkle import tree_from
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
    def public(self) -> bytes:
        return signed_note.public(self.seed)

    @property
    def verifier(self) -> str:
        """As it is published."""
        return signed_note.verifier(self.origin, self.public)


async def sign(pool: Pool, signer: Signer, store: ObjectStore) -> Checkpoint:
    """The newest checkpoint, made where there was none of this size. Away: it is in the table, and
    not yet outside."""
    async with pool.acquire() as connection:
        head = await connection.fetchrow("select size, peaks from archiver.head")
        assert head is not None  # it was made with its table
        tree, now = tree_from(head["size"], head["peaks"]), clock.now()
        made = Checkpoint(signer.origin, tree.size, tree.root(), now)
        own = signed_note.sign_note(made, signer.seed)
        await connection.execute(_ADD, made.size, now, own)
    for size in reversed(await _not_outside(pool, store, made.size)):
        note = await pool.fetchval(_OF_SIZE, size)
        if _is_ours(note, signer):
            await _kept_outside(store, size, note)
        elif size == made.size:
            await _kept_outside(store, size, own)
    note = await pool.fetchval(_OF_SIZE, made.size)
    return signed_note.read(note) if _is_ours(note, signer) else made


def _is_ours(note: str, signer: Signer) -> bool:
    """What somebody else put into the table goes no further: `archive verify` names it."""
    try:
        signed_note.verify_note(note, signer.origin, signer.public)
    except InvalidNote as error:
        log.error("checkpoint.forged", reason=str(error))
        return False
    return True


async def _not_outside(pool: Pool, store: ObjectStore, size: int | None) -> list[int]:
    """Back from this one, up to one that is: they go in their order, so before it all are. More
    than one where the store was away, or a process ended between the table and the store."""
    missing: list[int] = []
    while size is not None and not await store.exists(object_store.checkpoint_key(size)):
        missing.append(size)
        size = await pool.fetchval(_BEFORE, size)
    return missing


async def _kept_outside(store: ObjectStore, size: int, note: str) -> None:
    try:
        await store.create(object_store.checkpoint_key(size), note.encode())
    except ObjectExists:
        return  # two archivers


async def keep(pool: Pool, signer: Signer, store: ObjectStore) -> None:
    """For as long as the service runs."""
    while True:
        try:
            made = await retry_while_unavailable(partial(sign, pool, signer, store), "checkpoint")
            metrics.archive_size.set(made.size)
            metrics.archive_checkpoint.set(made.at.timestamp())
        except StoreUnavailable as error:
            log.error("checkpoint.not_outside", reason=str(error))
        await asyncio.sleep(SIGN_SECONDS)


_ADD = """
insert into archiver.checkpoint (size, at, note) values ($1, $2, $3) on conflict do nothing
"""
_OF_SIZE = "select note from archiver.checkpoint where size = $1"
_BEFORE = "select max(size) from archiver.checkpoint where size < $1"
