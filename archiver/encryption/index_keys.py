"""Keys under which municipalities hash words, persons and rows, as far as they exist and open."""

from collections import defaultdict
from contextlib import suppress

from archiver.encryption.key_store import IndexKeys, KeyStore, Row
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt


async def load_index_keys(connection: Connection, keys: KeyStore) -> dict[str, IndexKeys]:
    """Return the keys by municipality. One that does not open is named by `verify_log`."""
    rows: defaultdict[str, list[Row]] = defaultdict(list)
    for row in await connection.fetch(_INDEX_KEYS):
        rows[row["tenant"]].append(row)
    opened: dict[str, IndexKeys] = {}
    for tenant, of_tenant in rows.items():
        with suppress(CannotDecrypt):
            opened[tenant] = keys.index_keys_of_rows(tenant, of_tenant)
    return opened


_INDEX_KEYS = """
select tenant, purpose, version, wrapped, master from archiver.municipality_key
where purpose in ('hash', 'proof') order by version desc
"""
