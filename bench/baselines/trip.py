"""Baselines for the whole trip: each of its steps alone, with the least work for a message.

    python -m bench.baselines.trip STEP COUNT URL PID...

publish  one message published to a quorum queue, with its confirm
insert   one row inserted, with its commit
post     one event posted to the CRM by aiohttp's client
copy     the rows that the archiver writes for a message, copied into tables with the same indexes

Each does `COUNT` of them, many at once, and prints the CPU seconds of a message as JSON: its own,
and those of the servers with these process ids.
"""

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import aio_pika
import aiohttp
import msgspec

from bench.archiver import ARCHIVER_TABLES
from bench.baselines.http import BODY, HEADERS
from bench.usage import cpu_seconds
from services.lifecycle import freeze_gc, run_event_loop
from services.postgres.database import Pool, connection_pool
from tests.support.citizens import text, webhook

AT_ONCE = 64
"""Messages on their way at once, as in the deliverer's first window."""
POOL_SIZE = 8
QUEUE = "bench.ceiling"
CONTENT = webhook(text("x" * 100, "wamid.ceiling", 1))


class Meter:
    """CPU seconds of this process and of servers."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._began = self._read()

    def _read(self) -> float:
        own = resource.getrusage(resource.RUSAGE_SELF)
        return own.ru_utime + own.ru_stime + sum(map(cpu_seconds, self._pids))

    def begin(self) -> None:
        freeze_gc()
        self._began = self._read()

    def end(self, messages: float) -> float:
        """Return the CPU seconds of a message since the beginning."""
        return (self._read() - self._began) / messages


async def _repeat(step: Callable[[], Awaitable[object]], count: int) -> None:
    """Do a step so many times, `AT_ONCE` side by side."""
    left = count

    async def go_on() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await step()

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))


async def publish(count: int, meter: Meter) -> float:
    async with await aio_pika.connect(os.environ["POSTKAMER_AMQP_URL"]) as connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue(
            QUEUE, durable=True, arguments={"x-queue-type": "quorum"}
        )
        message = aio_pika.Message(CONTENT, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        meter.begin()
        await _repeat(lambda: channel.default_exchange.publish(message, QUEUE), count)
        result = meter.end(count)
        await queue.purge()
        return result


@asynccontextmanager
async def _open_pool() -> AsyncIterator[Pool]:
    async with connection_pool(os.environ["POSTKAMER_DATABASE_URL"], "bench", POOL_SIZE) as pool:
        yield pool


async def insert(count: int, meter: Meter) -> float:
    async with _open_pool() as pool:
        await pool.execute(
            "create table if not exists bench_row"
            " (id bigint generated always as identity primary key, body bytea not null)"
        )
        meter.begin()
        sql = "insert into bench_row (body) values ($1)"
        await _repeat(lambda: pool.execute(sql, CONTENT), count)
        result = meter.end(count)
        await pool.execute("drop table bench_row")
        return result


async def post(count: int, meter: Meter, url: str) -> float:
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send() -> None:
            async with session.post(url, data=BODY, headers=HEADERS) as response:
                await response.read()

        meter.begin()
        await _repeat(send, count)
        return meter.end(count)


async def copy(count: int, meter: Meter) -> float:
    """Copy up to `count` rows of each table that the archiver has filled."""
    seconds = 0.0
    async with _open_pool() as pool:
        messages = await pool.fetchval(_MESSAGES)
        for name in ARCHIVER_TABLES:
            total = await pool.fetchval(f"select count(*) from archiver.{name}")
            rows = await pool.fetch(f"select * from archiver.{name} limit $1", count)
            await pool.execute(f"create table bench_copy (like archiver.{name} including indexes)")
            columns, values = list(rows[0].keys()), [tuple(row) for row in rows]
            meter.begin()
            await pool.copy_records_to_table("bench_copy", records=values, columns=columns)
            seconds += meter.end(len(rows)) * total / messages
            await pool.execute("drop table bench_copy")
    return seconds


_MESSAGES = "select count(*) from archiver.entry where kind = 'message'"


async def main(step: str, count: int, pids: Sequence[int], url: str) -> None:
    meter = Meter(pids)
    match step:
        case "publish":
            result = await publish(count, meter)
        case "insert":
            result = await insert(count, meter)
        case "post":
            result = await post(count, meter, url)
        case _:
            result = await copy(count, meter)
    print(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    _, step, count, url, *pids = sys.argv
    run_event_loop(main(step, int(count), [int(pid) for pid in pids], url))
