"""Working keys of the process that runs the tests, which stands in for services."""

from services import clock
from services.sealing.key_ring import DAILY, RING, WorkingKey


def install_test_keys() -> None:
    """Let this process seal before it has read the keys of a database."""
    kinds = (*DAILY, "standing")
    today = clock.now().date()
    keys = [
        WorkingKey(bytes([n]) * 8, kind, today, bytes([n]) * 32) for n, kind in enumerate(kinds, 1)
    ]
    RING.install(keys, today)
