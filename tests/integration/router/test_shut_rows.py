"""A row of the router that does not open fails alone: its unit is quarantined, the others go on."""

import msgspec

from deploy.local.rabbitmq import Broker
from router.handlers.units import parse_units
from router.output.retry_entry import retry_entry
from router.store.store import Store
from services import clock
from services.contract import PartitionBatch, Receipt
from services.postgres.database import Pool
from services.sealing.columns import ADDRESS, QUARANTINE, bind
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.integration.router.test_partition import is_handed_again
from tests.support.citizens import NUMBER, phone, text, webhook
from tests.support.integration.running_partition import GROUND, Standing, receipt
from tests.support.integration.shut_rows import alter, shut_rows
from tests.support.integration.stops import start, stop
from tests.support.observer import until
from tests.support.router.commands import build_command
from tests.support.working_keys import lost_key, read_keys, seal_under_lost_key


async def reasons(pool: Pool) -> list[str]:
    return [row["reason"] for row in await pool.fetch("select reason from router.quarantine")]


def message(name: str, citizen: int) -> Receipt:
    return receipt(webhook(text("afval", f"wamid.{name}", citizen)))


async def test_citizen_whose_row_does_not_open_is_quarantined_and_another_is_heard(
    broker: Broker, pool: Pool
) -> None:
    async with Standing(broker, pool) as standing:
        await standing.put(message("first", 1))
        [row] = await until(lambda: pool.fetch("select id from router.conversation"), bool, 15)
        await alter(pool, "router.conversation", "state", row["id"])
        before = shut_rows("router.conversation")
        await standing.put(message("shut", 1), message("other", 2))
        await until(lambda: reasons(pool), bool, 15)
        count = "select count(*) from router.conversation"
        await until(lambda: pool.fetchval(count), lambda n: n == 2, 15)
        await standing.put(message("later", 3))  # the partition goes on
        await until(lambda: pool.fetchval(count), lambda n: n == 3, 15)
    assert await reasons(pool) == ["a row of router.conversation does not open"]
    assert shut_rows("router.conversation") == before + 1


async def test_citizen_whose_name_does_not_open_is_heard_and_only_what_reads_it_is_quarantined(
    broker: Broker, pool: Pool
) -> None:
    heard = "select count(*) from router.inbox where is_item and not is_quarantined"
    async with Standing(broker, pool) as standing:
        await standing.put(message("anna", 1), message("bert", 2))
        await until(lambda: pool.fetchval(heard), lambda n: n == 2, 15)
        of_bert = "select person from router.identity where value = $1"
        person = await pool.fetchval(of_bert, RING.seal_name(phone(2), ADDRESS))
        ids = "select id from router.conversation order by person = $1"
        (anna,), (bert,) = await pool.fetch(ids, person)
        await alter(pool, "router.identity", "value", person, "person")
        before = shut_rows("router.identity")
        merge = {"number": NUMBER, "conversation": anna, "other": bert}
        command = build_command("merge", clock.new_id(), clock.now(), **merge)
        await standing.put(message("again", 2), command, message("later", 3))
        await until(lambda: pool.fetchval(heard), lambda n: n == 4, 30)
    assert await reasons(pool) == ["a row of router.identity does not open"]
    assert shut_rows("router.identity") == before + 1


async def test_decision_that_does_not_open_is_not_made_again_and_others_are(
    broker: Broker, pool: Pool
) -> None:
    known, new = message("known", 1), message("new", 2)
    async with Standing(broker, pool) as standing:
        await standing.put(known)
        [row] = await until(lambda: pool.fetch("select record from router.inbox"), bool, 15)
        await alter(pool, "router.inbox", "decision", row["record"], "record")
        before = shut_rows("router.inbox")
        await is_handed_again(standing, known, new)
    assert await pool.fetchval("select count(*) from router.inbox") == 2
    assert await pool.fetchval("select count(*) from router.conversation") == 2
    assert shut_rows("router.inbox") == before + 1


async def test_message_whose_key_is_gone_waits_again_until_the_key_is_back(pool: Pool) -> None:
    entries = [message("lost", 1), message("late", 2)]
    batch = PartitionBatch(source=clock.new_id(), number=0, entries=[*entries])
    id, store = clock.new_id(), Store(pool)
    await store.quarantine_message(id, "it cannot be read", seal_under_lost_key(batch)[1])
    again = "update router.quarantine set again_at = now() where refusal = '' and again_at is null"
    assert await pool.execute(again) == "UPDATE 1"
    async with background_task(read_keys()):
        assert await store.retries(9, []) == []
    assert await pool.execute(again) == "UPDATE 1"  # it waits for a person, as before
    RING.install([lost_key()], clock.now().date())
    assert await store.retries(9, []) == [(id, entries)]


async def test_retry_that_does_not_open_waits_for_a_person_and_the_others_are_tried(
    pool: Pool,
) -> None:
    shut, other = clock.new_id(), clock.new_id()
    (unit,) = parse_units(message("retry", 1), GROUND)
    entry = retry_entry(unit)
    assert not isinstance(entry, str)
    for id in (shut, other):
        await pool.execute(
            "insert into router.quarantine (id, reason, raw, entry, refusal, again_at)"
            " values ($1, 'f', '', $2, '', now())",
            id, RING.seal(msgspec.msgpack.encode(entry), QUARANTINE, bind(id)),
        )  # fmt: skip
    store, before = Store(pool), shut_rows("router.quarantine")
    await alter(pool, "router.quarantine", "entry", shut)
    for _ in range(2):
        assert await store.retries(9, []) == [(other, [entry])]
    assert shut_rows("router.quarantine") == before + 1
    await pool.execute("update router.quarantine set number = '7' where id = $1", other)
    await stop(pool, "7")
    assert await store.retries(9, []) == [], "that of a stopped number rests"
    await start(pool)
    waiting = "select id from router.quarantine where again_at is null and entry is not null"
    assert await pool.fetchval(waiting) == shut
