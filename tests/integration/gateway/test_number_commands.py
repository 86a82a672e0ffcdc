"""The contact centre gives commands for a number over a real socket, into a real PostgreSQL and a
real broker. Rights, refusals and the state of the numbers are checked."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from deploy.local.rabbitmq import Broker
from gateway.intake import Intake, run_intake
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.consumer import Inbox, run_consumer
from services.amqp.partition_publisher import PartitionPublisher
from services.amqp.sealed_batch import open_batch
from services.contract import Command, PartitionBatch
from services.postgres.database import Pool, connection_pool
from tests.integration.conftest import PASSWORDS
from tests.support.integration.crm_desk import NUMBER, Desk, desk_of

NOTICE, STATE = f"numbers/{NUMBER}/notice", f"numbers/{NUMBER}/state"
TEXT = "Het is erg druk. Het laatste nieuws staat op www.example.nl."
LONG = "Wij " + "lezen " * 15 + "alles."
KEY, OTHER_KEY = [("Idempotency-Key", "k")], [("Idempotency-Key", "other")]
ARRIVED_SECONDS = 15.0


@pytest.fixture
async def gateways(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The gateway's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 4) as own:
        yield own


@pytest.fixture
async def desk(gateways: Pool) -> AsyncIterator[Desk]:
    async with desk_of(gateways, roles=frozenset(["kcc"])) as desk:
        yield desk


def soon(**more: float) -> str:
    return (clock.now() + timedelta(**(more or {"hours": 1}))).isoformat()


def pointers(told: Any) -> list[str]:
    return [fault["pointer"] or fault["parameter"] for fault in told.get("errors", ())]


async def test_a_notice_is_told_until_it_ends(desk: Desk) -> None:
    until = clock.now() + timedelta(hours=1)
    body = {"text": TEXT, "until": until.isoformat(), "author": {"kind": "employee", "id": "s"}}
    status, told = await desk.ask("PUT", NOTICE, body)
    (command,) = desk.commands
    assert (status, told) == (202, {"id": str(command.id), "status": "accepted"})
    assert (command.type, command.number, command.conversation) == ("notice", NUMBER, "")
    assert (command.action.text, command.action.until) == (TEXT, until)
    assert command.author and command.author.id == "s"
    assert (await desk.ask("GET", f"messages/{command.id}"))[1]["status"] == "accepted"


@pytest.mark.parametrize("body", [b"", {}, {"author": {"kind": "system", "id": "planning"}}])
async def test_a_notice_is_taken_away_with_or_without_a_body(desk: Desk, body: Any) -> None:
    status, _ = await desk.ask("DELETE", NOTICE, body)
    (command,) = desk.commands
    assert (status, command.type, command.action.text, command.action.until) == (
        202,
        "notice",
        "",
        None,
    )


async def test_a_number_is_closed_and_opened_again(desk: Desk) -> None:
    bodies = [
        {"state": "closed", "text": TEXT},
        {"state": "receive-only", "until": soon()},
        {"state": "open"},
    ]
    for n, body in enumerate(bodies):
        assert (await desk.ask("PUT", STATE, body, [("Idempotency-Key", str(n))]))[0] == 202
    said = [(command.type, command.action.state, command.action.text) for command in desk.commands]
    assert said == [("state", body["state"], body.get("text", "")) for body in bodies]


WRONG: list[tuple[str, Any, list[str]]] = [
    (NOTICE, {"text": LONG, "until": soon(days=32)}, ["/text", "/until"]),
    (NOTICE, {"text": TEXT, "until": soon(hours=-1)}, ["/until"]),
    (NOTICE, {"text": TEXT}, ["/until"]),
    (NOTICE, {}, ["/text", "/until"]),
    (NOTICE, b"", ["/text", "/until"]),
    (NOTICE, {"text": TEXT, "until": "morgen", "x": 1}, ["/until", "/x"]),
    (STATE, {"state": "closed", "until": soon(hours=-1)}, ["/text", "/until"]),
    (STATE, {"state": "open", "text": TEXT, "until": soon()}, ["/text", "/until"]),
    (STATE, {}, ["/state"]),
]


async def test_everything_that_is_wrong_is_told_at_once(desk: Desk) -> None:
    for path, body, wanted in WRONG:
        assert pointers((await desk.ask("PUT", path, body))[1]) == wanted, body
        status, told = await desk.ask("PUT", path, body, [("Idempotency-Key", "")])
        assert (status, pointers(told)) == (400, ["Idempotency-Key", *wanted]), body
    assert desk.commands == []


async def test_people_say_who_they_are(gateways: Pool) -> None:
    async with desk_of(gateways, people=True) as desk:
        late = {"text": TEXT, "until": soon(days=40)}
        assert pointers((await desk.ask("PUT", NOTICE, late))[1]) == ["/author", "/until"]
        assert pointers((await desk.ask("DELETE", NOTICE))[1]) == ["/author"]


@pytest.mark.parametrize("id", ["1", "x", "%00", "%ED%A0%80", "206540352242923"])
async def test_notice_of_a_number_outside_the_municipality_is_not_found(
    desk: Desk, id: str
) -> None:
    status, told = await desk.ask("DELETE", f"numbers/{id}/notice")
    assert (status, told["detail"]) == (404, "there is no such number")


async def test_a_number_of_another_municipality_is_not_found_or_listed(gateways: Pool) -> None:
    async with desk_of(gateways, tenant="elsewhere") as desk:
        for method, path in (("DELETE", NOTICE), ("PUT", STATE)):
            status, told = await desk.ask(
                method, path, {"state": "open"} if "state" in path else {}
            )
            assert (status, told["detail"]) == (404, "there is no such number")
        assert await desk.ask("GET", "numbers") == (200, {"numbers": []})


async def test_a_number_is_the_whole_municipalitys_whatever_departments_a_token_has(
    gateways: Pool,
) -> None:
    async with desk_of(gateways, "belastingen") as desk:
        assert (await desk.ask("PUT", STATE, {"state": "receive-only"}))[0] == 202
        assert [one["id"] for one in (await desk.ask("GET", "numbers"))[1]["numbers"]] == [NUMBER]


async def test_the_same_key_is_the_same_order_also_when_its_end_has_passed(
    desk: Desk, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"text": TEXT, "until": soon()}
    first = await desk.ask("PUT", NOTICE, body, KEY)
    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr("services.clock.now", lambda: later)
    assert await desk.ask("PUT", NOTICE, body, KEY) == first
    assert pointers((await desk.ask("PUT", NOTICE, body, OTHER_KEY))[1]) == ["/until"]
    status, told = await desk.ask("PUT", NOTICE, body | {"until": soon(hours=5)}, KEY)
    assert (status, told["code"]) == (409, "key_used")
    assert len(desk.commands) == 1


SAYS = """
insert into router.standing (number, state, state_text, state_until, notice, notice_id,
    notice_until)
