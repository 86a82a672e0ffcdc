"""Looks each minute at how long each number has been silent: one router writes it down, each shows
it as metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import msgspec
import structlog

from router.model.changes import NumberNotice
from router.model.work import RoutingContext
from router.silence.detection import NumberSilence, Profile, look_at_number
from router.silence.open_time import find_open_time, whole_hour
from router.silence.usual_gap import HISTORY, HeardHour, learn_usual_gaps
from services import clock, metrics
from services.calendar.opening_hours import Hours
from services.postgres.database import Connection, Pool, retry_while_unavailable
from services.stops.stopped_numbers import not_stopped, stopped_numbers

POLL_SECONDS = 60.0
SILENCE_LOCK = 0x73696C6E
"""Advisory lock of this database (ASCII "siln"): one router at a time looks."""
RETENTION_DAYS = 35
"""Days before the last message of a number that its history goes back: four weeks and some room."""
log = structlog.get_logger()


class SilenceMonitor:
    """Keeps the rows and the metrics of silences up to date."""

    def __init__(self, pool: Pool, current: Callable[[], Awaitable[RoutingContext]]) -> None:
        self._pool, self._current = pool, current
        self._profiles: dict[str, tuple[datetime, Hours, Profile]] = {}
        self._deleted_at: datetime | None = None

    async def run(self) -> None:
        """Look for as long as the service runs. Log a failure, whatever it is, and go on: messages
        must not wait because of it. A router that never can look counts from here."""
        metrics.silence_looked.set(clock.now().timestamp())
        while True:
            try:
                await retry_while_unavailable(self.refresh, "silence")
            except Exception as error:
                log.error("silence.failed", exc_info=error)
            await asyncio.sleep(POLL_SECONDS)

    async def refresh(self) -> None:
        """Look at each number unless another router does; set the metrics from the rows. A stopped
        number rests and has no metric: no citizen is heard from it here."""
        context, now, looked = await self._current(), clock.now(), False
        async with self._pool.acquire() as connection, connection.transaction():
            if await connection.fetchval("select pg_try_advisory_xact_lock($1)", SILENCE_LOCK):
                await self._look(connection, context, now)
                looked = True
            rows = await connection.fetch(_SILENCES)
        numbers = [NumberSilence(**row) for row in rows]
        set_metrics(numbers)
        set_last_look(numbers, now if looked else None)

    async def _look(self, connection: Connection, context: RoutingContext, now: datetime) -> None:
        numbers = [number.id for number in context.config.numbers]
        stored = {row["number"]: NumberSilence(**row) for row in await connection.fetch(_SILENCES)}
        notices = [NumberNotice(**row) for row in await connection.fetch(_CLOSED)]
        closed = {each.number for each in notices if each.state_at(now) == "closed"}
        heard = {row["number"]: row["last_at"] for row in await connection.fetch(_LAST, numbers)}
        resting = await stopped_numbers(connection)
        for number in context.config.numbers:
            if number.id in resting:
                continue
            before = stored.get(number.id) or NumberSilence(number=number.id, looked_at=now)
            after = msgspec.structs.replace(before, looked_at=now)
            if last_at := heard.get(number.id):
                before = await _with_first_message(connection, before)
                hours = context.hours[number.tenant, number.fallback]
                profile = await self._profile(connection, number.id, hours, last_at, now)
                after = look_at_number(before, last_at, profile, number.id in closed, now)
            log_change(before, after)
            await connection.execute(_UPSERT, *msgspec.structs.astuple(after))
        await self._delete_old(connection, numbers, now)

    async def _profile(
        self, connection: Connection, number: str, hours: Hours, last_at: datetime, now: datetime
    ) -> Profile:
        """Return the usual gaps of a number, learnt again each hour and for other opening hours."""
        learnt_at, of_hours, profile = self._profiles.get(number, (None, None, None))
        if profile is None or learnt_at != whole_hour(now) or of_hours is not hours:
            since = last_at - HISTORY
            rows = await connection.fetch(_HISTORY, number, whole_hour(since))
            moments = [at for row in rows for at in HeardHour(**row).moments() if at >= since]
            open_time = find_open_time(hours, since, now + HISTORY)
            profile = Profile(open_time, learn_usual_gaps(moments, open_time))
            self._profiles[number] = whole_hour(now), hours, profile
        return profile

    async def _delete_old(
        self, connection: Connection, numbers: Sequence[str], now: datetime
    ) -> None:
        """Delete old history once an hour, and the rows of numbers that are configured no more."""
        if self._deleted_at != whole_hour(now):
            await connection.execute(_DELETE_HEARD, numbers, RETENTION_DAYS, now)
            await connection.execute("delete from router.silence where number <> all($1)", numbers)
            self._deleted_at = whole_hour(now)


async def _with_first_message(connection: Connection, before: NumberSilence) -> NumberSilence:
    """Return a number with the time from which it counts."""
    if before.counts_from:
        return before
    first_at = await connection.fetchval(_FIRST, before.number)
    return msgspec.structs.replace(before, counts_from=first_at + HISTORY)


def log_change(before: NumberSilence, after: NumberSilence) -> None:
    """Log the begin and the end of an alarm, once each, with the open time of the silence."""
    if after.silent_since and not before.silent_since:
        log.warning("number.silent", number=after.number, seconds=round(after.silent_seconds))
    if before.silent_since and not after.silent_since:
        log.info("number.heard", number=after.number, seconds=round(before.silent_seconds))


def set_metrics(numbers: Sequence[NumberSilence]) -> None:
    """Set the metrics of these numbers, and remove those of others."""
    for gauge in (
        metrics.number_silent,
        metrics.number_silent_seconds,
        metrics.number_usual_gap_seconds,
        metrics.number_silence_counts_from,
    ):
        gauge.clear()
    for each in numbers:
        metrics.number_silent.labels(each.number).set(each.silent_since is not None)
        metrics.number_silent_seconds.labels(each.number).set(each.silent_seconds)
        if each.usual_gap_seconds is not None:
            metrics.number_usual_gap_seconds.labels(each.number).set(each.usual_gap_seconds)
        if each.counts_from:
            from_ = metrics.number_silence_counts_from.labels(each.number)
            from_.set(each.counts_from.timestamp())


def set_last_look(numbers: Sequence[NumberSilence], now: datetime | None) -> None:
    """Set when these numbers were last looked at: `now`, or as another router wrote it down."""
    times = [now] if now else [each.looked_at for each in numbers]
    if times:
        metrics.silence_looked.set(max(times).timestamp())


_SILENCES = f"""
select number, heard_at, counts_from, clock_from, silent_since, silent_seconds, usual_gap_seconds,
    alarm_at, looked_at
