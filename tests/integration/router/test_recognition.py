"""A router starts only with the key under which citizens are known."""

import pytest

from router.model.hashes import Hashes
from router.store.recognition import check_recognition
from router.store.store import Store
from services.keys.oldest_archive_key import OtherOldestKey
from services.postgres.database import Pool
from services.sealing.brought_keys import seal_brought_key
from services.sealing.key_ring import RING
from tests.support.citizens import text, webhook
from tests.support.router.batch_office import Office

OTHER = Hashes(b"another key")


async def hears(pool: Pool, *phones: int) -> Hashes:
    """Citizens write; return the hashes under which they are known."""
    store = Store(pool)
    office = Office(store, await store.take_epoch(0))
    for n in phones:
        await office.takes(office.came(webhook(text("afval", f"wamid.{n}", n))))
    return office.ground.hashes


async def test_key_without_a_known_citizen_is_refused_where_there_are_any(pool: Pool) -> None:
    await check_recognition(pool, OTHER)  # a new installation may still take another
    known = await hears(pool, 1, 2)
    await check_recognition(pool, known)
    with pytest.raises(OtherOldestKey, match="Put the oldest key at the end"):
        await check_recognition(pool, OTHER)


async def test_altered_identity_and_municipality_with_its_own_key_decide_nothing(
    pool: Pool,
) -> None:
    known = await hears(pool, 1, 2)
    await pool.execute("update router.identity set hash = hash || 'x'")
    await check_recognition(pool, OTHER)
    await hears(pool, 3)
    await check_recognition(pool, known)
    brought = seal_brought_key(RING, "almelo", bytes(32))
    await pool.execute(
        "insert into router.brought_key (tenant, sealed) values ('almelo', $1)", brought
    )
    await check_recognition(pool, OTHER)
