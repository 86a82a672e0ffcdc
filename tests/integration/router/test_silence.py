"""Messages of citizens are counted by number and hour; a router looks at them and says when a
number has fallen silent."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from click.testing import Result
from structlog.testing import capture_logs

from router.model.work import RoutingContext
from router.silence.monitor import SILENCE_LOCK, SilenceMonitor
from router.store.store import Store
from services import clock, metrics
from services.postgres.database import Pool, connection_pool
from tests.support.citizens import text, webhook
from tests.support.cli.command_line import postkamer
from tests.support.integration.stops import start, stop
from tests.support.router.batch_office import GROUND, NUMBER, Office
from tests.support.router.webhooks import body, change, status

FIRST = datetime(2026, 10, 5, 7, 0, tzinfo=UTC)
"""A Monday, an hour after the department opens."""
MONDAY = datetime(2026, 11, 9, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
NUMBERS = [number.id for number in GROUND.config.numbers]
HEARD = "select number, hour, messages, minutes, last_at from router.heard order by number, hour"
SILENCE = "select * from router.silence where number = $1"
FILL = """
insert into router.heard (number, hour, messages, minutes, last_at)
select $1, at, 2, (1 << 0)::bigint | (1::bigint << 30), at + interval '30 minutes'
from generate_series($2::timestamptz, $3::timestamptz, interval '1 hour') at
"""


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The pool of the router's role, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        yield own


@pytest.fixture
def ground() -> RoutingContext:
    return msgspec.structs.replace(GROUND, hours=GROUND.config.opening_hours())


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the monitors, which a test sets."""
    time = Clock(MONDAY)
    monkeypatch.setattr(clock, "now", lambda: time.now)
    return time


def monitor(pool: Pool, ground: RoutingContext) -> SilenceMonitor:
    async def current() -> RoutingContext:
        return ground

    return SilenceMonitor(pool, current)


def gauge(name: str, number: str = NUMBER) -> float | None:
    return metrics.REGISTRY.get_sample_value(f"postkamer_number_{name}", {"number": number})


def looked_at() -> datetime:
    """Time of the last look, as each router shows it."""
    seconds = metrics.REGISTRY.get_sample_value("postkamer_silence_looked_timestamp_seconds")
    assert seconds
    return datetime.fromtimestamp(seconds, UTC)


def show(database: str, *options: str) -> Result:
    return postkamer("silence", "show", *options, env={"POSTKAMER_DATABASE_URL": database})


async def look_until(looking: SilenceMonitor, time: Clock, until: datetime) -> None:
    while time.now < until:
        time.now += timedelta(minutes=10)
        await looking.refresh()


async def test_messages_of_citizens_are_counted_once_and_nothing_else_is(own: Pool) -> None:
    store = Store(own)
    office = Office(store, await store.take_epoch(0))
    office.start = datetime(2026, 11, 9, 9, 59, 57, tzinfo=UTC)
    first = office.came(webhook(text("hoi", "wamid.1", 1)))
    await office.takes(first, office.came(webhook(text("dag", "wamid.2", 2))))
    await office.takes(first, office.came(webhook(text("hoi", "wamid.1", 1))))
    await office.takes(office.came(webhook(text("en nog iets", "wamid.3", 1))))
    await office.takes(office.came(body(change(NUMBER, statuses=[status("wamid.9", "read")]))))
    hour = datetime(2026, 11, 9, 9, tzinfo=UTC)
    second = timedelta(seconds=1)
    assert [tuple(row) for row in await own.fetch(HEARD)] == [
        (NUMBER, hour, 2, 1 << 59, office.start + 2 * second),
        (NUMBER, hour + HOUR, 1, 1 << 0, office.start + 4 * second),
    ]


async def test_number_that_falls_silent_is_one_alarm_until_a_message_comes(
    own: Pool, empty: str, ground: RoutingContext, time: Clock
) -> None:
    await own.execute(FILL, NUMBER, FIRST, MONDAY)
    looking = monitor(own, ground)
    await looking.refresh()
    assert gauge("silent") == 0
    assert gauge("usual_gap_seconds") == 1800
    counts_from = FIRST + timedelta(weeks=4)
    assert gauge("silence_counts_from_timestamp_seconds") == counts_from.timestamp()
    alarm_at = MONDAY + HOUR / 2 + 2.5 * HOUR
    with capture_logs() as logs:
        await look_until(looking, time, alarm_at - HOUR / 6)
        assert gauge("silent") == 0
        await look_until(looking, time, alarm_at + 30 * HOUR)
        row = await own.fetchrow(SILENCE, NUMBER)
        assert row
        assert (gauge("silent"), row["silent_since"]) == (1, MONDAY + HOUR / 2)
        assert gauge("silent_seconds") == row["silent_seconds"] > 2.5 * 3600
        shown = await asyncio.to_thread(show, empty)
        assert (shown.exit_code, "SILENT since 2026-11-09 09:30" in shown.stdout) == (1, True)
        await own.execute(FILL, NUMBER, time.now, time.now)
        await looking.refresh()
    assert (gauge("silent"), gauge("silent_seconds")) == (0, 0)
    heard = await asyncio.to_thread(show, empty, "--json")
    [number] = [each for each in json.loads(heard.stdout) if each["number"] == NUMBER]
    assert (heard.exit_code, number["silentSince"], number["usualGapSeconds"]) == (0, None, 1800)
    assert [each["event"] for each in logs] == ["number.silent", "number.heard"]
    assert logs[0]["seconds"] == 2.5 * 3600 < logs[1]["seconds"]
    assert {gauge("silent", each) for each in NUMBERS if each != NUMBER} <= {0}


