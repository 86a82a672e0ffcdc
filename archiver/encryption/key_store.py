"""Keys of municipalities and conversations in PostgreSQL, made when they are first needed.

Unwrapped keys are only in memory. Every use reads the key's row first, so a destroyed key opens
nothing from then on.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from copy import copy
from typing import Any, Literal, TypeAlias, cast

import msgspec
import structlog

from services.postgres.database import Connection, Pool
from services.sealing.wrapping import (
    KEY_BYTES,
    NONCE_BYTES,
    CannotDecrypt,
    fingerprint,
    unwrap,
    wrap,
)

CACHED_KEYS = 4_000
"""Unwrapped keys in memory, some 500 bytes each: 2 MB. That is more than the conversations in
progress at any time; unwrapping another takes 2 us."""
NOWHERE = ("", "")
"""Place of content that belongs to no municipality: receipts, and the quarantine."""
FOREIGN_KEY_VIOLATION = "23503"
Purpose = Literal["content", "hash", "proof"]
INDEX_PURPOSES: tuple[Purpose, ...] = ("hash", "proof")
Place = tuple[str, str]
"""Municipality and conversation."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""

log = structlog.get_logger()


class IndexKeys(msgspec.Struct, frozen=True):
    """Keys of the indexes of a municipality. `hashes`, of words and persons, the newest first:
    there are two while everything is hashed anew after a destruction. `proof`, of what is never
    hashed anew: rows of the processing log, and positions in the log."""

    hashes: tuple[bytes, ...]
    proof: bytes

    @property
    def newest(self) -> bytes:
        """Key under which words and persons are hashed now."""
        return self.hashes[0]


class WrongMasterKey(Exception):
    """Keys of this archive are wrapped under a master key that was not given. Trying again does not
    help; the operator must add that key."""


