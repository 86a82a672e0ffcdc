"""Working keys are made once, known to every process, and destroyed when nothing needs them."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest

from archiver.spent_keys import destroy_spent_keys
from services import clock, working_keys
from services.postgres.database import Pool, connection_pool
from services.sealing import columns
from services.sealing.key_ring import DAILY, SEALS_DAYS, KeyRing, KeyUnknown
from services.sealing.wrapping import fingerprint
from services.working_keys import WrongWorkingKey

MASTER, NEWER = bytes(32), bytes([1]) * 32
TODAY = clock.now().date()
END = datetime.combine(TODAY + timedelta(SEALS_DAYS + 1), time(), UTC)
"""From when no process seals with a key of today."""
QUEUES = ["partition.0", "archive"]


async def made(pool: Pool) -> KeyRing:
    ring = KeyRing()
    await working_keys.refresh(pool, [MASTER], TODAY, ring)
    return ring


async def test_two_processes_seal_for_each_other(pool: Pool) -> None:
    one, other = await made(pool), await made(pool)
    assert other.unseal(one.seal(b"hallo", "a"), "a") == b"hallo"
    assert other.seal_name("31611111111", "a") == one.seal_name("31611111111", "a")
    rows = await pool.fetch("select kind, day from sealing.working_key where kind <> 'standing'")
    made_for = {(row["kind"], row["day"]) for row in rows}
    days = TODAY, TODAY + timedelta(1)  # another process needs tomorrow's at midnight
    assert made_for == {(kind, day) for kind in DAILY for day in days}


async def test_keys_under_a_master_that_was_not_given_are_an_error(pool: Pool) -> None:
    ring = await made(pool)
    with pytest.raises(WrongWorkingKey, match=fingerprint(MASTER)):
        await working_keys.refresh(pool, [NEWER], TODAY, KeyRing())
    both = KeyRing()
    await working_keys.refresh(pool, [NEWER, MASTER], TODAY, both)
    assert both.unseal(ring.seal(b"hallo", "a"), "a") == b"hallo"


async def test_archiver_puts_all_keys_under_a_new_master(pool: Pool, empty: str) -> None:
    ring = await made(pool)
    sealed, name = ring.seal(b"hallo", "a"), ring.seal_name("31611111111", "a")
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 1) as own:
        assert await working_keys.rewrap(own, [NEWER, MASTER]) == 5
        assert await working_keys.rewrap(own, [NEWER, MASTER]) == 0
    newest = KeyRing()
    await working_keys.refresh(pool, [NEWER], TODAY, newest)
    assert newest.unseal(sealed, "a") == b"hallo"
    assert newest.seal_name("31611111111", "a") == name


@pytest.mark.parametrize("role", ["gateway", "router", "deliverer", "archiver"])
async def test_every_service_may_read_and_make_keys(pool: Pool, empty: str, role: str) -> None:
    async with connection_pool(f"{empty}?role=postkamer_{role}", "test", 1) as own:
        assert (await made(own)).ready.is_set()


async def drain(pool: Pool, at: datetime, *queues: str) -> None:
    await pool.execute(
        "insert into balance.consumer (queue, instance, drained_at)"
        " select name, gen_random_uuid(), $1 from unnest($2::text[]) q (name)",
        at,
        list(queues),
    )


async def test_key_of_a_queue_goes_once_every_queue_was_empty_after_its_last_use(
    pool: Pool,
) -> None:
    ring = await made(pool)
    sealed = ring.seal(b"hallo", "queue", "queue")

    async def opens(today: date) -> bool:
        await destroy_spent_keys(pool, QUEUES, today)
        await working_keys.refresh(pool, [MASTER], TODAY, ring)
        try:
            return ring.unseal(sealed, "queue") == b"hallo"
        except KeyUnknown:
            return False

    second = timedelta(seconds=1)
    await drain(pool, END + second, QUEUES[0])
    assert await opens(END.date())  # the archive's queue was never seen empty
    await drain(pool, END - second, QUEUES[1])
    assert await opens(END.date())  # it may have come after that
    await drain(pool, END + second, QUEUES[1])
    assert await opens(END.date() - timedelta(1))  # a process may still seal with it
    assert not await opens(END.date())


async def test_key_of_a_table_stays_for_as_long_as_a_row_needs_it(pool: Pool, empty: str) -> None:
    ring = await made(pool)
    await pool.execute(
        "insert into router.quarantine (id, reason, raw) values (gen_random_uuid(), 'f', $1)",
        ring.seal(b"hallo", columns.QUARANTINE),
    )
    assert await destroy_spent_keys(pool, QUEUES, END.date()) == 0
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 1) as own:
        assert await destroy_spent_keys(own, QUEUES, END.date()) == 0  # it may look
    await pool.execute("delete from router.quarantine")
    assert await destroy_spent_keys(pool, QUEUES, END.date()) == 1
    assert await destroy_spent_keys(pool, QUEUES, END.date()) == 0


async def test_clock_that_is_wrong_makes_and_destroys_no_key(pool: Pool, empty: str) -> None:
    """The database goes by its own."""
    await made(pool)
    late, early = TODAY - timedelta(5), END.date() + timedelta(10)
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 1) as own:
        ring = KeyRing()
        await working_keys.refresh(own, [MASTER], late, ring)
        assert not ring.ready.is_set()
        assert await destroy_spent_keys(own, QUEUES, early) == 0
    assert (
        await pool.fetchval("select count(*) from sealing.working_key where wrapped is null") == 0
    )
    assert (await made(pool)).ready.is_set()


@pytest.mark.parametrize("master", [MASTER, NEWER])
async def test_key_that_does_not_open_stops_nobody(pool: Pool, master: bytes) -> None:
    """Neither who reads the keys, nor the archiver, which puts them under a new master."""
    await made(pool)
    await pool.execute(
        "insert into sealing.working_key (id, kind, day, wrapped, master)"
        " values ('\\x0909090909090909', 'queue', '2020-01-01', '\\x00', $1)",
        fingerprint(master),
    )
    assert (await made(pool)).ready.is_set()
    assert await working_keys.rewrap(pool, [MASTER]) == 0
    assert await working_keys.rewrap(pool, [bytes([2]) * 32, MASTER]) == 5


async def test_every_sealed_column_is_looked_at_before_a_key_goes(pool: Pool) -> None:
    body = await pool.fetchval("select pg_get_functiondef('sealing.keys_in_use'::regproc)")
    for column in columns.SEALED_COLUMNS:
        _, _, column_of_table = column.partition(".")
        assert re.search(rf"key_of\(+{re.escape(column_of_table)}\b", body), column
