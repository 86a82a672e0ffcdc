"""Verify the time stamps of checkpoints, in the table and outside."""

from array import array
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from archiver.audit.checkpoints import LAST, NAME
from archiver.audit.log_walk import Finding
from archiver.timestamps.stamp import WAIT, Authorities, InvalidStamp, check_time, verify_stamp
from services import clock
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Connection
from services.postgres.times import clamp_time
from services.transparency import signed_note
from services.transparency.signed_note import InvalidNote

AT_ONCE = 100
"""Stamps in memory, some 6 KB each."""
STAMPED_HOURS = 25
"""Time within which a checkpoint is normally stamped, or a later one: a day after its alarm."""
MAX_MISSING = 1000
"""Stamps without a row that are reported."""
WHILE_READ = timedelta(hours=1)
"""Longest time between the beginning of a verification and its look outside."""


class StampTotals(msgspec.Struct):
    """Stamps that were verified, and the time of the first: from then on the log is fixed."""

    count: int = 0
    first: datetime | None = None


class StampAudit:
    """Verification of the stamps against the certificates of the authority."""

    def __init__(
        self, connection: Connection, authorities: Authorities, outside: ObjectStore | None
    ) -> None:
        self._connection, self._authorities = connection, authorities
        self._outside = outside
        self.totals = StampTotals()

    async def verify(self) -> AsyncIterator[Finding]:
        """Yield what is wrong. Raises StoreUnavailable."""
        size = -1
        while rows := await self._connection.fetch(_ROWS, size, AT_ONCE):
            for row in rows:
                for finding in await self._check_row(row):
                    yield finding
            size = rows[-1]["size"]
        async for finding in self._missing_from_table():
            yield finding
        if since := await self._connection.fetchval(_UNSTAMPED, STAMPED_HOURS):
            sentence = f"no time stamp is on what was signed since {since:%Y-%m-%d %H:%M}Z"
            yield Finding("timestamp", sentence)

    async def _check_row(self, row: Any) -> list[Finding]:
        size, copy = row["size"], await self._read(object_store.timestamp_key(row["size"]))
        findings = await self._check_stamp(size, row["answer"], row["note"], row["at"])
        if self._outside and copy is None:
            sentence = f"the time stamp of {size} entries is not kept outside"
            findings.append(Finding("outside", sentence, size))
        elif copy is not None and copy != row["answer"]:
            findings += await self._check_stamp(size, copy, row["note"], None)
        return findings

    async def _check_stamp(
        self, size: int, answer: bytes, note: str | None, at: datetime | None
    ) -> list[Finding]:
        """Check a stamp against the note in the table, and against the copy outside if it is not
        of that: two archivers may have signed one size. In the table it has the time of its row."""
        try:
            try:
                stamped_at = self._verify(answer, note)
            except InvalidStamp:
                copy = await self._read(object_store.checkpoint_key(size))
                if copy is None or copy == (note or "").encode():
                    raise
                stamped_at = self._verify(answer, copy.decode(errors="replace"))
            if at and abs(at - stamped_at) > WAIT:
                raise InvalidStamp(f"its row says {at:%Y-%m-%d %H:%M:%S}Z, and it another time")
        except InvalidStamp as error:
            where = "in the table" if at else "kept outside"
            sentence = f"the time stamp of {size} entries {where}: {error}"
            return [Finding("timestamp", sentence, size)]
        return []

    def _verify(self, answer: bytes, note: str | None) -> datetime:
        if note is None:
            raise InvalidStamp("there is no checkpoint of that size")
        at = verify_stamp(answer, note.encode(), self._authorities)
        try:
            check_time(at, signed_note.read_note(note).at)
        except InvalidNote as error:
            raise InvalidStamp(str(error)) from None
        self.totals.count += 1
        self.totals.first = min(self.totals.first or at, at)
        return at

    async def _missing_from_table(self) -> AsyncIterator[Finding]:
        """Yield the stamps that have a copy outside and no row in the table, unless they came
        while the database was read."""
        if self._outside is None:
            return
        for size in await self._sizes_without_row():
            if not await self._is_new(size):
                sentence = f"the time stamp of {size} entries is kept outside and gone from its"
                yield Finding("timestamp", f"{sentence} table", size)

    async def _sizes_without_row(self) -> list[int]:
        assert self._outside
        sizes = array("q")
        async for key in self._outside.keys("timestamp"):
            name = key.rpartition("/")[2]
            if NAME.fullmatch(name) and int(name) <= LAST:
                sizes.append(int(name))
        return [row["size"] for row in await self._connection.fetch(_MISSING, sizes, MAX_MISSING)]

    async def _is_new(self, size: int) -> bool:
        """Return True for a valid stamp that came while the database was read."""
        answer = await self._read(object_store.timestamp_key(size))
        note = await self._read(object_store.checkpoint_key(size))
        try:
            at = verify_stamp(answer or b"", note or b"", self._authorities)
        except InvalidStamp:
            return False
        return clock.now() - at < WHILE_READ

    async def _read(self, key: str) -> bytes | None:
        if self._outside is None:
            return None
        try:
            return b"".join([piece async for piece in await self._outside.read(key)])
        except ObjectNotFound:
            return None


_ROWS = f"""
select t.size, {clamp_time("t.at")} as at, t.answer, c.note from archiver.time_stamp t
left join archiver.checkpoint c on c.size = t.size
where t.size > $1 order by t.size limit $2
"""

_MISSING = """
select size from unnest($1::bigint[]) as kept (size)
where not exists (select from archiver.time_stamp t where t.size = kept.size)
order by size limit $2
"""

_UNSTAMPED = """
select at from archiver.checkpoint
where size > coalesce((select max(size) from archiver.time_stamp), 0)
    and at < now() - make_interval(hours => $1)
order by size limit 1
"""