from router.silence where {not_stopped("number")}
"""

_CLOSED = """
select number, state, state_text, state_until, notice, notice_id, notice_until
from router.standing where state = 'closed'
"""

_LAST = """
select number, last_at from unnest($1::text[]) number, lateral (
    select last_at from router.heard h where h.number = number.number
    order by hour desc limit 1) last
"""

_FIRST = "select min(hour) from router.heard where number = $1"

_HISTORY = """
select hour, minutes from router.heard where number = $1 and hour >= $2 order by hour
"""

# A number that has been silent for weeks keeps the history by which it is silent.
_DELETE_HEARD = """
delete from router.heard h where hour + make_interval(days => $2::int) < case
    when number = any($1) then (select max(hour) from router.heard l where l.number = h.number)
    else $3::timestamptz end
"""

_UPSERT = """
insert into router.silence (number, heard_at, counts_from, clock_from, silent_since, silent_seconds,
    usual_gap_seconds, alarm_at, looked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (number) do update set heard_at = excluded.heard_at,
    counts_from = excluded.counts_from, clock_from = excluded.clock_from,
    silent_since = excluded.silent_since, silent_seconds = excluded.silent_seconds,
    usual_gap_seconds = excluded.usual_gap_seconds, alarm_at = excluded.alarm_at,
    looked_at = excluded.looked_at
"""
