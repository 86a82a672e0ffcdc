"""A message that always fails, on a real broker and database, delays only its own citizen."""

from collections.abc import Iterable

import msgspec
from aiohttp import web

from deliverer.crm.lanes import Job
from deliverer.crm.sidelined import PER_CONVERSATION
from deliverer.crm.sidelined_store import SidelinedStore
from deploy.local.rabbitmq import Broker
from services.contract import Delivery
from services.postgres.database import Pool
from tests.support.integration.destination_harness import Post, delivery, serving
from tests.support.observer import until, until_true

POISON = 1000
AFTER = range(POISON + 1, POISON + 41)
"""Envelopes after the bad one, more than are in hand at once."""
OTHERS = range(100, 150)


class Failing:
    """A CRM that takes everything but one, until that is mended."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.tries = 0
        self.mended = False

    async def handle(self, request: web.Request) -> web.Response:
        number = int(msgspec.json.decode(await request.read())["sequence"])
        if number == POISON and not self.mended:
            self.tries += 1
            return web.Response(status=500)
        self.taken.append(number)
        return web.Response(status=204)

    async def until_taken(self, numbers: Iterable[int]) -> None:
        await until_true(lambda: set(numbers) <= set(self.taken), 30)


def of(n: int, conversation: str) -> Delivery:
    return msgspec.structs.replace(delivery(n), conversation=conversation)


async def test_sidelined_conversation_delays_no_others_and_continues_in_order(
    broker: Broker, pool: Pool
) -> None:
    crm, post, later = Failing(), Post(broker, pool), AFTER[-1] + 1
    async with serving(crm.handle) as at:
        given = {"url": f"{at}events", "secret": "x"}
        envelopes = [of(n, "chatty") for n in (POISON, *AFTER)]
        await post.receives_each(*envelopes, *(of(n, f"other {n}") for n in OTHERS))
        async with post.works(given):
            await crm.until_taken(OTHERS)
            assert sorted(crm.taken) == [*OTHERS] and crm.tries < 10
            waiting = "select count(*) from deliverer.delivery where state = 'aside'"
            await until(lambda: pool.fetchval(waiting), lambda rows: rows == 1 + len(AFTER), 10)
        # A deliverer that starts anew knows of it, also of what comes meanwhile.
        crm.mended = True
        await post.receives_each(of(later, "chatty"))
        await pool.execute("update deliverer.delivery set due_at = now() where state = 'aside'")
        async with post.works(given):
            await crm.until_taken([*AFTER, later])
            assert crm.taken[len(OTHERS) :] == [POISON, *AFTER, later]
            await post.until_states(settled=2 + len(OTHERS) + len(AFTER))
    # Their envelopes are gone: the archive is told again by the sweep.
    untold = "select count(*) from deliverer.delivery where place > 999 and not told"
    assert await pool.fetchval(untold) == 1 + len(AFTER) + 1
    left = "select count(*) from deliverer.delivery where body is not null"
    assert await pool.fetchval(left) == 0


async def test_store_gives_due_deliveries_of_each_conversation_in_order(pool: Pool) -> None:
    store = SidelinedStore(pool)
    jobs = [Job(of(n, "a"), None, failures=n == 0, attempts=2) for n in range(PER_CONVERSATION + 5)]
    await store.insert("crm", jobs, 0.0)
    await store.insert("crm", [Job(of(50, "b"), None)], 3600.0)
    await store.insert("other", [Job(of(51, "a"), None)], 0.0)
    assert await store.conversations("crm") == {"a", "b"}
    found = await store.due("crm", ["a", "b", "c"], 10)
    assert [each.delivery.sequence for each in found] == [*range(PER_CONVERSATION)]
    assert [each.failures for each in found] == [1] + [0] * (PER_CONVERSATION - 1)
    first = jobs[0]
    first.failures = 2
    await store.insert("crm", jobs[:PER_CONVERSATION], 3600.0)
    assert await store.due("crm", ["a"], 10) == []
    row = "select failed, attempts, state from deliverer.delivery where event = $1"
    assert tuple(await pool.fetchrow(row, first.delivery.id)) == (2, 4, "aside")
    settled = "update deliverer.delivery set state = 'settled' where event = $1"
    await pool.execute(settled, first.delivery.id)
    await store.insert("crm", [first], 0.0)
    assert (await pool.fetchrow(row, first.delivery.id))["state"] == "settled"


async def test_store_gives_a_limited_number_of_conversations(pool: Pool) -> None:
    store = SidelinedStore(pool)
    await store.insert("crm", [Job(of(n, f"citizen {n % 50}"), None) for n in range(1000)], 0.0)
    found = await store.due("crm", [f"citizen {n}" for n in range(50)], 10)
    assert len({each.delivery.conversation for each in found}) == 10
