"""Working keys in PostgreSQL: made a day ahead, read by every service, destroyed by the archiver.

A service that cannot reach the database goes on with the keys that it has. One that has none yet
seals nothing: the gateway answers 503, and the others wait for the database anyway.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import date, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from services import clock
from services.amqp.partition_count import agree_on_partitions
from services.config.secret_files import LiveSettings, database_url
from services.config.settings import Settings, WorkingKeySettings, key_bytes
from services.instance import session_name
from services.postgres.database import (
    RAISED,
    SERVICE_SETTINGS,
    Pool,
    connection_pool,
    retry_while_unavailable,
)
from services.sealing.key_ring import DAILY, ID_BYTES, RING, KeyRing, Kind, WorkingKey
from services.sealing.wrapping import (
    KEY_BYTES,
    NONCE_BYTES,
    CannotDecrypt,
    fingerprint,
    unwrap,
    wrap,
)
from services.tasks import background_task, first_or_watchdog

REFRESH_SECONDS = 60.0
"""Pause between looks. Keys are made a day ahead, so that a process knows a key long before
another process seals with it."""
LOOK_SECONDS = 1.0
"""Pause between looks at the clock: it jumps when a machine wakes up, and then keys are missing."""
FIRST_READ_SECONDS = 5.0
"""Wait of a starting service for its keys, after which it starts without: as long as a connection
to the database may take."""
STANDING_DAY = date(2000, 1, 1)
"""Day of the standing key, of which there is one."""

AnyService = TypeVar("AnyService", bound=Settings)

log = structlog.get_logger()


class WrongWorkingKey(Exception):
    """The working keys lie under a master key that was not given. The operator must add it."""


@asynccontextmanager
async def sealing_pool(
    live: LiveSettings[AnyService], name: str, size: int, partitions: int
) -> AsyncIterator[tuple[Pool, "asyncio.Task[None]"]]:
    """Open the connections of a service to the database, and keep its secrets and its working keys
    current.

    A service with another number of partitions than the installation gets no keys: so it seals and
    publishes nothing. Its task ends with OtherPartitionCount.
    """
    shown = session_name(name)
    async with (
        live.following(),
        connection_pool(database_url(live), shown, size, SERVICE_SETTINGS) as pool,
    ):
        agree = partial(agree_on_partitions, pool, partitions)
        async with working_keys(pool, working_masters(live.current), before=agree) as task:
            yield pool, task


def working_masters(settings: WorkingKeySettings) -> list[bytes]:
    """Return the master keys that were given, the newest first."""
    return [key_bytes(key) for key in settings.working_key]


@asynccontextmanager
async def working_keys(
    pool: Pool,
    masters: Sequence[bytes],
    ring: KeyRing = RING,
    before: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator["asyncio.Task[None]"]:
    """Keep the keys of this process current while the context is open; the task ends only with
    WrongWorkingKey, or with what `before` raises: it runs before each read."""

    async def advance() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            ring.advance(clock.now().date())  # the key of tomorrow was read today

    async def run() -> None:
        async with background_task(advance()):
            while True:
                if before:
                    await retry_while_unavailable(before, "partitions")
                read = partial(refresh, pool, masters, clock.now().date(), ring)
                await retry_while_unavailable(read, "working keys")
                await _wait_for_next_read(ring)

    async with background_task(run()) as task:
        await _wait_until_ready(ring, task)
        yield task


async def _wait_for_next_read(ring: KeyRing) -> None:
    """Return after REFRESH_SECONDS, or as soon as keys of today or tomorrow are missing, or a value
    asked for one that another process has made."""
    for _ in range(round(REFRESH_SECONDS / LOOK_SECONDS)):
        await asyncio.sleep(LOOK_SECONDS)
        if not ring.complete.is_set() or not ring.covers(clock.now().date()):
            return


async def _wait_until_ready(ring: KeyRing, task: "asyncio.Task[None]") -> None:
    try:
        async with asyncio.timeout(FIRST_READ_SECONDS):
            await first_or_watchdog(ring.ready.wait(), task)
    except TimeoutError:
        log.warning("keys.waiting")


async def refresh(pool: Pool, masters: Sequence[bytes], today: date, ring: KeyRing = RING) -> None:
    """Make the keys of today and tomorrow unless they exist, and read those that this process
    does not have. Raises WrongWorkingKey."""
    keys = {fingerprint(master): master for master in masters}
    missed = ring.begin_read()
    rows = await pool.fetch(_ROWS)
    if missing := _missing({(row["kind"], row["day"]) for row in rows}, today):
        newest = next(iter(keys))
        for kind, day in missing:
            id, key = os.urandom(ID_BYTES), os.urandom(KEY_BYTES)
            wrapped = wrap_key(WorkingKey(id, kind, day, key), keys[newest])
            with _log_wrong_clock():
                await pool.execute(_ADD, id, kind, day, wrapped, newest)
        rows = await pool.fetch(_ROWS)
    ring.install(_open_all([dict(row) for row in rows if row["wrapped"] is not None], keys), today)
    ring.forget([row["id"] for row in rows if row["wrapped"] is None])
    ring.end_read(missed)


async def read_ring(pool: Pool, masters: Sequence[bytes], today: date) -> KeyRing:
    """Return the keys that exist, to open with them: none is made. Raises WrongWorkingKey."""
    rows, ring = await pool.fetch(_ROWS), KeyRing()
    keys = {fingerprint(master): master for master in masters}
    ring.install(_open_all([dict(row) for row in rows if row["wrapped"] is not None], keys), today)
    return ring


async def rewrap(pool: Pool, masters: Sequence[bytes]) -> int:
    """Put every key that opens under the first of `masters`, and return how many were under
    another. One that does not open stays as it is, so that a bad row stops nobody."""
    keys = {fingerprint(master): master for master in masters}
    newest, count = next(iter(keys)), 0
    for row in await pool.fetch(_ROWS):
        if row["wrapped"] is None or row["master"] == newest or row["master"] not in keys:
            continue
        with suppress(WrongWorkingKey):
            wrapped = wrap_key(_open(dict(row), keys), keys[newest])
            await pool.execute(_REWRAP, row["id"], wrapped, newest, row["master"])
            count += 1
    return count


def _open_all(rows: Sequence[Mapping[str, Any]], keys: Mapping[str, bytes]) -> list[WorkingKey]:
    """Open these keys. One that does not open is left out, so that a bad row stops nobody; raises
    WrongWorkingKey if none opens: then it is the master key that is wrong."""
    opened, faults = [], list[WrongWorkingKey]()
    for row in rows:
        try:
            opened.append(_open(row, keys))
        except WrongWorkingKey as error:
            faults.append(error)
    if faults and not opened:
        raise faults[0]
    if faults:
        log.error("keys.shut", count=len(faults), reason=str(faults[0]))
    return opened


@contextmanager
def _log_wrong_clock() -> Iterator[None]:
    """Go on if the database refuses what only a wrong clock asks for."""
    try:
        yield
    except RAISED as error:
        log.error("keys.refused", reason=str(error))


def wrap_key(key: WorkingKey, master: bytes) -> bytes:
    """Return the key as its row has it: wrapped for its kind and day."""
    return wrap(master, key.key, _name(key.kind, key.day), os.urandom(NONCE_BYTES))


def _missing(existing: set[tuple[Kind, date]], today: date) -> list[tuple[Kind, date]]:
    days = today, today + timedelta(days=1)
    wanted = [(kind, day) for kind in DAILY for day in days]
    return [each for each in [("standing", STANDING_DAY), *wanted] if each not in existing]


def _open(row: Mapping[str, Any], keys: Mapping[str, bytes]) -> WorkingKey:
    kind, day, master = row["kind"], row["day"], row["master"]
    if master not in keys:
        raise WrongWorkingKey(
            f"POSTKAMER_WORKING_KEY: the working keys lie under the key {master}, which was not"
            " given; give it beside the new one, after a comma"
        )
    try:
        key = unwrap(keys[master], row["wrapped"], _name(kind, day))
    except CannotDecrypt as error:
        raise WrongWorkingKey(f"working key {row['id'].hex()}: {error}") from None
    return WorkingKey(row["id"], kind, day, key)


def _name(kind: Kind, day: date) -> str:
    return f"working {kind} {day}"


_ROWS = "select id, kind, day, wrapped, master from sealing.working_key order by day"

# A key that was destroyed meanwhile stays destroyed.
_REWRAP = """
update sealing.working_key set wrapped = $2, master = $3
where id = $1 and master = $4 and wrapped is not null
"""

_ADD = """
insert into sealing.working_key (id, kind, day, wrapped, master) values ($1, $2, $3, $4, $5)
on conflict (kind, day) do nothing
"""
