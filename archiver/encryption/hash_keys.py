"""Keys under which municipalities hash words, persons and rows, as far as they exist and open."""

from contextlib import suppress

from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt


async def load_hash_keys(connection: Connection, keys: KeyStore) -> dict[str, bytes]:
    """Return the keys by municipality. One that does not open is named by `verify_log`."""
    opened: dict[str, bytes] = {}
    for row in await connection.fetch(_HASH_KEYS):
        with suppress(CannotDecrypt):
            opened[row["tenant"]] = keys.municipality_key_of_row(row)
    return opened


_HASH_KEYS = """
select tenant, purpose, version, wrapped, master from archiver.municipality_key
where purpose = 'hash' order by version
"""
