"""Working keys are made once, known to every process, and destroyed when nothing needs them."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import pytest

from archiver import spent_keys
from services import clock, metrics
from services.amqp.queue_lengths import NO_QUEUE
from services.amqp.queue_status import QueueLength
from services.config.terms import Terms
from services.drained_queues import drained_queue_reports
from services.keys import working_keys
from services.keys.working_keys import WrongWorkingKey
from services.postgres.database import Pool, connection_pool
from services.sealing import columns
from services.sealing.key_ring import DAILY, SEALS_DAYS, KeyRing, KeyUnknown
from services.sealing.wrapping import fingerprint
from services.tasks import background_task
from tests.support.observer import until

MASTER, NEWER = bytes(32), bytes([1]) * 32
TODAY = clock.now().date()
END = datetime.combine(TODAY + timedelta(SEALS_DAYS + 1), time(), UTC)
"""From when no process seals with a key of today."""
QUEUES = ["partition.0", "archive"]
DAY = 86_400.0

destroy_spent_keys = partial(spent_keys.destroy_spent_keys, terms=Terms())

ROW = columns.bind("row")


async def made(pool: Pool) -> KeyRing:
    ring = KeyRing()
    await working_keys.refresh(pool, [MASTER], TODAY, ring)
    return ring


async def test_two_processes_seal_for_each_other(pool: Pool) -> None:
    one, other = await made(pool), await made(pool)
    assert other.unseal(one.seal(b"hallo", "a", ROW), "a", ROW) == b"hallo"
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
    assert both.unseal(ring.seal(b"hallo", "a", ROW), "a", ROW) == b"hallo"


async def test_archiver_puts_all_keys_under_a_new_master(pool: Pool, empty: str) -> None:
    ring = await made(pool)
    sealed, name = ring.seal(b"hallo", "a", ROW), ring.seal_name("31611111111", "a")
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 1) as own:
        assert await working_keys.rewrap(own, [NEWER, MASTER]) == 5
        assert await working_keys.rewrap(own, [NEWER, MASTER]) == 0
    newest = KeyRing()
    await working_keys.refresh(pool, [NEWER], TODAY, newest)
    assert newest.unseal(sealed, "a", ROW) == b"hallo"
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
    sealed = ring.seal_buffer(b"hallo", "queue", "queue")

    async def opens(today: date) -> bool:
        await destroy_spent_keys(pool, QUEUES, today)
        await working_keys.refresh(pool, [MASTER], TODAY, ring)
        try:
            return ring.unseal_buffer(bytes(sealed), "queue") == b"hallo"
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


def lengths(*found: QueueLength) -> spent_keys.AskLengths:
    """Broker that has these queues."""

    async def ask(names: Sequence[str]) -> list[QueueLength]:
        known = {each.name: each for each in found}
        return [known.get(name, QueueLength(name, fault=NO_QUEUE)) for name in names]

    return ask


REMOVED = "deliverer.destination.oud"


@pytest.mark.parametrize(
    ("length", "destroyed"),
    [
        (QueueLength(REMOVED, ready=1), 0),
        (QueueLength(REMOVED, consumers=1), 0),  # it may have a message in hand
        (QueueLength(REMOVED), 1),
        (QueueLength(REMOVED, fault=NO_QUEUE), 1),
    ],
)
async def test_key_stays_while_messages_may_wait_in_a_queue_that_is_not_configured(
    pool: Pool, length: QueueLength, destroyed: int
) -> None:
    """One of a removed destination, or of a new one that the archiver does not know."""
    await made(pool)
    await make_older(pool, "queue", 5)
    await drain(pool, END, *QUEUES)
    await pool.execute(
        "insert into balance.consumer (queue, instance) values ($1, $2)", REMOVED, clock.new_id()
    )

    await spent_keys.look_at_removed_queues(pool, QUEUES, lengths(length))
    assert await destroy_spent_keys(pool, QUEUES, TODAY) == destroyed
    known = await pool.fetch("select from balance.consumer where queue = $1", REMOVED)
    assert bool(known) != bool(length.fault)


async def test_last_report_of_a_queue_stays(pool: Pool) -> None:
    """Else the keys of its messages would go a day after its consumer."""
    await pool.execute(
        "insert into balance.consumer (queue, instance, seen_at)"
        " select $1, gen_random_uuid(), now() - make_interval(days => n)"
        " from generate_series(2, 4) n",
        REMOVED,
    )
    async with drained_queue_reports(pool, []):
        ages = "select extract(day from now() - seen_at)::int as days from balance.consumer"
        await until(lambda: pool.fetch(ages), lambda rows: [r["days"] for r in rows] == [2], 10)


async def test_key_of_a_table_stays_for_as_long_as_a_row_needs_it(pool: Pool, empty: str) -> None:
    ring = await made(pool)
    await pool.execute(
        "insert into router.quarantine (id, reason, raw) values (gen_random_uuid(), 'f', $1)",
        ring.seal(b"hallo", columns.QUARANTINE, ROW),
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
    body = await pool.fetchval("select pg_get_functiondef('sealing.key_holders'::regproc)")
    for column in columns.SEALED_COLUMNS:
        table, _, name = column.rpartition(".")
        read = rf"key_of\(+{table.partition('.')[2]}\.{name}\b"
        assert re.search(rf"{read}[^,]*,\s+'{table}'::text[^,]*?FROM {table}\b", body), column


NEEDED_BY = {
    "router.conversation": """
