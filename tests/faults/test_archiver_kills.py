"""Archivers are killed again and again while records come in, and all that was published is in the
log once, in an unbroken chain.

`make faults ARGS="-s tests/faults/test_archiver_kills.py"`, with
POSTKAMER_TEST_ARCHIVER_MESSAGES=50000 and POSTKAMER_TEST_ARCHIVER_KILLS=300 for many.
"""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from itertools import chain, cycle
from operator import eq, le

import msgspec
import pytest

from archiver.encryption.key_store import NOWHERE
from archiver.encryption.sealing import unseal
from archiver.quarantine import PURPOSE
from services import clock
from services.amqp import topology
from services.contract import ArchiveBatch, Record
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of
from tests.support.faults.archive_batches import envelopes
from tests.support.faults.archive_check import check, findings, whole
from tests.support.faults.archiver_pair import (
    FIRST,
    MOMENTS,
    REACH_SECONDS,
    SECOND,
    SETTLE_SECONDS,
    Archivers,
    archiving,
    locked,
    unacknowledged,
)
from tests.support.installation import Installation, installed
from tests.support.observer import until

MESSAGES = int(os.environ.get("POSTKAMER_TEST_ARCHIVER_MESSAGES", "900"))
"""Messages of citizens; each has some three records."""
KILLS = int(os.environ.get("POSTKAMER_TEST_ARCHIVER_KILLS", "12"))
"""Kills of a real archiver by SIGKILL; each takes half a second."""
STOPS = 2
"""Stops of an archiver by SIGTERM, in the middle of its work."""
EVERY = 8
"""Deaths between two of the database, and between two ends of all connections to the broker."""

ENDLESS = 10**9
STANDSTILL_SECONDS = 40.0
"""For the 15 s after which the server ends a session that stands still, or the 40 s of one that
does amid its COPY."""
COPYING = """
select application_name from pg_stat_activity
where application_name like 'postkamer-archiver %' and wait_event_type = 'Lock'
    and query like 'COPY "archiver"."entry"%'
"""
RECORDS = 3
"""Fewest records of each message."""

