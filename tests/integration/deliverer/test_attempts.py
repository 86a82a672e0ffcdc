"""Attempts that settled nothing, on the record: through a real broker, from real requests."""

import msgspec
from aiohttp import web

from deploy.local.rabbitmq import Broker
from services.postgres.database import Pool
from tests.support.decrypted_record import rows_of, writer_of
from tests.support.integration.archive_queue import hearing
from tests.support.integration.destination_harness import Post, serving
from tests.support.observer import until_true


class Failing:
    """A CRM that answers 503 so often, and then takes everything."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def handle(self, request: web.Request) -> web.Response:
        self.left -= 1
        return web.Response(status=503 if self.left >= 0 else 204)


async def test_failed_attempts_and_the_delivery_are_on_the_record(
    broker: Broker, pool: Pool
) -> None:
    crm, post = Failing(3), Post(broker, pool)
    expected = ["attempt"] * 3 + ["delivery"]
    async with serving(crm.handle) as at, hearing(broker) as heard:
        await post.receives(1)
        async with post.works({"url": f"{at}events", "secret": "x"}):
            await until_true(lambda: sorted(each.kind for each in heard.records) == expected, 20)
    [delivered] = [record for record in heard.records if record.kind == "delivery"]
    data = msgspec.json.decode(delivered.data)
    assert data["attempts"] == 4
    await (await writer_of(pool)).add(heard.records)
    rows = [row for row in await rows_of(pool) if row["kind"] == "attempt"]
    assert [msgspec.json.decode(row["data"]) for row in rows] == [
        {
            "destination": "crm",
            "event": data["event"],
            "attempt": n,
            "status": 503,
            "outcome": "paused",
            "reason": "the destination answered 503",
            "whose": "destination",
        }
        for n in (1, 2, 3)
    ]
    where = (delivered.tenant, delivered.conversation, delivered.message)
    assert {(row["tenant"], row["conversation"], row["message"]) for row in rows} == {where}
