"""A row of the router that does not open fails alone: its unit is quarantined, the others go on."""

import msgspec
import pytest

from deploy.local.rabbitmq import Broker
from router.handlers.units import parse_units
from router.output.retry_entry import retry_entry
from router.store.store import Store
from services import clock
from services.contract import Receipt
from services.postgres.database import Pool
from services.sealing.columns import QUARANTINE
from services.sealing.key_ring import RING
from tests.integration.router.test_partition import is_handed_again
from tests.support.citizens import text, webhook
from tests.support.integration.running_partition import GROUND, Standing, receipt
from tests.support.integration.shut_rows import alter, shut_rows
from tests.support.observer import until


async def reasons(pool: Pool) -> list[str]:
    return [row["reason"] for row in await pool.fetch("select reason from router.quarantine")]


def message(name: str, citizen: int) -> Receipt:
    return receipt(webhook(text("afval", f"wamid.{name}", citizen)))


@pytest.mark.parametrize("table", ["conversation", "identity"])
async def test_citizen_whose_row_does_not_open_is_quarantined_and_another_is_heard(
    broker: Broker, pool: Pool, table: str
) -> None:
    column, key = ("state", "id") if table == "conversation" else ("value", "person")
    async with Standing(broker, pool) as standing:
        await standing.put(message("first", 1))
        sql = f"select {key} as id from router.{table} limit 1"
        [row] = await until(lambda: pool.fetch(sql), bool, 15)
        await alter(pool, f"router.{table}", column, row["id"], key)
        before = shut_rows(f"router.{table}")
        await standing.put(message("shut", 1), message("other", 2))
        await until(lambda: reasons(pool), bool, 15)
        count = "select count(*) from router.conversation"
        await until(lambda: pool.fetchval(count), lambda n: n == 2, 15)
        await standing.put(message("later", 3))  # the partition goes on
        await until(lambda: pool.fetchval(count), lambda n: n == 3, 15)
    assert await reasons(pool) == [f"a row of router.{table} does not open"]
    assert shut_rows(f"router.{table}") == before + 1


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


async def test_retry_that_does_not_open_waits_for_a_person_and_the_others_are_tried(
    pool: Pool,
) -> None:
    shut, other = clock.new_id(), clock.new_id()
    (unit,) = parse_units(message("retry", 1), GROUND)
    entry = retry_entry(unit)
    assert not isinstance(entry, str)
    body = RING.seal(msgspec.msgpack.encode(entry), QUARANTINE)
    for id in (shut, other):
        await pool.execute(
            "insert into router.quarantine (id, reason, raw, entry, refusal, again_at)"
            " values ($1, 'f', '', $2, '', now())",
            id, body,
        )  # fmt: skip
    store, before = Store(pool), shut_rows("router.quarantine")
    await alter(pool, "router.quarantine", "entry", shut)
    for _ in range(2):
        assert await store.retries(9, []) == [(other, entry)]
    assert shut_rows("router.quarantine") == before + 1
    waiting = "select id from router.quarantine where again_at is null and entry is not null"
    assert await pool.fetchval(waiting) == shut
