"""What could not become a record: kept whole and sealed, so that nothing acknowledged is lost."""

import os

from archiver.record.keys import NOWHERE, Keys
from archiver.record.sealing import SALT_BYTES, seal
from services.database import Pool

ABOUT = b"quarantine"


class Aside:
    def __init__(self, pool: Pool, keys: Keys) -> None:
        self._pool, self._keys = pool, keys

    async def put(self, reason: str, body: bytes) -> None:
        """`reason` holds no personal data."""
        keys, salt = await self._keys.of_conversations([NOWHERE]), os.urandom(SALT_BYTES)
        sealed = seal(keys[NOWHERE], salt, body, ABOUT)
        await self._pool.execute(_PUT, reason, salt, sealed)


_PUT = "insert into archiver.quarantine (reason, body, salt, sealed) values ($1, '', $2, $3)"
