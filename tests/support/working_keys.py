"""Working keys of the process that runs the tests, which stands in for services."""

from base64 import b64decode

from services import clock
from services.postgres.database import connection_pool
from services.sealing.key_ring import DAILY, RING, KeyRing, WorkingKey
from services.working_keys import refresh
from tests.support.decrypted_record import KEY


def install_test_keys() -> None:
    """Let this process seal before it has read the keys of a database."""
    kinds = (*DAILY, "standing")
    today = clock.now().date()
    keys = [
        WorkingKey(bytes([n]) * 8, kind, today, bytes([n]) * 32) for n, kind in enumerate(kinds, 1)
    ]
    RING.install(keys, today)


async def keys_at(url: str) -> KeyRing:
    """Return the working keys of an installation."""
    ring = KeyRing()
    async with connection_pool(url, "test", 1) as pool:
        await refresh(pool, [b64decode(KEY)], clock.now().date(), ring)
    return ring
