"""`postkamer quarantine`: an item that could not be decided is decided after all, once."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from structlog.testing import capture_logs

from cli.deliveries.quarantine_store import AGAIN, DROPPED
from deploy.local.rabbitmq import Broker
from router.model.work import RoutingContext
from router.output.retry_entry import TOLD_SENDER
from router.retry_relay import run_retries
from router.store.store import UNREADABLE, Store
from services import clock, metrics
from services.amqp.connection import broker_connection
from services.amqp.partition_publisher import PartitionPublisher
from services.contract import PartitionBatch, Record
from services.postgres.database import Pool
from services.sealing.columns import QUARANTINE, bind
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.integration.conftest import PASSWORDS
from tests.support.citizens import text, webhook
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY
from tests.support.installation import EXAMPLE
from tests.support.integration.archive_queue import hearing
from tests.support.integration.crm_queue import crm_queue
from tests.support.integration.parked_deliveries import commands, on
from tests.support.integration.running_partition import CONFIG, GROUND, Standing, receipt
from tests.support.integration.sealed_rows import refusing
from tests.support.observer import until
from tests.support.router.commands import build_command
from tests.support.working_keys import give_lost_key_back, lost_key, seal_under_lost_key

MENDED = "alter table router.identity drop constraint refuse"
NEWER = """
insert into router.quarantine (id, reason, raw, entry, refusal, again_at)
values ($1, 'of a newer version, which this one cannot read', 'x', $2, '', now())
"""
TWICE = ("quarantined", "to be decided again, by a person", "published again")
SECRET = "mijn container is niet geleegd"


class Quarantine:
    """The commands, beside a router that decides again what is asked for."""

    def __init__(self, url: str) -> None:
        self._command = commands(url)

    async def run(self, *words: str) -> Any:
        done = await asyncio.to_thread(self._command, "quarantine", *words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    async def wait_for_other(self, *ids: str) -> str:
        """Return the one unit beside these that waits for a person."""

        async def others() -> list[str]:
            return [unit["id"] for unit in await self.run("list") if unit["id"] not in ids]

        [id] = await until(others, bool, 15)
        return id


async def _ground() -> RoutingContext:
    return GROUND


@asynccontextmanager
async def _retrying(broker: Broker, pool: Pool) -> AsyncIterator[None]:
    url = broker.url_for("router", PASSWORDS["router"])
    async with broker_connection(url, "test retries") as link:
        partitions = PartitionPublisher(link, clock.new_id(), 1)
        async with background_task(run_retries(Store(pool), partitions, _ground)):
            yield


async def test_item_is_decided_again_once_after_its_cause_is_mended(
    broker: Broker, pool: Pool, empty: str, ground: RoutingContext
) -> None:
    quarantine = Quarantine(empty)
    await pool.execute(refusing("NL.citizen66"))
    newer = clock.new_id()
    await pool.execute(NEWER, newer, RING.seal(b"\xc1", QUARANTINE, bind(newer)))
    first = receipt(webhook(text("hallo", "wamid.65", 65), text(SECRET, "wamid.66", 66)))
    repeat = receipt(webhook(text(SECRET, "wamid.66", 66)))
    with capture_logs():
        async with (
            Standing(broker, pool, ground) as standing,
            crm_queue(broker) as so_far,
            hearing(broker) as archive,
            _retrying(broker, pool),
        ):
            await standing.put(first)
            id = await quarantine.wait_for_other()
            await until(gauge, lambda value: value == 1, 10)
            assert (await quarantine.run("again", id)) == {"count": 1, "dryRun": False}
            again = await quarantine.wait_for_other(id)  # the cause is still there
            await pool.execute(MENDED)
            assert (await quarantine.run("again", "--all"))["count"] == 1
            await until(so_far, lambda told: len(told) == 2, 15)
            await standing.put(repeat, receipt(webhook(text("dag", "wamid.67", 67))))
            await until(so_far, lambda told: len(told) == 3, 15)
            await until(gauge, lambda value: value == 0, 10)
        went = await quarantine.run("list", "--state", AGAIN)
        for traced in ("wamid.66", id):
            steps = await trace(empty, traced)
            assert Counter(steps) == {"decided": 1} | dict.fromkeys(TWICE, 2)
    assert [unit["id"] for unit in went] == [str(newer), id, again]
    assert {(unit["receipt"], unit["size"]) for unit in went[1:]} == {(str(first.id), 0)}
    await check_record(pool, first.id, archive.records)
    rows = await pool.fetch("select what, data::text as data from access.operation order by id")
    assert [row["what"] for row in rows] == [
        "quarantine again",
        "quarantine again",
        "trace",
        "trace",
    ]
    assert SECRET not in "".join(row["data"] for row in rows)


async def trace(url: str, id: str) -> list[str]:
    """Steps of the item, as the tables of the router have them: no archiver runs."""
    more = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_ARCHIVE_KEY": KEY}
    more["POSTKAMER_WORKING_KEY"] = KEY
    env = more | {"POSTKAMER_CONFIG": str(EXAMPLE)}
    given = "-" if id.startswith("wamid.") else id
    line = ("trace", given, "--reason", "fault 12", "--json")
    done = await asyncio.to_thread(postkamer, *line, env=env, stdin=id)
    assert done.exit_code == 0, done.output
    return [step["step"] for step in json.loads(done.stdout)["steps"]]


async def check_record(pool: Pool, first: UUID, records: list[Record]) -> None:
    """The item is a message once, and the balance of items closes."""
    made = [record for record in records if b"wamid.66" in record.raw]
    assert sorted(r.kind for r in made) == ["message", "quarantine", "quarantine", "segment"]
    [message] = [record for record in made if record.kind == "message"]
    assert (message.receipt, message.item_index) == (first, None)
    assert [r.id for r in records if r.kind == "receipt"].count(first) == 1
    counted = [r.id for r in records if r.item_index is not None and r.kind != "segment"]
    items = await pool.fetch("select record from router.inbox where is_item")
    assert sorted(row["record"] for row in items) == sorted(counted), "the balance closes"


async def test_message_whose_key_is_back_is_decided_with_all_that_is_in_it(
    broker: Broker, pool: Pool, empty: str
) -> None:
    seen = receipt(webhook(text("hallo", "wamid.70", 70)))
    told = build_command("text", clock.new_id(), clock.now(), number=CONFIG.numbers[0].id)
    batch = PartitionBatch(source=clock.new_id(), number=0, entries=[seen, told])
    id = clock.new_id()
    await Store(pool).quarantine_message(id, "it cannot be read", seal_under_lost_key(batch)[1])
    await give_lost_key_back(pool)
    RING.install([lost_key()], clock.now().date())  # the router has read it
    decided = "select count(*) from router.inbox where receipt in ($1, $2)"
    async with Standing(broker, pool, GROUND), _retrying(broker, pool):
        assert (await Quarantine(empty).run("again", str(id)))["count"] == 1
        count = lambda: pool.fetchval(decided, seen.id, told.id)  # noqa: E731
        await until(count, lambda n: n == 2, 30)
    left = await pool.fetchrow("select raw, entry from router.quarantine where id = $1", id)
    assert left and tuple(left) == (b"", None)


async def gauge() -> float:
    value = metrics.REGISTRY.get_sample_value("postkamer_quarantine")
    return value or 0.0


def fill(url: str) -> dict[str, str]:
    """Quarantine a message that cannot be read, a command, and an item of an older version."""

    async def work(pool: Pool) -> dict[str, str]:
        unread, command, old = (clock.new_id() for _ in range(3))
        body = build_command("text", clock.new_id(), clock.now(), number=CONFIG.numbers[0].id)
        await Store(pool).quarantine_message(unread, "a message cannot be read", b"\xc1" + b"x")
        await pool.execute(
            "insert into router.quarantine (id, reason, raw, refusal) values ($1, 'f', $2, $3)",
            *(command, str(body.id).encode(), TOLD_SENDER),
        )
        await pool.execute(
            "insert into router.quarantine (id, reason, raw) values ($1, 'f', $2)",
            *(old, RING.seal(SECRET.encode(), QUARANTINE, bind(old))),
        )
        return {"unread": str(unread), "command": str(command), "old": str(old)}

    return on(url, work)


def test_unit_that_cannot_go_again_says_why_and_can_be_dropped(fresh: str) -> None:
    ids, command = fill(fresh), commands(fresh)
    listed = command("quarantine", "list").stdout
    assert UNREADABLE in listed and TOLD_SENDER in listed and "an older version" in listed
    for id in ids.values():
        done = command("quarantine", "again", id)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith(f"{id} cannot be decided again: ")
    done = command("quarantine", "again", "--all")
    assert (done.stdout, done.stderr) == (
        "0 items are decided again\n",
        "3 cannot be decided again: `list` says why\n",
    )
    dropped = command("quarantine", "drop", ids["old"], "--reason", "answered")
    assert dropped.stdout == "1 item is given up\n"
    gone = command("quarantine", "drop", ids["old"], "--reason", "answered")
    assert gone.exit_code == 1 and " was dropped at " in gone.stderr
    [row] = json.loads(command("quarantine", "list", "--state", DROPPED, "--json").stdout)
    assert (row["id"], row["dropReason"], row["size"]) == (ids["old"], "answered", 0)
    assert operations(fresh) == [("quarantine drop", "", 1)]


def test_content_is_shown_only_with_a_reason_and_on_record(fresh: str) -> None:
    ids, command = fill(fresh), commands(fresh)
    show = "quarantine", "show", ids["old"]
    assert SECRET not in command(*show).stdout + command("quarantine", "list", "--json").stdout
    assert command(*show, "--content").exit_code == 2
    assert operations(fresh) == []
    assert SECRET in command(*show, "--content", "--reason", "fault 12").stdout
    binary = "quarantine", "show", ids["unread"], "--content", "--reason", "fault 12", "--json"
    assert json.loads(command(*binary).stdout)["contentBase64"] == "wXg="
    assert operations(fresh) == [
        ("quarantine show", ids["old"], None),
        ("quarantine show", ids["unread"], None),
    ]
    missing = command("quarantine", "show", str(clock.new_id()))
    assert missing.exit_code == 1 and "nothing in quarantine" in missing.stderr


def operations(url: str) -> list[tuple[str, str, int | None]]:
    sql = "select what, about, (data->>'count')::int as n from access.operation order by id"
    rows = on(url, lambda pool: pool.fetch(sql))
    return [(row["what"], row["about"], row["n"]) for row in rows]