values ($1, $2, $3, $4, $5, gen_random_uuid(), $6)
"""
NOW = clock.now()
PAST, AHEAD = NOW - timedelta(minutes=1), NOW + timedelta(hours=1)
OPEN = {"id": NUMBER, "state": "open", "text": None, "until": None, "notice": None}


def as_timestamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


STANDING: list[tuple[tuple[Any, ...], Mapping[str, Any]]] = [
    (("open", "", None, "", None), {}),
    (("closed", "Dicht.", None, "", None), {"state": "closed", "text": "Dicht."}),
    (
        ("closed", "Dicht.", AHEAD, "", None),
        {"state": "closed", "text": "Dicht.", "until": as_timestamp(AHEAD)},
    ),
    (("closed", "Dicht.", PAST, "", None), {}),
    (
        ("receive-only", "", AHEAD, "", None),
        {"state": "receive-only", "until": as_timestamp(AHEAD)},
    ),
    (
        ("open", "", None, "Druk.", AHEAD),
        {"notice": {"text": "Druk.", "until": as_timestamp(AHEAD)}},
    ),
    (("open", "", None, "Druk.", PAST), {}),
    (("closed", "Dicht.", PAST, "Druk.", None), {"notice": {"text": "Druk.", "until": None}}),
]


async def test_the_numbers_are_listed_as_they_stand_now(desk: Desk, pool: Pool) -> None:
    assert await desk.ask("GET", "numbers") == (200, {"numbers": [OPEN]})
    for row, wanted in STANDING:
        await pool.execute("delete from router.standing")
        await pool.execute(SAYS, NUMBER, *row)
        assert await desk.ask("GET", "numbers") == (200, {"numbers": [OPEN | wanted]}), row


@asynccontextmanager
async def taking(broker: Broker) -> AsyncIterator[Intake]:
    """The gateway's own way into the partitions."""
    url = broker.url_for("gateway", PASSWORDS["gateway"])
    async with broker_connection(url, "test gateway") as link:
        async with asyncio.timeout(ARRIVED_SECONDS):
            await link.connection()
        async with run_intake(link, PartitionPublisher(link, clock.new_id(), 2)) as door:
            yield door


async def commands_in(broker: Broker, partition: int) -> list[Command]:
    """The commands that wait in a partition's queue, once there is one."""
    found: list[Command] = []
    enough = asyncio.Event()

    async def work(inbox: Inbox) -> None:
        while True:
            frames = await inbox.take(16)
            for frame in frames:
                batch = open_batch(frame.type, frame.body)
                assert isinstance(batch, PartitionBatch)
                found.extend(entry for entry in batch.entries if isinstance(entry, Command))
            await inbox.ack_all(frames)
            if found:
                enough.set()

    queue = topology.queues(2, ["crm"])[partition]
    url = broker.url_for("router", PASSWORDS["router"])
    async with broker_connection(url, "test router") as link, run_consumer(link, queue, 16, work):
        await asyncio.wait_for(enough.wait(), ARRIVED_SECONDS)
    return found


async def test_command_for_a_number_goes_to_the_partition_of_its_messages(
    broker: Broker, gateways: Pool
) -> None:
    async with taking(broker) as door, desk_of(gateways, intake=door) as desk:
        status, told = await desk.ask("PUT", STATE, {"state": "closed", "text": TEXT})
        assert status == 202
    (command,) = await commands_in(broker, topology.partition_of(NUMBER, 2))
    assert (str(command.id), command.action.state, command.action.text) == (
        told["id"],
        "closed",
        TEXT,
    )