class KeyStore:
    """Store of keys. `masters` are the master key for new keys, then older ones that still open
    some."""

    def __init__(self, pool: Pool, masters: Sequence[bytes]) -> None:
        """Use `pool`, which may be a single connection for a caller that only reads."""
        self._pool = pool
        self._masters = {fingerprint(key): key for key in masters}
        self.newest_master = fingerprint(masters[0])
        """Fingerprint of the master key that new keys are wrapped under."""
        self._cache: OrderedDict[tuple[bytes, bytes, str], bytes] = OrderedDict()
        self._checked = asyncio.Event()

    def on(self, connection: Connection) -> "KeyStore":
        """Return this store as it is within the transaction of a connection."""
        store = copy(self)
        store._pool = cast(Pool, connection)
        return store

    async def check(self) -> None:
        """Raise WrongMasterKey if the master key of any key was not given. Until this check has
        passed, no key is made or used for writing."""
        rows = await self._pool.fetch("select distinct master from archiver.municipality_key")
        if missing := {row["master"] for row in rows} - set(self._masters):
            raise WrongMasterKey(
                "POSTKAMER_ARCHIVE_KEY: it does not open this archive, whose keys lie under "
                f"{', '.join(sorted(missing))}; give the key of then beside it, after a comma"
            )
        self._checked.set()

    async def ensure_conversation_keys(self, places: Collection[Place]) -> dict[Place, bytes]:
        """Return the keys of these conversations, making those that are missing. Keys that cannot
        be opened are left out and logged. Waits for `check`."""
        await self._checked.wait()
        rows = await self._fetch_rows(places)
        if missing := set(places) - {(row["tenant"], row["conversation"]) for row in rows}:
            rows += await self._make_keys(missing)
        return self.unwrap_rows(rows)

    async def existing_conversation_keys(self, places: Collection[Place]) -> dict[Place, bytes]:
        """Return the keys of these conversations that exist and open."""
        return self.unwrap_rows(await self._fetch_rows(places))

    def unwrap_rows(self, rows: Iterable[Row]) -> dict[Place, bytes]:
        """Return the keys that open, from rows of `KEYS`."""
        keys: dict[Place, bytes] = {}
        for row in rows:
            try:
                keys[row["tenant"], row["conversation"]] = self.key_of_row(row)
            except CannotDecrypt:
                conversation = row["conversation"]
                log.error("key.shut", tenant=row["tenant"], conversation=conversation)
        return keys

    def key_of_row(self, row: Row) -> bytes:
        """Return the key of a conversation, from a row with the wrapped keys. Raises
        CannotDecrypt."""
        if row["above"] is None:
            raise CannotDecrypt("the key above it is gone")
        name = municipality_key_name(row["under_tenant"], "content", row["version"])
        municipality_key = self._unwrap(self.master_key(row["master"]), row["above"], name)
        wrapped_for = conversation_key_name(row["under_tenant"], row["under"])
        return self._unwrap(municipality_key, row["wrapped"], wrapped_for)

    async def municipality_key(self, connection: Connection, tenant: str, version: int) -> bytes:
        """Return an existing version of a municipality's key. Raises CannotDecrypt."""
        row = await connection.fetchrow(_OF_VERSION, tenant, version)
        assert row is not None
        return self._unwrap_municipality_key(tenant, "content", row)

    def master_key(self, key_id: str) -> bytes:
        """Return the master key with this fingerprint. Raises CannotDecrypt if it was not given."""
        try:
            return self._masters[key_id]
        except KeyError:
            raise CannotDecrypt(
                f"it lies under the master key {key_id}, which was not given"
            ) from None

    def _unwrap(self, wrapping_key: bytes, wrapped: bytes, name: str) -> bytes:
        """Unwrap a key through the cache.

        The cache key contains the wrapped bytes, so only a caller that has read the row finds the
        key. It also contains the wrapping key and the name, so that a key put in another's place is
        not accepted.
        """
        cache_key = wrapping_key, wrapped, name
        if key := self._cache.get(cache_key):
            self._cache.move_to_end(cache_key)
            return key
        key = unwrap(wrapping_key, wrapped, name)
        self._cache[cache_key] = key
        if len(self._cache) > CACHED_KEYS:
            self._cache.popitem(last=False)
        return key

    async def index_keys(self, tenant: str) -> IndexKeys:
        """Return the keys of a municipality's indexes. Raises CannotDecrypt."""
        rows = await self._pool.fetch(_INDEX_KEYS, tenant)
        if missing := set(INDEX_PURPOSES) - {row["purpose"] for row in rows}:
            for purpose in missing:
                await self._ensure_municipality_row(tenant, purpose)
            rows = await self._pool.fetch(_INDEX_KEYS, tenant)
        return self.index_keys_of_rows(tenant, rows)

    def index_keys_of_rows(self, tenant: str, rows: Iterable[Row]) -> IndexKeys:
        """Return the keys of INDEX_PURPOSES, from the rows of both, the newest first. Raises
        CannotDecrypt."""
        keys: dict[Purpose, list[bytes]] = {purpose: [] for purpose in INDEX_PURPOSES}
        for row in rows:
            key = self._unwrap_municipality_key(tenant, row["purpose"], row)
            keys[row["purpose"]].append(key)
        if not all(keys.values()):
            raise CannotDecrypt("it is gone")
        return IndexKeys(tuple(keys["hash"]), keys["proof"][0])

    def new_wrapped_key(self, tenant: str, purpose: Purpose, version: int) -> bytes:
        """Return a new key of a municipality, wrapped under the newest master key."""
        name = municipality_key_name(tenant, purpose, version)
        return _new_wrapped_key(self._masters[self.newest_master], name)

    def _unwrap_municipality_key(self, tenant: str, purpose: Purpose, row: Row) -> bytes:
        name = municipality_key_name(tenant, purpose, row["version"])
        return self._unwrap(self.master_key(row["master"]), row["wrapped"], name)

    def municipality_key_of_row(self, row: Row) -> bytes:
        """Return the key of a row of MUNICIPAL_KEYS. Raises CannotDecrypt."""
        if row["wrapped"] is None:
            raise CannotDecrypt("it is gone")
        return self._unwrap_municipality_key(row["tenant"], row["purpose"], row)

    async def _fetch_rows(self, places: Collection[Place]) -> list[Row]:
        tenants, conversations = zip(*places, strict=True)
        return await self._pool.fetch(KEYS, tenants, conversations)

    async def _make_keys(self, places: Collection[Place]) -> list[Row]:
        """Return the rows of new keys, and of those that another process made meanwhile."""
        made: list[Row] = []
        for tenant in {tenant for tenant, _ in places}:
            # In a fixed order, or two archivers that make the same keys would deadlock.
            tenant_conversations = sorted(
                conversation for owner, conversation in places if owner == tenant
            )
            while (rows := await self._insert_keys(tenant, tenant_conversations)) is None:
                log.info("key.replaced", tenant=tenant)
            made += rows
        return made if len(made) == len(places) else await self._fetch_rows(places)

    async def _insert_keys(self, tenant: str, conversations: Sequence[str]) -> list[Row] | None:
        """Insert new keys and return their rows; None if the municipality's key was replaced or
        destroyed since it was read."""
        row = await self._ensure_municipality_row(tenant, "content")
        municipality_key, version = (
            self._unwrap_municipality_key(tenant, "content", row),
            row["version"],
        )
        wrapped_keys = [
            _new_wrapped_key(municipality_key, conversation_key_name(tenant, conversation))
            for conversation in conversations
        ]
        try:
            return await self._pool.fetch(_ADD, tenant, conversations, version, wrapped_keys)
        except Exception as error:
            if getattr(error, "sqlstate", None) != FOREIGN_KEY_VIOLATION:
                raise
            return None

    async def _ensure_municipality_row(self, tenant: str, purpose: Purpose) -> Row:
        """Return the newest row of a municipality's key. If there is none, all that it lacks are
        made at once: a municipality with some of its keys looks like one that lost the others."""
        if row := await self._pool.fetchrow(_NEWEST, tenant, purpose):
            return row
        purposes = ("content", *INDEX_PURPOSES) if tenant else (purpose,)
        wrapped = [self.new_wrapped_key(tenant, each, 1) for each in purposes]
        await self._pool.execute(_ADD_MUNICIPAL, tenant, self.newest_master, purposes, wrapped)
        return await self._ensure_municipality_row(tenant, purpose)


