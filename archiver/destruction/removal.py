"""Delete the files of destroyed messages from the object store, once the destruction is committed.

A row names its objects until they are gone, so that neither a kill nor a store that is away leaves
any behind. Two archivers may delete the same object, which does no harm.

A hand may write the row: nothing is deleted without a destruction on the record that this archive
sealed.
"""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.log.past_destruction import read_destruction
from services import metrics
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.postgres.database import Pool, retry_while_unavailable

BATCH = 200
"""Files of one batch, some 100 bytes each in memory."""
AT_ONCE = 8
"""Files deleted at a time. A bucket answers within some 50 ms, so that 100 files go in a second."""
POLL_SECONDS = 10.0
"""Interval between two looks when nothing is to be removed, or while the store is away."""

NOT_DESTROYED = "no destruction on the record names the conversation of these files"

log = structlog.get_logger()


class FileRemover:
    """Remover of files whose row says that they are to go."""

    def __init__(self, pool: Pool, keys: KeyStore, objects: ObjectStore) -> None:
        self._pool, self._keys, self._objects = pool, keys, objects

    async def run(self) -> None:
        """Remove files for as long as the service runs."""
        while True:
            if not await self.remove_batch():
                await asyncio.sleep(POLL_SECONDS)

    async def remove_batch(self) -> bool:
        """Remove the files that are due first. Return True if there may be more, and the store
        answers."""
        due = await retry_while_unavailable(lambda: self._pool.fetch(_DUE, BATCH), "removal")
        rows = await retry_while_unavailable(lambda: self._keep_forged(due), "removal")
        for start in range(0, len(rows), AT_ONCE):
            if not await self._remove(rows[start : start + AT_ONCE]):
                return False
        return len(due) == BATCH

    async def _keep_forged(self, due: Sequence[Any]) -> list[Any]:
        """Return the rows whose conversation was destroyed, by the record. The others keep their
        files, and are due no more."""
        wanted = list({row["conversation"] for row in due})
        destructions = await self._pool.fetch(_DESTRUCTIONS, wanted)
        gone = {_destroyed(row) for row in decrypt_rows(destructions, self._keys)}
        rows = [row for row in due if (row["tenant"], row["conversation"]) in gone]
        if kept := [row["id"] for row in due if row not in rows]:
            await self._pool.execute(_KEEP, kept)
            metrics.media_damaged.inc(len(kept))
            log.error("removal.refused", count=len(kept), reason=NOT_DESTROYED)
        return rows

    async def _remove(self, rows: Sequence[Any]) -> bool:
        """Remove these files. Return False if the store does not answer."""
        deleted = await asyncio.gather(*(self._delete(row) for row in rows))
        if gone := [id for id in deleted if id]:
            await retry_while_unavailable(lambda: self._pool.execute(_REMOVED, gone), "removal")
            metrics.files_removed.inc(len(gone))
        return len(gone) == len(rows)

    async def _delete(self, row: Any) -> UUID | None:
        """Delete the objects of a file; return its id, or None while the store is away."""
        try:
            for key in _object_keys(row):
                await self._objects.delete(key)
        except ObjectNotFound:  # the bucket itself
            log.error("removal.delayed", reason="the bucket is not there")
            return None
        except StoreUnavailable as error:
            log.warning("removal.delayed", reason=str(error))
            return None
        id: UUID = row["id"]
        return id


def _destroyed(row: Any) -> tuple[str, str]:
    """Return the place that a destruction record names, in its sealed part too; of one that does
    not, no place."""
    destruction = read_destruction(row)
    return (destruction.tenant, destruction.conversation) if destruction else ("", "")


def _object_keys(row: Any) -> list[str]:
    """Return the keys under which something of a file may lie."""
    keys = [object_store.thumbnail_key(row["id"])]
    if row["object"]:
        keys.append(object_store.media_key(row["object"]))
    if row["ciphertext_sha256"]:
        keys.append(object_store.sealed_key(row["ciphertext_sha256"]))
    return keys


_DUE = """
select id, tenant, conversation, object, ciphertext_sha256 from archiver.media
where remove_at <= now() and removed_at is null order by remove_at limit $1
"""
_DESTRUCTIONS = f"""
{RECORDS} where e.conversation = any($1::text[]) and e.conversation <> ''
    and e.kind = 'destruction' and e.message is null
"""
_KEEP = "update archiver.media set remove_at = null where id = any($1::uuid[])"
_REMOVED = "update archiver.media set removed_at = now() where id = any($1::uuid[])"
