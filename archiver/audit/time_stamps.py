"""Verify the time stamps of checkpoints, in the table and outside."""

from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from archiver.audit.checkpoints import FIRST, LAST, NAME, SECOND
from archiver.audit.log_walk import Finding
from archiver.log.accepted_loss import AcceptedLoss
from archiver.timestamps.stamp import Authorities, InvalidStamp, check_time, verify_stamp
from services import clock
from services.files import object_store
from services.files.object_store import ObjectNotFound, ObjectStore
from services.postgres.database import Connection
from services.postgres.times import clamp_time, in_utc
from services.transparency import signed_note
from services.transparency.signed_note import InvalidNote

AT_ONCE = 100
"""Stamps in memory, some 6 KB each."""
STAMPED = timedelta(hours=25)
"""Time within which a checkpoint is normally stamped, or a later one: a day after its alarm."""
WENT_ON_FROM, WENT_ON_TO = timedelta(hours=2), timedelta(hours=24)
"""Age at which a checkpoint of the past is followed by another, if the archiver was not down: then
that stamped it too."""
MAX_MISSING = 1000
"""Stamps without a row that are reported."""
WHILE_READ = timedelta(hours=1)
"""Longest time between the beginning of a verification and its look outside."""


class StampTotals(msgspec.Struct):
    """Stamps that were verified, and the time of the first: from then on the log is fixed."""

    count: int = 0
    first: datetime | None = None


class Stamp(msgspec.Struct, frozen=True):
    """A stamp that is genuine, and the size of its checkpoint."""

    size: int
    at: datetime


class StampAudit:
    """Verification of the stamps against the certificates of the authority."""

    def __init__(
        self,
        connection: Connection,
        authorities: Authorities,
        outside: ObjectStore | None,
        accepted: Sequence[AcceptedLoss] = (),
    ) -> None:
        self._connection, self._authorities = connection, authorities
        self._outside, self._accepted = outside, accepted
        self._before: Stamp | None = None
        """The stamp of the largest smaller checkpoint; None at the first."""
        self.totals = StampTotals()

    async def verify(self) -> AsyncIterator[Finding]:
        """Yield what is wrong. Raises StoreUnavailable."""
        size = FIRST
        while rows := await self._connection.fetch(_ROWS, size, AT_ONCE):
            for row in rows:
                for finding in await self._check_row(row):
                    yield finding
            if (size := rows[-1]["size"] + 1) > LAST:
                break
        async for finding in self._missing_from_table():
            yield finding
        # Before the first stamp there may have been no authority to ask.
        if self._before and (since := await self._unstamped_since(self._before)):
            sentence = f"no time stamp is on what was signed since {since:%Y-%m-%d %H:%M}Z"
            yield Finding("timestamp", sentence)

    async def _unstamped_since(self, last: Stamp) -> datetime | None:
        since: datetime | None = await self._connection.fetchval(_UNSTAMPED, last.size, STAMPED)
        return since

    async def _check_row(self, row: Any) -> list[Finding]:
        size, note = row["size"], row["note"]
        copy = await self._read(object_store.timestamp_key, size)
        findings, at = await self._check_stamp(size, row["answer"], note, "in the table")
        if at and abs(in_utc(row["at"]) - at) >= SECOND:
            sentence = f"the time stamp of {size} entries is of another time than its row says"
            findings.append(Finding("timestamp", sentence, size))
        if self._outside and copy is None:
            sentence = f"the time stamp of {size} entries is not kept outside"
            findings.append(Finding("outside", sentence, size))
        elif copy is not None and copy != row["answer"]:
            more, of_copy = await self._check_stamp(size, copy, note, "kept outside")
            findings, at = findings + more, at or of_copy
        return findings + await self._check_gap(Stamp(size, at)) if at else findings

    async def _check_gap(self, stamp: Stamp) -> list[Finding]:
        """Report what went without a stamp between this one and the one before it."""
        before, self._before = self._before, stamp
        if before is None:
            return []
        bounds = (before.size, stamp.size, stamp.at - STAMPED, WENT_ON_FROM, WENT_ON_TO)
        row = await self._connection.fetchrow(_GAP, *bounds)
        if row is None:
            return []
        sentence = f"no time stamp came until {stamp.at:%Y-%m-%d %H:%M}Z on what was signed at"
        return [Finding("timestamp", f"{sentence} {row['at']:%Y-%m-%d %H:%M}Z", row["size"])]

    async def _check_stamp(
        self, size: int, answer: bytes, note: str | None, where: str
    ) -> tuple[list[Finding], datetime | None]:
        """Check a stamp against the note in the table, and against the copy outside if it is not
        of that: two archivers may have signed one size. Return what is wrong, or its time."""
        try:
            try:
                return [], self._verify(answer, note)
            except InvalidStamp:
                copy = await self._read(object_store.checkpoint_key, size)
                if copy is None or copy == (note or "").encode():
                    raise
                return [], self._verify(answer, copy.decode(errors="replace"))
        except InvalidStamp as error:
            sentence = f"the time stamp of {size} entries {where}: {error}"
            return [Finding("timestamp", sentence, size)], None

    def _verify(self, answer: bytes, note: str | None) -> datetime:
        """Return the time of a stamp. The first may be on a checkpoint of any age: nobody was
        asked for one before."""
        if note is None:
            raise InvalidStamp("there is no checkpoint of that size")
        at = verify_stamp(answer, note.encode(), self._authorities)
        try:
            check_time(at, signed_note.read_note(note).at, is_first=self._before is None)
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
            if not self._is_explained(await self._stamped_outside(size)):
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

    async def _stamped_outside(self, size: int) -> datetime | None:
        """Return the time of the stamp outside; None if it is not valid."""
        answer = await self._read(object_store.timestamp_key, size)
        note = await self._read(object_store.checkpoint_key, size)
        try:
            return verify_stamp(answer or b"", note or b"", self._authorities)
        except InvalidStamp:
            return None

    def _is_explained(self, at: datetime | None) -> bool:
        """Return True for a valid stamp that came while the database was read, or on what a restore
        took away, if that loss was accepted."""
        if at is None:
            return False
        return clock.now() - at < WHILE_READ or any(each.lacks(at) for each in self._accepted)

    async def _read(self, key_of: Callable[[int], str], size: int) -> bytes | None:
        """Return a copy outside; None if there is none. A forged row may be of a size that no
        object can have."""
        if self._outside is None or size < 0:
            return None
        try:
            return b"".join([piece async for piece in await self._outside.read(key_of(size))])
        except ObjectNotFound:
            return None


_ROWS = f"""
select t.size, {clamp_time("t.at")} as at, t.answer, c.note from archiver.time_stamp t
left join archiver.checkpoint c on c.size = t.size
where t.size >= $1 order by t.size limit $2
"""

_MISSING = """
select size from unnest($1::bigint[]) as kept (size)
where not exists (select from archiver.time_stamp t where t.size = kept.size)
order by size limit $2
"""

_UNSTAMPED = """
select at from archiver.checkpoint
where size > $1 and at < now() - $2::interval
    and size <= (select size from archiver.head) order by size limit 1
"""

# The first checkpoint between two stamps that none was put on in time, though the archiver was up.
_GAP = """
select c.size, c.at from archiver.checkpoint c
where c.size > $1 and c.size < $2 and c.at < $3 and exists (
    select from archiver.checkpoint d where d.size > c.size and d.size <= $2
        and d.at between c.at + $4::interval and c.at + $5::interval
)
order by c.size limit 1
"""
