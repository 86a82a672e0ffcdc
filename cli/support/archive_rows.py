"""Municipalities that have anything in the archive, and their keys."""

from archiver.encryption.key_store import IndexKeys, KeyStore
from cli.support.output import fail
from services.postgres.database import Connection


async def load_index_keys(connection: Connection, keys: KeyStore) -> dict[str, IndexKeys]:
    """Return the keys of the indexes for each municipality in the archive."""
    return {tenant: await keys.index_keys(tenant) for tenant in await load_tenants(connection)}


async def load_tenants(connection: Connection) -> list[str]:
    """Return the municipalities that have anything in the archive, in order."""
    return [row["tenant"] for row in await connection.fetch(_MUNICIPALITIES)]


async def require_tenant(connection: Connection, tenant: str | None) -> str:
    """Return the municipality; without an id the only one in the archive. Print a fault and exit.

    Call it before an audit entry is written: an entry of an unknown municipality is a wrong record.
    """
    tenants = await load_tenants(connection)
    if tenant is None and len(tenants) == 1:
        return tenants[0]
    if tenant not in tenants:
        fail(f"--tenant: expected one of {', '.join(tenants) or 'none: the archive is empty'}", 2)
    return tenant


_MUNICIPALITIES = """
select distinct tenant from archiver.municipality_key
where purpose = 'hash' and tenant <> '' order by tenant
"""