def _new_wrapped_key(wrapping_key: bytes, name: str) -> bytes:
    return wrap(wrapping_key, os.urandom(KEY_BYTES), name, os.urandom(NONCE_BYTES))


def municipality_key_name(tenant: str, purpose: Purpose, version: int) -> str:
    return f"{purpose} {tenant} {version}"


def conversation_key_name(tenant: str, conversation: str) -> str:
    """Return the name without the version of the wrapping key, since the key may be wrapped
    again."""
    return f"conversation {tenant} {conversation}"


_WRAPPED = """
select k.tenant, k.conversation, k.version, k.wrapped, m.wrapped as above, m.master,
    k.tenant as under_tenant, k.conversation as under
"""

# One look-up per conversation. A plain join would scan all keys of a municipality while the table
# is young and the database has no statistics.
KEYS = f"""
{_WRAPPED} from unnest($1::text[], $2::text[]) as wanted (tenant, conversation)
cross join lateral (
    select * from archiver.conversation_key k
    where (k.tenant, k.conversation) = (wanted.tenant, wanted.conversation) limit 1
) as k
join archiver.municipality_key m
    on (m.tenant, m.purpose, m.version) = (k.tenant, k.purpose, k.version)
"""

ALL_KEYS = f"""
{_WRAPPED} from archiver.conversation_key k
left join archiver.municipality_key m using (tenant, purpose, version)
"""

MUNICIPAL_KEYS = """
select t.tenant, p.purpose, m.version, m.wrapped, m.master
from (select distinct tenant from archiver.conversation_key) t
cross join (values ('content'), ('hash'), ('proof')) p (purpose)
left join archiver.municipality_key m using (tenant, purpose)
where t.tenant <> '' or p.purpose = 'content'
"""
"""The keys of each municipality that has conversations; null columns if a key is missing."""

_NEWEST = """
select version, wrapped, master from archiver.municipality_key
where tenant = $1 and purpose = $2 order by version desc limit 1
"""

_INDEX_KEYS = """
select purpose, version, wrapped, master from archiver.municipality_key
where tenant = $1 and purpose in ('hash', 'proof') order by version desc
"""

_OF_VERSION = """
select version, wrapped, master from archiver.municipality_key
where tenant = $1 and purpose = 'content' and version = $2
"""

_ADD = f"""
with k as (
    insert into archiver.conversation_key (tenant, conversation, version, wrapped)
    select $1, conversation, $3, wrapped
    from unnest($2::text[], $4::bytea[]) as new (conversation, wrapped)
    on conflict do nothing returning *
)
{_WRAPPED} from k join archiver.municipality_key m using (tenant, purpose, version)
"""

_ADD_MUNICIPAL = """
insert into archiver.municipality_key (tenant, purpose, version, master, wrapped)
select $1, purpose, 1, $2, wrapped from unnest($3::text[], $4::bytea[]) as new (purpose, wrapped)
where not exists (select from archiver.municipality_key m
    where m.tenant = $1 and m.purpose = new.purpose)
on conflict do nothing
"""
