"""Tokens of the APIs, held against the record: one whose making is not on it is refused.

A keyed hash keeps out rows of somebody who has the database alone. Somebody who has the working key
too can make that hash, and cannot write an entry into the record. But they can hide one. So what
this process read is remembered, here and in the object store, and counts if the record lacks it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec
import structlog

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.tokens.kept_tokens import StateTooLarge, TokenKeeper
from archiver.tokens.recorded_tokens import (
    ADOPT,
    ADOPTION,
    RecordedTokens,
    Why,
    is_about_token,
    token_of_row,
)
from services import clock, metrics
from services.contract import Record
from services.files.object_store import StoreUnavailable
from services.http.table_judge import (
    READ_LIST,
    TELL_SECONDS,
    Standing,
    ToldTokens,
    read_told,
    told_mac,
)
from services.http.token_mac import is_genuine
from services.postgres.database import Pool
from services.sealing.key_ring import RING
from services.tasks import with_timeout

OWN_NAME = "archiver"
"""Name under which the archiver itself is in the record."""
AT_ONCE = 500
"""Operations in memory, some 1 KB each."""
SECOND_LOOK_SECONDS = 1.0
"""Time after which a refusal is told: a token may be changed between the looks at table and
record."""
WAITING_SECONDS = 60.0
"""The same while an entry about the token is on its way; it takes a second."""
KEEP_SECONDS = 1.0
"""Interval between looks for something new to keep outside. Operations are rare."""
END_SECONDS = 2.0
"""Longest wait for the last state when the process ends."""

AddRecords = Callable[[Sequence[Record]], Awaitable[object]]

log = structlog.get_logger()


class TokenRecord:
    """Follows the record, and tells the other services which tokens it does not know."""

    def __init__(self, pool: Pool, keys: KeyStore, add: AddRecords, keeper: TokenKeeper) -> None:
        self._pool, self._keys, self._add, self._keeper = pool, keys, add, keeper
        self._tokens, self._position = RecordedTokens(), 0
        self._is_loaded = False
        self._kept: tuple[int, int] | None = None
        """Numbers of operations in the state that was kept last."""
        self._written: dict[UUID, Record] = {}
        """Operations that this process wrote, and has not read back yet."""
        self._since: dict[str, float] = {}
        """Name of a token that is refused -> when that was seen first, by the loop's clock."""
        self._list: ToldTokens | None = None
        """The last list of refused tokens that was written."""

    async def add(self, records: Sequence[Record]) -> object:
        """Add operations to the record, and remember them until they are read back."""
        added = await self._add(records)
        self._written |= {each.id: each for each in records if is_about_token(each.id, each.data)}
        return added

    async def judge(self, rows: Sequence[Mapping[str, Any]]) -> Standing:
        """Return which of these tokens are refused. What is told comes a look later: the table may
        have changed after it was read. Raises StoreUnavailable until it is known what was kept
        outside."""
        waiting = {row["about"] for row in await self._pool.fetch(_WAITING)}
        await self._follow()
        genuine = [row for row in rows if is_genuine(row, RING)]
        if not self._tokens.is_adopted:
            await self._adopt(genuine)
        found = {row["name"]: self._tokens.fault_of(row) for row in genuine}
        faults = {name: why for name, why in found.items() if why}
        told = self._told(faults, waiting)
        await self._tell({name: faults[name] for name in told})
        by_hand = {row["name"] for row in rows} - set(found)
        return Standing(by_hand | set(faults), by_hand | told)

    async def _follow(self) -> None:
        """Read the operations that are new in the log, at first all of them."""
        if not self._is_loaded:
            await self._load()
        written = dict(self._written)
        async for row in self._read_new():
            self._apply(row["id"], row["tenant"], row["data"])
        if written:
            self._count_written(written)

    def _count_written(self, written: Mapping[UUID, Record]) -> None:
        """Apply what this process wrote, if somebody hid it before it was read back."""
        found = set(self._tokens.applied)
        for id, record in written.items():
            self._apply(id, record.tenant, record.data)
            del self._written[id]
        self._report_lost(self._tokens.lose(found))

    async def _load(self) -> None:
        """Hold the record against what was kept outside, which counts."""
        self._tokens, self._position = RecordedTokens(), 0
        self._tokens.load(await self._keeper.load())
        found = set[UUID]()
        async for row in self._read_new(found):
            self._apply(row["id"], row["tenant"], row["data"])
        self._report_lost(self._tokens.lose(found))
        self._is_loaded = True

    async def _read_new(self, found: set[UUID] | None = None) -> AsyncIterator[dict[str, Any]]:
        """Yield the operations from the position on. Collect the ids of those that open, or were
        destroyed."""
        while rows := await self._pool.fetch(_OPERATIONS, self._position, AT_ONCE):
            opened = list(decrypt_rows(rows, self._keys))
            if found is not None:
                found |= {row["id"] for row in opened}
                found |= {r["id"] for r in rows if r["salt"] is None or r["wrapped"] is None}
            for row in opened:
                yield row
            self._position = rows[-1]["position"] + 1

    def _apply(self, id: UUID, tenant: str, data: bytes) -> None:
        with suppress(msgspec.DecodeError):
            self._tokens.apply(id, tenant, data)

    def _report_lost(self, count: int) -> None:
        if count:
            metrics.archive_forks.inc()
            log.error("tokens.bent", count=count, reason=GONE)

    async def _adopt(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put the tokens of before on the record, once: versions before this one wrote no hash
        there, and an update must shut nobody out. A revoked one stays revoked."""
        tokens = [msgspec.to_builtins(token_of_row(row)) | {"name": row["name"]} for row in rows]
        missing = [r["name"] for r in rows if not self._tokens.is_on_record(r["name"])]
        fields = {"what": ADOPT, "about": "", "by": OWN_NAME, "identified": "stated"}
        data = msgspec.json.encode(fields | {"tokens": tokens, "unrecorded": missing})
        await self.add([Record(id=ADOPTION, kind="operation", at=clock.now(), data=data)])
        if missing:
            log.warning("tokens.adopted", count=len(missing), reason="not on the record before")
        await self._follow()

    async def keep_forever(self) -> None:
        """Keep what is known outside whenever it changed, for as long as the service runs, and once
        more at its end. A store that is away stops nothing."""
        try:
            while True:
                await self._try_keep()
                await asyncio.sleep(KEEP_SECONDS)
        finally:
            with suppress(TimeoutError):
                await with_timeout(END_SECONDS, self._try_keep())

    async def _try_keep(self) -> None:
        try:
            await self.keep()
        except StoreUnavailable as error:
            log.warning("tokens.not_outside", reason=str(error))
        except StateTooLarge:
            log.error("tokens.not_outside", reason="more tokens were made than can be kept outside")

    async def keep(self) -> None:
        """Keep what is known, unless it is kept. Raises StoreUnavailable and StateTooLarge."""
        known = len(self._tokens.applied), len(self._tokens.lost)
        if self._is_loaded and known != self._kept:
            await self._keeper.keep(self._tokens.state)
            self._kept = known

    def _told(self, faults: Mapping[str, Why], waiting: Set[str]) -> set[str]:
        now = asyncio.get_running_loop().time()
        self._since = {name: self._since.get(name, now) for name in faults}
        limits = {n: WAITING_SECONDS if n in waiting else SECOND_LOOK_SECONDS for n in faults}
        return {name for name, since in self._since.items() if now - since >= limits[name]}

    async def _tell(self, told: Mapping[str, Why]) -> None:
        """Say it in the database, for the gateway, and again if somebody took it away. This process
        refuses the tokens whether or not that works."""
        try:
            rows = await self._pool.fetch("select name, why from access.refused_token")
            if {row["name"]: row["why"] for row in rows} != told:
                await self._pool.execute(_TELL, list(told), list(told.values()))
            await self._write_list(frozenset(told))
        except Exception as error:
            log.error("tokens.untold", exc_info=error)

    async def _write_list(self, names: frozenset[str]) -> None:
        """Write the list of refused tokens if they changed or it grows old, and see that it
        stands."""
        at, last = clock.now(), self._list
        if last and last.names == names and (at - last.at).total_seconds() < TELL_SECONDS:
            return
        self._list = ToldTokens(at, names)
        await self._pool.execute(_WRITE_LIST, at, sorted(names), told_mac(self._list, RING))
        row = await self._pool.fetchrow(READ_LIST)
        stands = read_told(row, RING) if row else None
        if stands is None or stands.at < at:  # another archiver may have written a newer one
            log.error("tokens.untold", reason="the list of refused tokens does not stand")


GONE = "operations on tokens are gone from the record; what was known of them still counts"

_WAITING = "select about from access.operation where what like 'token %'"
# The index for this has operations alone.
_OPERATIONS = f"""
{RECORDS} where e.kind = 'operation' and e.position >= $1 order by e.position limit $2
"""
_TELL = """
with gone as (delete from access.refused_token where name <> all($1::text[]))
insert into access.refused_token (name, why) select * from unnest($1::text[], $2::text[])
on conflict (name) do update set why = excluded.why
"""
_WRITE_LIST = """
insert into access.told_tokens (at, names, mac) values ($1, $2, $3)
on conflict (only_one) do update
    set (at, names, mac) = (excluded.at, excluded.names, excluded.mac)
"""
