"""Rotate keys: the keys below a new key are wrapped again, and the record itself does not
change."""

import os
from collections.abc import Callable

from archiver.encryption.key_store import (
    FOREIGN_KEY_VIOLATION,
    KeyStore,
    conversation_key_name,
    municipality_key_name,
)
from services.postgres.database import Connection, Pool
from services.sealing.wrapping import KEY_BYTES, NONCE_BYTES, unwrap, wrap

AT_ONCE = 1000
"""Conversation keys in one transaction."""


async def rewrap_municipality_keys(pool: Pool, keys: KeyStore) -> int:
    """Wrap the keys of municipalities under the newest master key; return how many changed. Raises
    CannotDecrypt if one does not open, and then none has changed."""
    changed = 0
    async with pool.acquire() as connection, connection.transaction():
        for row in await connection.fetch(_MUNICIPAL):
            if row["master"] == keys.newest_master:
                continue
            name = municipality_key_name(row["tenant"], row["purpose"], row["version"])
            key = unwrap(keys.master_key(row["master"]), row["wrapped"], name)
            wrapped = wrap(keys.master_key(keys.newest_master), key, name, os.urandom(NONCE_BYTES))
            key_id = row["tenant"], row["purpose"], row["version"]
            await connection.execute(_REWRAP_MUNICIPAL, *key_id, keys.newest_master, wrapped)
            changed += 1
    return changed


async def rotate_municipality_key(
    pool: Pool, keys: KeyStore, tenant: str, progress: Callable[[int], None]
) -> int:
    """Wrap the conversation keys of a municipality under a new municipality key; return their
    number. The old key is deleted when no key is wrapped under it. If interrupted, the next call
    continues."""
    version = await _ensure_new_version(pool, keys, tenant)
    done, start, is_over = 0, "", False
    while not is_over:
        async with pool.acquire() as connection, connection.transaction():
            rewrapped = await _rewrap_batch(connection, keys, tenant, version, start)
        done += len(rewrapped)
        progress(done)
        if not rewrapped and not start:
            is_over = await _delete_old_key(pool, tenant, version)
        # A key that was made meanwhile under the old one may be before: the last walk finds none.
        start = rewrapped[-1] if rewrapped else ""
    return done


async def count_conversation_keys(pool: Pool, tenant: str) -> int:
    """Return how many conversations of a municipality have a key."""
    sql = "select count(*) from archiver.conversation_key where tenant = $1"
    return int(await pool.fetchval(sql, tenant))


async def _ensure_new_version(pool: Pool, keys: KeyStore, tenant: str) -> int:
    """Return the version of a new key, or of the one that an interrupted rotation made."""
    rows = await pool.fetch(_VERSIONS, tenant)
    if len(rows) > 1:
        return int(rows[0]["version"])
    version = int(rows[0]["version"] if rows else 0) + 1
    name = municipality_key_name(tenant, "content", version)
    key, nonce = os.urandom(KEY_BYTES), os.urandom(NONCE_BYTES)
    wrapped = wrap(keys.master_key(keys.newest_master), key, name, nonce)
    await pool.execute(_ADD, tenant, version, keys.newest_master, wrapped)
    return version


async def _delete_old_key(pool: Pool, tenant: str, version: int) -> bool:
    """Delete the older keys; False if a key was made under one since the last walk."""
    try:
        await pool.execute(_DELETE_OLD, tenant, version)
    except Exception as error:
        if getattr(error, "sqlstate", None) != FOREIGN_KEY_VIOLATION:
            raise
        return False
    return True


async def _rewrap_batch(
    connection: Connection, keys: KeyStore, tenant: str, version: int, start: str
) -> list[str]:
    """Return the conversations whose keys were wrapped again, the first ones from `start` on."""
    rows = await connection.fetch(_UNDER_OLDER, tenant, version, AT_ONCE, start)
    if not rows:
        return []
    municipality_key = await keys.municipality_key(connection, tenant, version)
    names = [conversation_key_name(tenant, row["conversation"]) for row in rows]
    wrapped = [
        wrap(municipality_key, keys.key_of_row(row), name, os.urandom(NONCE_BYTES))
        for row, name in zip(rows, names, strict=True)
    ]
    conversations = [row["conversation"] for row in rows]
    await connection.execute(_REWRAP_CONVERSATIONS, tenant, version, conversations, wrapped)
    return conversations


_MUNICIPAL = """
select tenant, purpose, version, master, wrapped from archiver.municipality_key
order by tenant, purpose, version for update
"""

_REWRAP_MUNICIPAL = """
update archiver.municipality_key set master = $4, wrapped = $5
where tenant = $1 and purpose = $2 and version = $3
"""

_VERSIONS = """
select version from archiver.municipality_key where tenant = $1 and purpose = 'content'
order by version desc
"""

_ADD = """
insert into archiver.municipality_key (tenant, purpose, version, master, wrapped)
values ($1, 'content', $2, $3, $4)
"""

_UNDER_OLDER = """
select k.tenant, k.conversation, k.version, k.wrapped, m.wrapped as above, m.master,
    k.tenant as under_tenant, k.conversation as under
from archiver.conversation_key k
join archiver.municipality_key m using (tenant, purpose, version)
where k.tenant = $1 and k.version < $2 and k.conversation >= $4
order by k.conversation limit $3 for update of k
"""

_REWRAP_CONVERSATIONS = """
update archiver.conversation_key k set version = $2, wrapped = new.wrapped
from unnest($3::text[], $4::bytea[]) as new (conversation, wrapped)
where k.tenant = $1 and k.conversation = new.conversation
"""

_DELETE_OLD = """
delete from archiver.municipality_key
where tenant = $1 and purpose = 'content' and version < $2
"""