async def test_routers_do_not_contradict_each_other(
    own: Pool, ground: RoutingContext, time: Clock
) -> None:
    await own.execute(FILL, NUMBER, FIRST, MONDAY)
    await monitor(own, ground).refresh()
    time.now += 5 * HOUR
    async with own.acquire() as other, other.transaction():
        await other.execute("select pg_advisory_xact_lock($1)", SILENCE_LOCK)
        await monitor(own, ground).refresh()
    row = await own.fetchrow(SILENCE, NUMBER)
    assert row and (row["looked_at"], gauge("silent")) == (MONDAY, 0)
    assert looked_at() == MONDAY


async def test_failure_of_a_look_is_logged_and_does_not_end_the_router(
    own: Pool,
    pool: Pool,
    ground: RoutingContext,
    time: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("router.silence.monitor.POLL_SECONDS", 0)
    await pool.execute("revoke insert on router.silence from postkamer_router")
    looks, ages, done = 0, list[timedelta](), asyncio.Event()

    async def current() -> RoutingContext:
        nonlocal looks
        looks += 1
        time.now += HOUR
        ages.append(time.now - looked_at())
        if looks == 2:
            await pool.execute("grant insert on router.silence to postkamer_router")
        elif looks == 3:
            done.set()
        return ground

    with capture_logs() as logs:
        running = asyncio.create_task(SilenceMonitor(own, current).run())
        waiting = asyncio.create_task(done.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        assert not running.done()
        running.cancel()
        await asyncio.wait({running})
    assert [each["event"] for each in logs] == ["silence.failed"]
    assert ages == [HOUR, 2 * HOUR, HOUR], "a look that fails leaves the age of the last one"
    numbers = await pool.fetch("select number from router.silence")
    assert {row["number"] for row in numbers} == set(NUMBERS)


async def test_old_history_and_numbers_that_are_gone_are_deleted(
    own: Pool, ground: RoutingContext, time: Clock
) -> None:
    days = timedelta(days=1)
    await own.execute(FILL, NUMBER, MONDAY - 40 * days, MONDAY - 40 * days)
    await own.execute(FILL, NUMBER, MONDAY - 34 * days, MONDAY - 34 * days)
    await own.execute(FILL, NUMBER, MONDAY, MONDAY)
    await own.execute(FILL, "99999999", MONDAY - 36 * days, MONDAY - 36 * days)
    await own.execute(FILL, "99999999", MONDAY - 34 * days, MONDAY - 34 * days)
    await own.execute(
        "insert into router.silence (number, silent_seconds, looked_at) values ('9', 0, now())"
    )
    await monitor(own, ground).refresh()
    left = [(row["number"], row["hour"]) for row in await own.fetch(HEARD)]
    assert left == [
        (NUMBER, MONDAY - 34 * days), (NUMBER, MONDAY), ("99999999", MONDAY - 34 * days),
    ]  # fmt: skip
    time.now += 60 * days
    await monitor(own, ground).refresh()
    assert [row["number"] for row in await own.fetch(HEARD)] == [NUMBER] * 2
    kept = await own.fetch("select number, counts_from from router.silence order by number")
    assert {row["number"] for row in kept} == set(NUMBERS)
    [counts_from] = [row["counts_from"] for row in kept if row["number"] == NUMBER]
    assert counts_from == MONDAY - 12 * days


async def test_silence_of_a_closed_number_does_not_count(
    own: Pool, ground: RoutingContext, time: Clock
) -> None:
    await own.execute(FILL, NUMBER, FIRST, MONDAY)
    await own.execute(
        "insert into router.standing values ($1, 'closed', 'x', $2, '', null, null)",
        NUMBER,
        MONDAY + 4 * HOUR,
    )
    looking = monitor(own, ground)
    await look_until(looking, time, MONDAY + 6 * HOUR)
    assert gauge("silent") == 0
    await look_until(looking, time, MONDAY + 7 * HOUR)
    assert gauge("silent") == 1


async def test_stopped_number_is_not_looked_at_and_its_rest_counts_for_nothing(
    own: Pool, pool: Pool, ground: RoutingContext, time: Clock
) -> None:
    await own.execute(FILL, NUMBER, FIRST, MONDAY)
    looking = monitor(own, ground)
    await looking.refresh()
    await stop(pool, NUMBER)
    await look_until(looking, time, MONDAY + 8 * HOUR)
    assert gauge("silent") is None
    assert (await own.fetchrow(SILENCE, NUMBER))["looked_at"] == MONDAY
    assert looked_at() == time.now, "the others are watched"
    await start(pool)
    await looking.refresh()
    assert gauge("silent") == 0
