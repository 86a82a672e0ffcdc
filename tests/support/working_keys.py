"""Working keys of the process that runs the tests, which stands in for services."""

from datetime import date

from services.sealing.key_ring import DAILY, RING, WorkingKey

FIRST_DAY = date(2000, 1, 1)


def install_test_keys() -> None:
    """Let this process seal before it has read the keys of a database."""
    kinds = (*DAILY, "standing")
    keys = [
        WorkingKey(bytes([n]) * 8, kind, FIRST_DAY, bytes([n]) * 32)
        for n, kind in enumerate(kinds, 1)
    ]
    RING.install(keys, FIRST_DAY)
