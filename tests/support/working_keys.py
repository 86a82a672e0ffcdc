"""Working keys that the process of the tests shares with every installation, so that it can stand
in for a service, and read what one has sealed."""

import asyncio
from base64 import b64decode
from datetime import date, timedelta

from services import clock, contract
from services.amqp.sealed_batch import seal_batch
from services.keys.working_keys import STANDING_DAY, refresh, wrap_key
from services.postgres.database import Pool, connection_pool
from services.sealing.key_ring import DAILY, RING, KeyRing, WorkingKey
from services.sealing.wrapping import fingerprint
from tests.support.decrypted_record import KEY

MASTER = b64decode(KEY)


def shared_keys(today: date) -> list[WorkingKey]:
    """Keys of today, of tomorrow, and the standing one."""
    days = today, today + timedelta(1)
    daily = [(kind, day) for kind in DAILY for day in days]
    return [
        WorkingKey(bytes([n]) * 8, kind, day, bytes([n]) * 32)
        for n, (kind, day) in enumerate([("standing", STANDING_DAY), *daily], 1)
    ]


def install_test_keys() -> None:
    """Let this process seal with the shared keys, and know no others."""
    vars(RING).update(vars(KeyRing()))
    today = clock.now().date()
    RING.install(shared_keys(today), today)


LOST = bytes([9]) * 8
"""Id of a key that no process can read."""


def seal_under_lost_key(batch: contract.Batch) -> tuple[str, bytes]:
    """Return the name and the body of a message whose key is gone."""
    name, body = seal_batch(batch)
    return name, bytes(body).replace(shared_key_id("queue"), LOST, 1)


def lost_key() -> WorkingKey:
    """Return the key that was lost: it is of yesterday, and only its row was gone."""
    today = clock.now().date()
    twin = next(key for key in shared_keys(today) if (key.kind, key.day) == ("queue", today))
    return WorkingKey(LOST, "queue", today - timedelta(1), twin.key)


async def give_lost_key_back(pool: Pool) -> None:
    """Put the row of the lost key back, as an operator does."""
    key = lost_key()
    await pool.execute(
        "insert into sealing.working_key (id, kind, day, wrapped, master)"
        " values ($1, $2, $3, $4, $5)",
        *(key.id, key.kind, key.day, wrap_key(key, MASTER), fingerprint(MASTER)),
    )


def shared_key_id(kind: str) -> bytes:
    """Return the id of the key of today with which values of this kind are sealed."""
    today = clock.now().date()
    return next(key.id for key in shared_keys(today) if (key.kind, key.day) == (kind, today))


async def read_keys() -> None:
    """Stand in for the task that reads the keys of a process: it finds no others."""
    while True:
        await asyncio.sleep(0.1)
        RING.end_read(RING.begin_read())


def insert_test_keys() -> str:
    """Return the statement that gives an installation these keys, before its services start."""
    rows = ", ".join(
        f"('\\x{key.id.hex()}', '{key.kind}', '{key.day}',"
        f" '\\x{wrap_key(key, MASTER).hex()}', '{fingerprint(MASTER)}')"
        for key in shared_keys(clock.now().date())
    )
    return f"insert into sealing.working_key (id, kind, day, wrapped, master) values {rows};"


async def keys_at(url: str) -> KeyRing:
    """Return the working keys of an installation."""
    ring = KeyRing()
    async with connection_pool(url, "test", 1) as pool:
        await refresh(pool, [MASTER], clock.now().date(), ring)
    return ring
