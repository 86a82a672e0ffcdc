"""Attempts that settled nothing, on the record: through a real broker, from real requests."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web

from deliverer.audit.attempts import Attempt
from deliverer.audit.recorder import attempt_recorder
from deliverer.meta.graph_api import UNREACHABLE
from deploy.local.rabbitmq import Broker
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.publisher import Publisher
from services.contract import Record
from services.postgres.database import Pool
from tests.integration.conftest import PASSWORDS
from tests.support.decrypted_record import rows_of, writer_of
from tests.support.integration.archive_queue import Heard, hearing
from tests.support.integration.destination_harness import Post, serving
from tests.support.integration.message_provider import NUMBER, Account, Office
from tests.support.observer import until

TEXT = {"type": "text", "text": {"body": "Ja."}}
TOO_FAST = "130429: Meta neemt dit bericht nu niet aan; Postkamer probeert het opnieuw"
EXPIRED = "190: de toegang tot Meta is verlopen; de beheerder moet iets doen"
AGAIN = "update deliverer.ledger set due_at = now() where state = 'queued'"


class Failing:
    """A CRM that answers 503 so often, and then takes everything."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def handle(self, request: web.Request) -> web.Response:
        self.left -= 1
        return web.Response(status=503 if self.left >= 0 else 204)


def of_kind(heard: Heard, kind: str) -> list[Record]:
    return [record for record in heard.records if record.kind == kind]


async def has(heard: Heard, kinds: Callable[[list[str]], bool]) -> None:
    async def look() -> list[str]:
        return sorted(record.kind for record in heard.records)

    await until(look, kinds, 20)


async def test_a_crm_that_fails_three_times_and_then_takes_it_is_on_the_record_four_times(
    broker: Broker, pool: Pool
) -> None:
    crm, post = Failing(3), Post(broker, pool)
    async with serving(crm.handle) as at, hearing(broker) as heard:
        await post.receives(1)
        async with post.works({"url": f"{at}events", "secret": "x"}):
            await has(heard, lambda kinds: kinds == ["attempt"] * 3 + ["delivery"])
    [delivered] = of_kind(heard, "delivery")
    assert msgspec.json.decode(delivered.data)["attempts"] == 4
    await (await writer_of(pool)).add(heard.records)
    rows = [row for row in await rows_of(pool) if row["kind"] == "attempt"]
    assert [msgspec.json.decode(row["data"]) for row in rows] == [
        {
            "destination": "crm",
            "event": msgspec.json.decode(delivered.data)["event"],
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


async def test_what_waits_at_the_end_is_published(broker: Broker) -> None:
    async with hearing(broker) as heard:
        url = broker.url_for("deliverer", PASSWORDS["deliverer"])
        async with broker_connection(url, "test attempts") as link:
            async with attempt_recorder(Publisher(link, topology.ARCHIVE)) as notes:
                for n in range(600):
                    notes.record(Attempt(tenant="almelo", data={"attempt": n}))
            await has(heard, lambda kinds: len(kinds) == 600)
    numbers = [msgspec.json.decode(record.data)["attempt"] for record in heard.records]
    assert numbers == list(range(600))


async def attempts(office: Office, count: int) -> list[dict[str, Any]]:
    """What is said of so many; what waits is due at once."""

    async def look() -> list[Attempt]:
        await office.pool.execute(AGAIN)
        return office.attempts

    found = await until(look, lambda attempts: len(attempts) >= count, 20)
    return [attempt.data for attempt in found]


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (400, 130429, {"outcome": "later", "reason": TOO_FAST, "whose": "provider"}),
        (401, 190, {"outcome": "stopped", "reason": EXPIRED, "whose": "account"}),
    ],
)
async def test_what_meta_puts_off_is_told_and_what_it_takes_is_not(
    place: tuple[Office, Account], status: int, code: int, said: dict[str, str]
) -> None:
    office, account = place
    office.provider.message_answers = [(status, {"error": {"code": code}})] * 2
    id = await office.queue(TEXT)
    async with office.working(**{NUMBER: account}):
        told = await attempts(office, 2)
        await office.pool.execute(AGAIN)
        await until(lambda: sent(office, id), lambda there: there, 30)
    assert told == [
        {"number": NUMBER, "attempt": n, "status": status, "code": code} | said for n in (1, 2)
    ]
    assert len(office.attempts) == 2
    assert {(one.tenant, one.conversation, one.message) for one in office.attempts} == {
        ("almelo", "c", id)
    }


async def sent(office: Office, id: Any) -> bool:
    await office.pool.execute(AGAIN)
    return bool((await office.line(id))["state"] == "sent")


async def test_a_provider_that_is_not_there_and_one_that_says_nothing_of_use(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    nowhere = msgspec.structs.replace(account, messages_url="http://127.0.0.1:1/messages")
    id = await office.queue(TEXT)
    async with office.working(**{NUMBER: nowhere}):
        [told] = await attempts(office, 1)
    assert (told["status"], told["outcome"], told["reason"]) == (0, "later", UNREACHABLE)
    office.attempts.clear()
    office.provider.message_answers = [(503, {})]
    await office.pool.execute(AGAIN)
    async with office.working(**{NUMBER: account}):
        await office.until(id, "unknown")
    [unknown] = office.attempts
    assert (unknown.message, unknown.data["status"]) == (id, 503)
    assert (unknown.data["outcome"], unknown.data["reason"]) == ("unknown", "no usable answer")
