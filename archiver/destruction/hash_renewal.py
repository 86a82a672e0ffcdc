"""Hash words and persons anew after a destruction, and delete the key of before.

With that key, whoever has a copy of the index from before could confirm a guess at what was
destroyed. What is left is read entry by entry and gets its hashes under a new key; meanwhile a
search asks under both. The place is written with the hashes, so that a kill loses and repeats
nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from archiver.destruction.destroyer import WAIT_TURN
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.index.entry_hashes import hash_entry
from archiver.index.record_fields import INDEXED_KINDS
from archiver.retention.hold_store import HoldStore
from archiver.subject_access.requests.store import RequestStore
from services import metrics
from services.postgres.database import Connection, Pool, retry_while_unavailable
from services.sealing.wrapping import CannotDecrypt

DAYS = 7
"""Shortest time from one new key to the next: each costs reading the whole record, and lists come
some times a year."""
BATCH = 500
"""Entries in one transaction: some 0.1 s, in which nothing is destroyed."""
PAUSE_SECONDS = 0.1
"""Pause between two batches, so that what comes in has most of a core."""
LOOK_SECONDS = 60.0
"""Interval between two looks if there was a destruction, and if a list is still being carried out.
"""
Progress = Callable[[int, int], None]
"""Is told the entries that were hashed anew, and all of them."""

log = structlog.get_logger()


class Renewal(msgspec.Struct, frozen=True):
    """A renewal that is under way: entries before `position` are hashed anew, those from `up_to` on
    came later."""

    tenant: str
    up_to: int
    position: int


class HashRenewer:
    """The archiver's role is enough: the database replaces hashes in a renewal alone."""

    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def run(self) -> None:
        """Renew what is due, for as long as the service runs. Several archivers share the work."""
        while True:
            await retry_while_unavailable(self.renew_due, "hashes")
            await asyncio.sleep(LOOK_SECONDS)

    async def renew_due(self) -> None:
        """Continue the renewals that are under way, and begin those that are due."""
        async with self._pool.acquire() as connection:
            due = [row["tenant"] for row in await connection.fetch(_DUE, DAYS)]
        for tenant in due:
            try:
                await self.renew(tenant, _count_left)
            except CannotDecrypt as error:
                log.error("hashes.not_renewed", tenant=tenant, reason=str(error))

    async def renew(self, tenant: str, progress: Progress = lambda done, of: None) -> None:
        """Begin a renewal, or continue the one under way, up to its end. A list that is being
        destroyed goes first."""
        await self.begin(tenant)
        has_more = True
        while has_more:
            if await self._pool.fetchval(_IS_DESTROYING):
                await asyncio.sleep(LOOK_SECONDS)
                continue
            if renewal := await self.renew_batch(tenant):
                progress(renewal.position, renewal.up_to)
            has_more = renewal is not None
            await asyncio.sleep(PAUSE_SECONDS)

    async def begin(self, tenant: str) -> None:
        """Begin a renewal, unless one is under way."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(WAIT_TURN)
            if await connection.fetchrow(_RENEWAL, tenant):
                return
            version = int(await connection.fetchval(_NEXT_VERSION, tenant))
            key = self._keys.new_wrapped_key(tenant, "hash", version)
            await connection.execute(_BEGIN, tenant, version, self._keys.newest_master, key)
            keys = self._keys.on(connection)
            hashing = await keys.index_keys(tenant)
            await HoldStore(connection, keys).renew_hashes(tenant, hashing.hashes)
            await RequestStore(connection, keys).renew_hashes(tenant, hashing.newest)
            await connection.execute(_BOUND, tenant)
        log.info("hashes.renewing", tenant=tenant)

    async def renew_batch(self, tenant: str) -> Renewal | None:
        """Hash the next entries anew, and return how far it is; None if that was the end."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(WAIT_TURN)
            row = await connection.fetchrow(_RENEWAL, tenant)
            if row is None:
                return None
            found = Renewal(**row)
            end = min(found.position + BATCH, found.up_to)
            await self._hash_entries(connection, tenant, found.position, end)
            if end == found.up_to:
                await self._end(connection, tenant)
                return None
        return msgspec.structs.replace(found, position=end)

    async def _hash_entries(
        self, connection: Connection, tenant: str, start: int, end: int
    ) -> None:
        hashing = (await self._keys.on(connection).index_keys(tenant)).hashes
        rows = await connection.fetch(_ENTRIES, tenant, INDEXED_KINDS, start, end)
        hashed = [(row, hash_entry(row, hashing)) for row in decrypt_rows(rows, self._keys)]
        words = [(row["id"], _array(each.tokens[0].words)) for row, each in hashed if each.tokens]
        persons = [
            (row["conversation"], row["id"], former, newest)
            for row, each in hashed
            for newest, *older in each.persons
            for former in older
        ]
        columns = *_columns(words, 2), *_columns(persons, 4)
        await connection.execute(_REPLACE, tenant, end, *columns)

    async def _end(self, connection: Connection, tenant: str) -> None:
        """Delete the key of before, once nothing is under it. The log's head is locked last, as
        whoever places a hold does."""
        keys = self._keys.on(connection)
        newest = (await keys.index_keys(tenant)).newest
        await HoldStore(connection, keys).renew_hashes(tenant, [newest])
        await connection.execute(_END, tenant)
        metrics.hashes_to_renew.set(0)
        log.info("hashes.renewed", tenant=tenant)


def _array(numbers: Sequence[int]) -> str:
    """Return an array as PostgreSQL writes it."""
    return f"{{{','.join(map(str, numbers))}}}"


def _columns(rows: list[tuple[Any, ...]], width: int) -> list[Any]:
    return list(zip(*rows, strict=True)) or [()] * width


def _count_left(done: int, of: int) -> None:
    metrics.hashes_to_renew.set(of - done)


_IS_DESTROYING = """
select exists (select from archiver.destruction_list
    where state = 'destroying' or state = 'approved' and approved_at + waiting <= now())
"""
# The first key of a municipality counts too: with it everything before was hashed.
_DUE = """
select tenant from archiver.renewal
union
select k.tenant from (
    select tenant, max(made_at) as made_at from archiver.municipality_key
    where purpose = 'hash' group by tenant
) k
where k.made_at < now() - make_interval(days => $1) and exists (select from archiver.entry e
    where e.kind = 'destruction' and e.tenant = k.tenant and e.at > k.made_at)
order by tenant
"""
_RENEWAL = "select tenant, up_to, position from archiver.renewal where tenant = $1"
_NEXT_VERSION = """
select coalesce(max(version), 0) + 1 from archiver.municipality_key
where tenant = $1 and purpose = 'hash'
"""
_BEGIN = "select archiver.begin_renewal($1, $2, $3, $4)"
_BOUND = "select archiver.bound_renewal($1)"
_REPLACE = "select archiver.renew_entries($1, $2, $3, $4, $5, $6, $7, $8)"
_END = "select archiver.end_renewal($1)"
_ENTRIES = f"""{RECORDS}
where e.tenant = $1 and e.kind = any($2::text[]) and e.position >= $3 and e.position < $4
order by e.position
"""
