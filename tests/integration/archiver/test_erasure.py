"""Destroying while records come in: what was sealed before and is written after lies under a new
key, is found by its words, and nothing of what was destroyed stays; on real servers."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from archiver.intake import PREFETCH, Intake
from archiver.log.append import Entry
from archiver.log.erasure import Eraser
from archiver.log.writer import SealedBeforeErasure, Writer
from archiver.quarantine import Quarantine
from deploy.local.rabbitmq import Broker
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import run_consumer
from services.amqp.publisher import Publisher
from services.contract import ArchiveBatch, Record
from services.postgres.database import Pool
from tests.integration.archiver.test_requests import ANNA, desk, opened
from tests.integration.conftest import PASSWORDS
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.integration.archive_queue import QUEUE
from tests.support.integration.log_fixture import logged, message
from tests.support.integration.subject_persons import TENANT, Desk
from tests.support.observer import until

__all__ = ["desk"]
SECONDS = 20.0


class Meanwhile(Writer):
    """One that seals, and then the conversation is destroyed; `times`."""

    destroyer: Eraser
    times = 1

    async def seal(self, records: Sequence[Record]) -> list[Entry]:
        entries = await super().seal(records)
        if self.times:
            self.times -= 1
            await self.destroyer.erase_conversation("almelo", records[0].conversation, "meanwhile")
        return entries


async def _kinds(pool: Pool) -> list[tuple[str, bool]]:
    """Of the whole log, in order: what it is, and whether it opens."""
    there = await pool.fetch("select id, kind from archiver.entry order by position")
    opens = {row["id"] for row in await rows_of(pool)}
    return [(row["kind"], row["id"] in opens) for row in there]


async def _found(pool: Pool) -> list[int]:
    """Rows by which messages, and people, are found."""
    tables = ("searchable", "subject")
    return [await pool.fetchval(f"select count(*) from archiver.{table}") for table in tables]


async def test_what_was_sealed_before_is_not_written_after(pool: Pool, tmp_path: Path) -> None:
    async with logged(pool, tmp_path) as log:
        new = message(0)
        sealed = await log.writer.seal([new])
        await log.destroyer.erase_conversation("almelo", new.conversation, "test")
        with pytest.raises(SealedBeforeErasure):
            await log.writer.write(sealed)
        assert await log.writer.add([new]) == 1
        assert await log.findings() == []
    [*_, (said, _), last] = await _kinds(pool)
    assert (said, last) == ("destruction", ("message", True))


@pytest.mark.parametrize("times", [1, 3])
async def test_who_adds_seals_anew_as_often_as_something_is_destroyed(
    pool: Pool, times: int
) -> None:
    keys = await keys_of(pool)
    writer = Meanwhile(pool, keys)
    writer.destroyer, writer.times = Eraser(pool, keys), times
    assert await writer.add([message(0)]) == 1
    assert await _kinds(pool) == [("destruction", True)] * times + [("message", True)]
    assert await _found(pool) == [1, 1]


async def test_the_intake_seals_anew_and_keeps_all_that_came(pool: Pool, broker: Broker) -> None:
    keys = await keys_of(pool)
    writer = Meanwhile(pool, keys)
    writer.destroyer = Eraser(pool, keys)
    intake = Intake(writer, Quarantine(pool, keys))
    records = [message(n) for n in range(20)]
    async with (
        broker_connection(broker.url_for("router", PASSWORDS["router"]), "test") as out,
        broker_connection(broker.url_for("archiver", PASSWORDS["archiver"]), "test") as link,
        run_consumer(link, QUEUE, PREFETCH, intake.work),
    ):
        batch = ArchiveBatch(records=records)
        await Publisher(out, topology.ARCHIVE).publish(topology.ARCHIVE_QUEUE, batch, 10)
        count = "select count(*) from archiver.entry where kind = 'message'"
        await until(lambda: pool.fetchval(count), lambda n: n == len(records), SECONDS)
    assert await _kinds(pool) == [("destruction", True)] + [("message", True)] * len(records)
    assert await _found(pool) == [len(records), len(records)]
    assert await pool.fetchval("select count(*) from archiver.quarantine") == 0


async def test_after_a_municipality_was_destroyed_what_comes_is_found_by_its_new_key(
    pool: Pool,
) -> None:
    """Its old one is in the memory of who writes."""
    writer, destroyer = await writer_of(pool), Eraser(pool, await keys_of(pool))
    await writer.add([message(0)])
    [before] = await pool.fetch("select words from archiver.searchable")
    await destroyer.erase_municipality("almelo", "it is no more")
    again = msgspec.structs.replace(message(0), sequence=7)
    await writer.add([again])
    [after] = await pool.fetch("select words from archiver.searchable")
    assert not set(before["words"]) & set(after["words"])
    words = (await (await writer_of(pool)).seal([again]))[0].index_tokens
    assert words and list(words.words) == after["words"]


async def test_it_is_said_and_done_or_neither(pool: Pool, tmp_path: Path) -> None:
    async with logged(pool, tmp_path) as log:
        size = len(await _kinds(pool))
        await pool.execute(
            "create function refuse() returns trigger language plpgsql"
            " as $$ begin raise exception 'no'; end $$;"
            "create trigger refuse before delete on archiver.searchable execute function refuse()"
        )
        with pytest.raises(Exception, match="no"):
            await log.destroyer.erase_conversation("almelo", message(0).conversation, "test")
        assert len(await _kinds(pool)) == size
        assert all(opens for _, opens in await _kinds(pool))
        assert await log.findings() == []


async def test_many_are_destroyed_while_many_are_written(pool: Pool, tmp_path: Path) -> None:
    async with logged(pool, tmp_path) as log:

        async def writes(nth: int) -> None:
            for n in range(10):
                await log.writer.add([message(nth + 5 * k) for k in range(n % 4 + 1)])

        async def destroys(nth: int) -> None:
            for _ in range(5):
                await log.destroyer.erase_conversation("almelo", message(nth).conversation, "test")

        await asyncio.gather(*map(writes, range(4)), *map(destroys, (0, 5, 10)))
        assert await log.findings() == []
        dark = await pool.fetch(
            "select s.id from archiver.searchable s"
            " left join archiver.conversation_key k using (tenant, conversation)"
            " where k.tenant is null"
        )
        assert dark == []


async def test_whom_a_request_was_about_is_forgotten_with_the_last_that_it_was_about(
    desk: Desk, empty: str, pool: Pool
) -> None:
    for text in ("een", "twee"):
        await desk.heard((ANNA, text), close=True)
    await opened(empty)
    asked = "select cardinality(hashes) from archiver.request"
    conversations = await pool.fetchval("select conversations from archiver.request")
    assert len(conversations) == 2
    destroyer = Eraser(pool, await keys_of(pool))
    for each in conversations:
        assert await pool.fetchval(asked) > 0
        await destroyer.erase_conversation(TENANT, each, "its time is over")
    assert await pool.fetchval(asked) == 0
