"""What could not become a record: kept whole and sealed, so that nothing acknowledged is lost."""

import os
from hashlib import blake2b
from uuid import UUID

from archiver.record.keys import NOWHERE, Keys
from archiver.record.sealing import SALT_BYTES, seal
from services.database import Pool

ABOUT = b"quarantine"


class Aside:
    def __init__(self, pool: Pool, keys: Keys) -> None:
        self._pool, self._keys = pool, keys

    async def put(self, reason: str, body: bytes) -> UUID:
        """Its id there; `reason` holds no personal data. What is kept already is kept once: it
        comes again where the process ended before its envelope was acknowledged."""
        keys, salt = await self._keys.of_conversations([NOWHERE]), os.urandom(SALT_BYTES)
        sealed = seal(keys[NOWHERE], salt, body, ABOUT)
        id = _id(keys[NOWHERE], body)
        await self._pool.execute(_PUT, id, reason, salt, sealed)
        return id


def _id(key: bytes, body: bytes) -> UUID:
    """The same for the same; without the key nobody finds out by guessing what is kept."""
    return UUID(bytes=blake2b(body, key=key, digest_size=16, person=ABOUT).digest())


_PUT = """
insert into archiver.quarantine (id, reason, body, salt, sealed) values ($1, $2, '', $3, $4)
on conflict do nothing
"""
