"""A conversation that is held: nothing of it is told until somebody lets it go; then all, in order.

On a real broker and database, with more events than are let go at once.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from deploy.local.rabbitmq import Broker
from router.handlers.batch import ITEMS
from router.model.hashes import Hashes
from router.model.work import RoutingContext
from router.rules.engine import compile_rule_tables
from router.store.fencing import PartitionFenced
from router.store.store import Store
from services import clock
from services.config import loader
from services.postgres.database import Pool
from tests.support.citizens import NUMBER, text, webhook
from tests.support.installation import EXAMPLE
from tests.support.integration.crm_queue import crm_queue
from tests.support.integration.destination_queue import make_event
from tests.support.integration.running_partition import Standing, receipt
from tests.support.integration.shut_rows import alter, shut_rows
from tests.support.observer import until
from tests.support.router.commands import build_command

HOLDS = """
[[rules]]
id = "vasthouden"
words = ["vasthouden"]
hold = true

"""
TEXTS = ITEMS + 50
FIRST = 1_795_000_000
"""Unix seconds at which the first text was sent."""


@pytest.fixture
def ground(tmp_path: Path) -> RoutingContext:
    path = tmp_path / "postkamer.toml"
    path.write_text(HOLDS + EXAMPLE.read_text("utf-8"), "utf-8")
    config = loader.load(path).config
    return RoutingContext(config, compile_rule_tables(config), Hashes(b"k" * 32))


async def test_held_events_are_told_once_and_in_order_when_they_are_released(
    broker: Broker, pool: Pool, ground: RoutingContext
) -> None:
    texts = [text("vasthouden a.u.b.", f"wamid.h{n}", 1, FIRST + n) for n in range(TEXTS)]
    async with Standing(broker, pool, ground) as standing, crm_queue(broker) as so_far:
        await standing.put(receipt(webhook(*texts)), receipt(webhook(text("dag", "wamid.o", 2))))
        told = await until(so_far, bool, 15)  # the other citizen's, who wrote last
        held = await pool.fetchval("select min(conversation) from router.held")
        kept = await pool.fetchval("select count(*) from router.held")
        assert kept >= TEXTS
        assert held not in {delivery.conversation for delivery in told}
        before = clock.now()
        since = await Store(pool).withheld_since()
        assert since and before - timedelta(seconds=60) < since <= before
        told.clear()
        release = build_command(
            "release", clock.new_id(), clock.now(), number=NUMBER, conversation=held
        )
        await standing.put(release)
        await until(so_far, lambda told: len(told) >= kept, 15)
    assert await pool.fetchval("select count(*) from router.held") == 0
    assert await Store(pool).withheld_since() is None
    assert {delivery.conversation for delivery in told} == {held}
    sequence = [delivery.sequence for delivery in told]
    assert sequence == sorted(sequence)
    assert len({delivery.id for delivery in told}) == len(told) == kept


async def test_withheld_event_that_does_not_open_stays_and_the_others_are_told(
    broker: Broker, pool: Pool, ground: RoutingContext
) -> None:
    texts = [text("vasthouden a.u.b.", f"wamid.h{n}", 1, FIRST + n) for n in range(3)]
    async with Standing(broker, pool, ground) as standing, crm_queue(broker) as so_far:
        await standing.put(receipt(webhook(*texts)))
        kept = await until(
            lambda: pool.fetch("select id, conversation from router.held order by n"), bool, 15
        )
        before = shut_rows("router.held")
        await alter(pool, "router.held", "delivery", kept[0]["id"])
        release = build_command(
            "release", clock.new_id(), clock.now(), number=NUMBER, conversation=kept[0][1]
        )
        await standing.put(release)
        wanted = {row["id"] for row in kept[1:]}
        await until(so_far, lambda told: wanted <= {each.id for each in told}, 15)
        left = partial(pool.fetch, "select id from router.held")
        await until(left, lambda rows: [row["id"] for row in rows] == [kept[0]["id"]], 15)
    assert shut_rows("router.held") == before + 1


async def test_router_that_lost_its_partition_neither_withholds_nor_deletes(pool: Pool) -> None:
    """The next holder has released the conversation, and nobody would release it again."""
    old, new = Store(pool), Store(pool)
    events = [("crm", make_event(n)) for n in range(2)]
    mine = await old.take_epoch(0)
    next_epoch = await new.take_epoch(0)
    with pytest.raises(PartitionFenced):
        await old.withhold_events(0, mine, events)
    assert await new.withheld_events("c", ITEMS) == []
    await new.withhold_events(0, next_epoch, events)
    ids = [event.id for _, event in events]
    with pytest.raises(PartitionFenced):
        await old.delete_withheld(0, mine, ids)
    assert await new.withheld_events("c", ITEMS) == events
    await new.delete_withheld(0, next_epoch, ids)
    assert await new.withheld_events("c", ITEMS) == []
