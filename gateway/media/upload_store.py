"""Table of the files that CRMs uploaded. A row is written when the bytes are safe."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from gateway.media.media_types import Kind, kind_of
from services.http.rights import Rights
from services.postgres.database import ANSWER_SECONDS, Pool
from services.postgres.shut_rows import RowShut, open_rows, report_shut
from services.sealing.columns import UPLOAD, bind_upload, unseal_upload
from services.sealing.key_ring import RING
from services.tasks import with_timeout

ABANDONED_SECONDS = 3600
"""An upload takes ten minutes at most, so one that began earlier belongs to a process that ended.
"""
SWEEP_LIMIT = 100
"""Objects of one batch: some seconds in a bucket, after which what is stale is asked again."""


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file; `object` is its name in the object store."""

    id: UUID
    token: str
    tenant: str
    object: UUID
    mime_type: str
    size: int
    sha256: bytes
    filename: str
    created_at: datetime

    @property
    def kind(self) -> Kind:
        """Meta's kind of media that the file can be sent as."""
        return kind_of(self.mime_type)


class UploadStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, id: UUID, rights: Rights) -> Upload | None:
        """Return an upload of this token only: its id follows from the token's name and the key,
        so others can guess it. Raises RowShut."""
        row = await with_timeout(
            ANSWER_SECONDS, self._pool.fetchrow(_FIND, id, rights.tenant, rights.name)
        )
        return await _open_row(row) if row else None

    async def start(self, object: UUID, at: datetime) -> None:
        """Register an object before its first byte, so that the sweep finds an abandoned one."""
        insert = self._pool.execute("insert into gateway.upload values ($1, $2)", object, at)
        await with_timeout(ANSWER_SECONDS, insert)

    async def complete(self, new: Upload) -> Upload:
        """Store the row of an upload whose bytes are all safe, and return the row for its key: that
        of an earlier request if there is one. Raises RowShut."""
        return await with_timeout(ANSWER_SECONDS, self._complete(new))

    async def _complete(self, new: Upload) -> Upload:
        async with self._pool.acquire() as connection, connection.transaction():
            row = msgspec.structs.asdict(new)
            bound = bind_upload(row)
            row["filename"] = RING.seal_text(new.filename, UPLOAD, bound)
            row["sha256"] = RING.seal(new.sha256, UPLOAD, bound)
            if await connection.fetchval(_INSERT, *row.values()):
                await connection.execute(_DELETE, new.object)
                return new
            # A simultaneous request stored it first; the sweep deletes the object of this one.
            stored = await connection.fetchrow(_FIND, new.id, new.tenant, new.token)
        if stored is None:
            raise LookupError("the id belongs to another municipality")
        return await _open_row(stored)

    async def stale(self, at: datetime) -> list[UUID]:
        """Return objects whose upload began long ago and never finished."""
        rows = await self._pool.fetch(_ABANDONED, at, ABANDONED_SECONDS, SWEEP_LIMIT)
        return [row["object"] for row in rows]

    async def delete(self, object: UUID) -> None:
        """Forget an object that is no longer in the object store."""
        await with_timeout(ANSWER_SECONDS, self._pool.execute(_DELETE, object))


async def _open_row(row: Any) -> Upload:
    opened, shut = await with_timeout(ANSWER_SECONDS, open_rows([row], _read_row))
    if shut:
        report_shut("gateway.media", row["id"])
        raise RowShut("gateway.media", row["id"])
    return opened[0]


def _read_row(row: Mapping[str, Any]) -> Upload:
    sha256 = unseal_upload(row)
    filename = RING.unseal_text(row["filename"], UPLOAD, bind_upload(row))
    return Upload(**{**row, "filename": filename, "sha256": sha256})


_COLUMNS = ", ".join(Upload.__struct_fields__)

_FIND = f"select {_COLUMNS} from gateway.media where id = $1 and tenant = $2 and token = $3"

_INSERT = f"""
insert into gateway.media ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (id) do nothing returning true
"""

_DELETE = "delete from gateway.upload where object = $1"

_ABANDONED = """
select object from gateway.upload where begun_at < $1::timestamptz - make_interval(secs => $2)
order by begun_at limit $3
"""