insert into router.conversation (id, tenant, number, person, department, departments, rule, reason,
    since, opened_at, sequence, state, closed_at)
values ('c', 't', 'n', gen_random_uuid(), 'd', '{d}', '', '', $2, $2, 1, to_jsonb($1::text), $2)
""",
    "router.inbox": """
insert into router.inbox (key, receipt, decision, decided_at, wamid)
values ('', gen_random_uuid(), '', $2, $1)
""",
    "router.consent": """
insert into router.consent (tenant, person, purpose, source, given_at, recorded_at, recorded_by)
values ('t', gen_random_uuid(), 'p', $1, $2, $2, 'crm')
""",
}
"""Table -> statement that adds a row whose text $1 is sealed, of the time $2."""


@pytest.mark.parametrize("table", NEEDED_BY)
@pytest.mark.parametrize("days", [0, 40])
async def test_key_stays_for_a_row_wherever_and_whenever_it_was_written(
    pool: Pool, table: str, days: int
) -> None:
    """One of another day than its key's is found by reading all."""
    ring, at = await made(pool), clock.now() + timedelta(days)
    await pool.execute(NEEDED_BY[table], ring.seal_text("hallo", columns.WAMID, ROW), at)
    assert await destroy_spent_keys(pool, QUEUES, END.date()) == 0
    found = await pool.fetch(
        "select holder from sealing.key_holders(array(select id from sealing.working_key))"
    )
    assert [row["holder"] for row in found] == [table]
    older = "select id from sealing.keys_in_use() id"  # asked by an archiver of before
    assert len(await pool.fetch(older)) == 1


async def test_altered_text_holds_no_key_and_stops_no_destruction(pool: Pool) -> None:
    ring = await made(pool)
    source = ring.seal_text("hallo", columns.CONSENT, ROW)
    for text in (f"~1g{source[3:]}", source[:9], "~1"):
        await pool.execute(NEEDED_BY["router.consent"], text, clock.now())
    assert await destroy_spent_keys(pool, [], END.date()) == 1


@pytest.mark.parametrize("table", NEEDED_BY)
async def test_all_columns_are_read_only_for_a_key_that_is_not_found_at_once(
    pool: Pool, table: str
) -> None:
    ring = await made(pool)
    await pool.execute(NEEDED_BY[table], ring.seal_text("hallo", columns.WAMID, ROW), clock.now())
    await pool.execute(
        "update router.inbox set decision = $1", ring.seal(b"", columns.DECISION, ROW)
    )
    await pool.execute("drop function sealing.keys_in_use, sealing.key_holders")
    assert await destroy_spent_keys(pool, QUEUES, END.date()) == 0


def told(name: str, kind: str) -> float:
    """A time that the metrics tell of the keys of a kind, in days from today."""
    value = metrics.REGISTRY.get_sample_value(
        f"postkamer_working_key_{name}_timestamp_seconds", {"kind": kind}
    )
    assert value is not None
    return (value - datetime.combine(TODAY, time(), UTC).timestamp()) / DAY


async def make_older(pool: Pool, kind: str, days: int) -> None:
    await pool.execute(
        "update sealing.working_key set day = day - $2::int where kind = $1 and day = $3",
        kind,
        days,
        TODAY,
    )


@pytest.mark.parametrize("kind", DAILY)
async def test_metrics_tell_the_oldest_key_and_when_it_is_due(pool: Pool, kind: str) -> None:
    ring, terms = await made(pool), Terms()
    await pool.execute(
        NEEDED_BY["router.inbox"], ring.seal_text("hallo", columns.WAMID, ROW), clock.now()
    )
    await make_older(pool, kind, 500)
    term = terms.conversation_days + spent_keys.STATUS_DAYS if kind == "table" else 0
    assert await destroy_spent_keys(pool, QUEUES, TODAY) == 0
    assert told("oldest", kind) == -500
    assert told("due", kind) == -500 + SEALS_DAYS + 1 + term
    await drain(pool, END, *QUEUES)
    await pool.execute("delete from router.inbox")
    assert await destroy_spent_keys(pool, QUEUES, TODAY) == 1
    assert told("oldest", kind) == 1  # tomorrow's: today's was made older
    assert told("due", kind) == 1 + SEALS_DAYS + 1 + term


async def test_key_of_a_consent_in_force_is_not_due(pool: Pool) -> None:
    ring = await made(pool)
    text = ring.seal_text("folder op het stadhuis", columns.CONSENT, ROW)
    await pool.execute(NEEDED_BY["router.consent"], text, clock.now())
    await make_older(pool, "table", 5000)
    assert await destroy_spent_keys(pool, QUEUES, TODAY) == 0
    assert told("oldest", "table") == -5000
    assert told("due", "table") > 0


async def test_look_that_fails_is_counted_and_repeated(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spent_keys, "AGAIN_SECONDS", 0.0)
    calls = iter([ValueError])

    def queues() -> list[str]:
        if error := next(calls, None):
            raise error
        return QUEUES

    def failures() -> float:
        return metrics.REGISTRY.get_sample_value("postkamer_working_key_failures_total") or 0

    await made(pool)
    await make_older(pool, "table", 500)
    before = failures()
    look = spent_keys.keep_working_keys(pool, [MASTER], queues, lengths(), Terms())
    gone = "select exists (select from sealing.working_key where wrapped is null)"

    async def is_gone() -> bool:
        return bool(await pool.fetchval(gone))

    async with background_task(look):
        await until(is_gone, bool, 10)
    assert failures() == before + 1
