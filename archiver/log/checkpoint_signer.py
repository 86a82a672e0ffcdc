"""Sign checkpoints of the log, in a table and in a store where the database's administrator cannot
write."""

import asyncio
from datetime import datetime
from functools import partial

import structlog

from archiver.log.known_head import KnownHead
from archiver.signing.signer import (
    NoteSigner,
    SignerRefused,
    SignerUnavailable,
    is_signed,
    sign_checkpoint_note,
)
from archiver.signing.signing_policy import CLOCK_DIFFERENCE
from services import clock, metrics
from services.files import object_store
from services.files.object_store import ObjectExists, ObjectStore, StoreUnavailable
from services.postgres.database import Pool, retry_while_unavailable
from services.transparency import signed_note
from services.transparency.merkle import Tree, load_tree
from services.transparency.signed_note import Checkpoint

SIGN_SECONDS = 60.0
"""Interval between two checkpoints if entries were added: the time in which entries could be
changed before they are signed."""
PURPOSE = "checkpoints"
"""Purpose for which the signing key is derived from the master key."""

log = structlog.get_logger()


async def sign_checkpoint(
    pool: Pool, signer: NoteSigner, store: ObjectStore, known: KnownHead | None = None
) -> Checkpoint:
    """Return the newest checkpoint, signing one if the log has a new size. Raises StoreUnavailable
    if it is in the table and could not be copied outside, SignerUnavailable or SignerRefused if it
    is not signed.

    With what this process knows of the log, it first signs what the database has lost of it.
    """
    async with pool.acquire() as connection, connection.transaction():
        head = await connection.fetchrow(_HEAD)
        assert head is not None  # the table was created with this row
        tree = load_tree(head["size"], head["peaks"])
        if known:
            await known.check(connection, tree)
    while known and (lost := known.to_sign):
        try:
            await _sign(pool, signer, store, lost[0])
        except SignerRefused as error:  # it signed a later one, and will never sign this
            log.error("checkpoint.refused", size=lost[0].size, reason=str(error))
        known.lost.remove(lost[0])
    return await _sign(pool, signer, store, tree)


async def _sign(pool: Pool, signer: NoteSigner, store: ObjectStore, tree: Tree) -> Checkpoint:
    note = await _read_signed(pool, signer, tree.size)
    if note is None:
        checkpoint = Checkpoint(signer.origin, tree.size, tree.root(), await _read_clock(pool))
        signed = await sign_checkpoint_note(signer, checkpoint)
        await pool.execute(_ADD, checkpoint.size, checkpoint.at, signed)
        note = await _read_signed(pool, signer, tree.size) or signed
    for size in reversed(await _sizes_not_outside(pool, store, tree.size)):
        of_size = note if size == tree.size else await _read_signed(pool, signer, size)
        if of_size is not None:
            await _copy_outside(store, size, of_size)
    return signed_note.read_note(note)


async def _read_clock(pool: Pool) -> datetime:
    """Return the time. Raises SignerUnavailable if the database has another: it dates the entries,
    and each would stay named as one of which the time of writing was altered."""
    of_database, now = await pool.fetchval("select clock_timestamp()"), clock.now()
    if abs(of_database - now) > CLOCK_DIFFERENCE:
        raise SignerUnavailable("the clock of the database is more than five minutes from this one")
    return now


async def _read_signed(pool: Pool, signer: NoteSigner, size: int) -> str | None:
    """Return the note of this size in the table; None if there is none with a valid signature. A
    forged row is not copied outside; `archive verify` names it."""
    note: str | None = await pool.fetchval(_OF_SIZE, size)
    if note is None or is_signed(note, signer):
        return note
    log.error("checkpoint.forged", size=size, reason="no signature on it is of a key of this log")
    return None


async def _sizes_not_outside(pool: Pool, store: ObjectStore, size: int | None) -> list[int]:
    """Return the sizes of the newest checkpoints without a copy outside, newest first.

    Copies are made in order of size, so the first copy found ends the search. More than one is
    missing after the store was unavailable, or after a process ended between the table and the
    store.
    """
    missing: list[int] = []
    while size is not None and not await store.exists(object_store.checkpoint_key(size)):
        missing.append(size)
        size = await pool.fetchval(_PREVIOUS_SIZE, size)
    return missing


async def _copy_outside(store: ObjectStore, size: int, note: str) -> None:
    try:
        await store.create(object_store.checkpoint_key(size), note.encode())
    except ObjectExists:
        return  # another archiver did


async def sign_periodically(
    pool: Pool, signer: NoteSigner, store: ObjectStore, known: KnownHead
) -> None:
    """Sign for as long as the service runs."""
    while True:
        try:
            checkpoint = await retry_while_unavailable(
                partial(sign_checkpoint, pool, signer, store, known), "checkpoint"
            )
            metrics.archive_size.set(checkpoint.size)
            metrics.archive_checkpoint.set(checkpoint.at.timestamp())
        except StoreUnavailable as error:
            log.error("checkpoint.not_outside", reason=str(error))
        except (SignerUnavailable, SignerRefused) as error:
            metrics.signatures_missed.inc()
            log.error("checkpoint.unsigned", reason=str(error))
        await asyncio.sleep(SIGN_SECONDS)


# Locked, so that no batch is between its commit and the note of its process.
_HEAD = "select size, peaks from archiver.head for update"
_ADD = """
insert into archiver.checkpoint (size, at, note) values ($1, $2, $3) on conflict do nothing
"""
_OF_SIZE = "select note from archiver.checkpoint where size = $1"
_PREVIOUS_SIZE = "select max(size) from archiver.checkpoint where size < $1"
