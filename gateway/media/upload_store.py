"""The files that CRMs uploaded: a row for each, written when its bytes are safe."""

from datetime import datetime
from uuid import UUID

import msgspec

from gateway.media.media_types import Kind, kind_of
from services.http.rights import Rights
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout

ABANDONED_SECONDS = 3600
"""An upload takes ten minutes at most: what was begun before belongs to a process that ended."""
SWEPT_AT_ONCE = 100


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was uploaded; `object` is its name in the object store."""

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
        """Meta's word for what it can be sent as."""
        return kind_of(self.mime_type)


class UploadStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def find(self, id: UUID, rights: Rights) -> Upload | None:
        """An upload of this very token: its id can be guessed by whoever knows name and key."""
        row = await with_timeout(
            ANSWER_SECONDS, self._pool.fetchrow(_FIND, id, rights.tenant, rights.name)
        )
        return Upload(**dict(row)) if row else None

    async def start(self, object: UUID, at: datetime) -> None:
        """Note an object before its first byte, so that it is found when nobody ends it."""
        work = self._pool.execute("insert into gateway.upload values ($1, $2)", object, at)
        await with_timeout(ANSWER_SECONDS, work)

    async def complete(self, new: Upload) -> Upload:
        """Write it down, unless it is there; what is there then. Of `new` no bytes are missing."""
        return await with_timeout(ANSWER_SECONDS, self._finish(new))

    async def _finish(self, new: Upload) -> Upload:
        async with self._pool.acquire() as connection, connection.transaction():
            values = [getattr(new, name) for name in new.__struct_fields__]
            if await connection.fetchval(_INSERT, *values):
                await connection.execute(_END, new.object)
                return new
            # By a request beside this one: what we brought is swept.
            row = await connection.fetchrow(_FIND, new.id, new.tenant, new.token)
        if row is None:
            raise LookupError("the id belongs to another municipality")
        return Upload(**dict(row))

    async def stale(self, at: datetime) -> list[UUID]:
        """Objects that were begun long ago and never finished."""
        rows = await self._pool.fetch(_ABANDONED, at, ABANDONED_SECONDS, SWEPT_AT_ONCE)
        return [row["object"] for row in rows]

    async def delete(self, object: UUID) -> None:
        """What was begun is no longer in the store."""
        await with_timeout(ANSWER_SECONDS, self._pool.execute(_END, object))


_COLUMNS = ", ".join(Upload.__struct_fields__)

_FIND = f"select {_COLUMNS} from gateway.media where id = $1 and tenant = $2 and token = $3"

_INSERT = f"""
insert into gateway.media ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (id) do nothing returning true
"""

_END = "delete from gateway.upload where object = $1"

_ABANDONED = """
select object from gateway.upload where begun_at < $1::timestamptz - make_interval(secs => $2)
order by begun_at limit $3
"""