pytestmark = [
    pytest.mark.timeout(180 + 3 * KILLS + MESSAGES // 50),
    pytest.mark.foreign_records,
]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(tmp_path_factory.mktemp("archivers")) as town:
        yield town


@pytest.fixture
async def archivers(town: Installation) -> AsyncIterator[Archivers]:
    async with archiving(town) as archivers:
        yield archivers


@pytest.mark.long
async def test_each_record_is_in_the_log_once_however_often_archivers_are_killed(
    archivers: Archivers,
) -> None:
    began, flowing = (
        time.monotonic(),
        asyncio.create_task(archivers.flow(envelopes(ENDLESS, "kills"))),
    )
    for round, moment in enumerate(cycle(MOMENTS)):
        share = archivers.pace = RECORDS * MESSAGES * archivers.deaths.total() // KILLS
        await until(archivers.written, partial(le, share), SETTLE_SECONDS)
        if archivers.deaths.total() >= KILLS:
            break
        archivers.hungry = True
        names = await MOMENTS[moment](archivers)
        await archivers.dies(moment, *names)
        archivers.hungry = False
        await archivers.starts(*names)
        await strike_servers(archivers, round)
    archivers.over = True
    await flowing
    await archivers.drained()
    show(archivers, time.monotonic() - began)
    await check(archivers.pool, archivers.published, archivers.before, archivers.town.objects)
    hits = Counter(moment for moment, hit in archivers.deaths.elements() if hit)
    assert hits.total() > KILLS // 2, "most had nothing in hand, so little was tried"


async def strike_servers(archivers: Archivers, round: int) -> None:
    """Kill the database in some rounds, and close the broker's connections in others."""
    town = archivers.town
    if round % EVERY == EVERY // 2:
        await asyncio.to_thread(town.database.kill)
        await asyncio.to_thread(town.database.start)
    elif round % EVERY == EVERY - 1:
        close = ("close_all_connections", "--vhost", topology.VHOST, "a test")
        await asyncio.to_thread(town.broker.control, *close)


def show(archivers: Archivers, seconds: float) -> None:
    deaths = Counter[str](moment for moment, _ in archivers.deaths.elements())
    messages = sum(record.kind == "message" for record in archivers.published)
    print(
        f"\n{deaths.total()} archivers killed in {seconds:.0f} s while {messages} messages flowed:"
        f" {len(archivers.published)} records in {archivers.envelopes} envelopes; had work in hand:"
    )
    for moment, count in deaths.items():
        print(f"{moment:20} {archivers.deaths[moment, True]:4} of {count:4}")


@pytest.mark.long
async def test_archiver_that_stands_still_in_its_transaction_holds_up_the_other_for_seconds(
    archivers: Archivers,
) -> None:
    archivers.pace = ENDLESS
    flowing = asyncio.create_task(archivers.flow(envelopes(ENDLESS, "frozen")))
    await until(archivers.written, bool, REACH_SECONDS)
    async with locked(archivers, "archiver.entry") as wanted:
        await wanted()
        pid = int(str(await archivers.one(COPYING)).rpartition("/")[2])
        os.kill(pid, signal.SIGSTOP)
    try:
        before, began = await archivers.written(), time.monotonic()
        await until(archivers.written, lambda now: now > before, STANDSTILL_SECONDS)
        print(f"held up for {time.monotonic() - began:.0f} s")
    finally:
        os.kill(pid, signal.SIGCONT)
    archivers.over = True
    await flowing
    await archivers.drained()
    await check(archivers.pool, archivers.published, archivers.before, archivers.town.objects)


async def test_stopping_archiver_finishes_its_batch_and_loses_no_confirm(
    archivers: Archivers,
) -> None:
    await asyncio.to_thread(archivers.town.kill, SECOND)
    flow, left = list(envelopes(STOPS * 300, "stops")), 0
    for stop in range(STOPS):
        some = flow[stop::STOPS]
        flowing = asyncio.create_task(all_of(archivers, some))
        await archivers.busiest()
        assert await asyncio.to_thread(archivers.town.services[FIRST].stop)
        assert archivers.town.services[FIRST].exit_code == 0
        await flowing
        there = await archivers.there()
        unwritten = [one for one in some if not there.issuperset(r.id for r in one)]
        assert all(there.isdisjoint(r.id for r in one) for one in unwritten)
        # More: it was written and not confirmed. Less: it was confirmed and not written.
        await until(archivers.waiting, partial(eq, len(unwritten)), REACH_SECONDS)
        left += len(unwritten)
        await archivers.starts(FIRST)
        await archivers.drained()
    assert 0 < left < len(flow), "none was asked in the middle"
    await check(archivers.pool, archivers.published, archivers.before, archivers.town.objects)


async def all_of(archivers: Archivers, batches: Sequence[list[Record]]) -> None:
    for records in batches:
        await archivers.publish(records)


def bad_ones() -> dict[str, list[Record]]:
    """Records that cannot become an entry, by the reason."""
    (good, *_), *_ = envelopes(1, "bad")

    def changed(**to: object) -> Record:
        return msgspec.structs.replace(good, id=clock.new_id(), kind="message", **to)

    return {
        "its data is not what its kind says": [changed(data=b"{"), changed(data=b"\xff")],
        "its time has no zone": [changed(at=good.at.replace(tzinfo=None))],
        "it cannot be sealed": [changed(conversation="a\0b"), changed(tenant="a\0b")],
        "the database refused this record": [
            changed(data=b'{"department":"a\\u0000b"}'),
            changed(sequence=2**63),
        ],
    }


async def test_unreadable_record_is_quarantined_once_and_its_batch_is_logged(
    archivers: Archivers,
) -> None:
    """Killed while the first is put aside, then once all is done and the broker does not know."""
    await asyncio.to_thread(archivers.town.kill, SECOND)
    bad = bad_ones()
    batches = list(envelopes(36, "siblings"))
    for batch, one in zip(batches, chain(*bad.values()), strict=False):
        siblings = [*batch[:1], one, *batch[1:]]
        batches = [siblings if each is batch else each for each in batches]
    async with locked(archivers, "archiver.quarantine") as wanted:
        for batch in batches:
            await archivers.put(ArchiveBatch(records=batch))
        await wanted()
        assert await archivers.dies("aside", FIRST)
    await archivers.starts(FIRST)
    names = await unacknowledged(archivers)
    await archivers.dies("unacknowledged", *names)
    await archivers.starts(FIRST)
    await archivers.drained()
    kept = await read_quarantine(archivers.pool)
    assert kept == sorted((why, msgspec.msgpack.encode(r)) for why, rs in bad.items() for r in rs)
    refused = {record.id for record in chain(*bad.values())}
    good = [record for record in chain(*batches) if record.id not in refused]
    await whole(archivers.pool, good, archivers.before)
    assert await findings(archivers.pool, archivers.town.objects) == []


async def read_quarantine(pool: Pool) -> list[tuple[str, bytes]]:
    """Reasons and opened bodies of the records in quarantine."""
    keys = await (await keys_of(pool)).ensure_conversation_keys([NOWHERE])
    rows = await pool.fetch("select reason, salt, sealed from archiver.quarantine")
    opened = [unseal(keys[NOWHERE], row["salt"], row["sealed"], PURPOSE) for row in rows]
    return sorted((row["reason"], body) for row, body in zip(rows, opened, strict=True))
