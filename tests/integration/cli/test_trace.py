"""`postkamer trace` on a real database: a message is found by each of its ids, on the record."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest
from click.testing import Result
from structlog.testing import capture_logs

from cli.trace.command import UNKNOWN
from cli.trace.evidence import Subject
from cli.trace.search import find_subject
from deploy.local.rabbitmq import Broker
from router.model.hashes import Hashes
from router.model.work import RoutingContext
from services import clock
from services.contract import Delivery
from services.postgres.database import Pool
from services.sealing.brought_keys import seal_brought_key
from services.sealing.key_ring import RING
from tests.support.citizens import NUMBER, phone, text, webhook
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, writer_of
from tests.support.installation import EXAMPLE
from tests.support.integration.archive_queue import hearing
from tests.support.integration.crm_queue import crm_queue
from tests.support.integration.running_partition import Standing, receipt
from tests.support.observer import until

WAMID = "wamid.HBgLMzE2MTAwMDAwNDE"
TASK, CONTACT, CASE = clock.new_id(), clock.new_id(), clock.new_id()
REASON = "klacht 12"
PLACE = """
update router.conversation set zaak = 'https://zaken.example/api/v1/zaken/' || $1
"""
IN_OPEN_KLANT = """
with contact as (
    insert into deliverer.klantcontact (destination, event, conversation, number, klantcontact,
        heard_at, posted_at)
    values ('crm', $1, $2, 4000000123, $3, now(), now())
)
insert into deliverer.internetaak (destination, event, conversation, contact, department, covers,
    number, internetaak)
values ('crm', $1, $2, $1, 'kcc', 1, 4000000124, $4)
"""
DELIVERED = """
insert into deliverer.delivery (destination, event, message, tenant, conversation, state, attempts,
    status, at)
values ('crm', $1, $2, 'almelo', $3, 'settled', 1, 204, now())
"""
SENT = """
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at,
    wamid_hash)
values ($1, 'almelo', '106540352242922', 'c', 'kcc', 'accepted', now(), $2)
"""

ENDED = (
    "update router.cleared set first_at = now()",
    "delete from router.inbox",
    "delete from deliverer.delivery",
)
"""Statements after which the terms are over."""


class Traces:
    def __init__(self, url: str) -> None:
        self._env = {
            "POSTKAMER_DATABASE_URL": url,
            "POSTKAMER_ARCHIVE_KEY": KEY,
            "POSTKAMER_CONFIG": str(EXAMPLE),
            "POSTKAMER_OPERATOR": "S. Jansen",
        }

    async def run(self, id: str, *options: str, stdin: str = "", keys: str = KEY) -> Result:
        if id == WAMID:  # it is no argument: it would stay in the shell's history
            id, stdin = "-", id
        line = ("trace", id, "--reason", REASON, *options)
        env = self._env | ({"POSTKAMER_WORKING_KEY": keys} if keys else {})
        return await asyncio.to_thread(postkamer, *line, env=env, stdin=stdin)

    async def read(self, id: object, stdin: str = "") -> Any:
        done = await self.run(str(id), "--json", stdin=stdin)
        assert done.exit_code == 0, (id, done.output)
        return json.loads(done.stdout)


async def bring_key(pool: Pool) -> None:
    put = "insert into router.brought_key (tenant, sealed) values ('almelo', $1)"
    await pool.execute(put, seal_brought_key(RING, "almelo", bytes(32)))


@pytest.fixture
async def brought(pool: Pool) -> None:
    """The municipality came from another installation, and brought its key."""
    await bring_key(pool)


@pytest.mark.usefixtures("brought")
async def test_message_is_found_by_each_of_its_ids_and_each_look_is_on_record(
    broker: Broker, pool: Pool, empty: str, ground: RoutingContext
) -> None:
    came, traces = receipt(webhook(text("mijn container is vol", WAMID, 41))), Traces(empty)
    with capture_logs():
        async with (
            Standing(broker, pool, ground) as standing,
            crm_queue(broker) as so_far,
            hearing(broker) as archive,
        ):
            await standing.put(came)
            [event] = await until(so_far, bool, 15)
            await until(archive.count, lambda n: n == 3, 15)
        # Before the archive has it, the tables of the router know it.
        for id in (event.id, event.message, came.id, WAMID, archive.records[-1].id):
            seen = await traces.read(id)
            assert [turn["who"] for turn in seen["now"]] == ["archiver", "deliverer"], id
        await (await writer_of(pool)).add(archive.records)
        await pool.execute(PLACE, str(CASE))
        await pool.execute(IN_OPEN_KLANT, event.id, event.conversation, CONTACT, TASK)
        await pool.execute(DELIVERED, event.id, event.message, event.conversation)
        ids = (
            *(event.id, event.message, came.id, WAMID, event.conversation),
            *(record.id for record in archive.records),
            *(CONTACT, TASK, 4000000123, 4000000124, CASE),
        )
        for id in ids:
            seen = await traces.read(id)
            assert (seen["conversation"], seen["now"]) == (event.conversation, []), id
            assert {"decided", "in the record"} <= {step["step"] for step in seen["steps"]}, id
        [delivered] = [step for step in seen["steps"] if step["step"] == "delivered"]
        assert delivered["detail"]["internetaak"] == 4000000124
        assert (await traces.read("-", stdin=f"{WAMID}\n"))["messages"] == [str(event.message)]
        whole = (await traces.run(WAMID)).output
    for private in (WAMID, "container", phone(41), "Sanne", "NL.citizen41"):
        assert private not in whole
    rows = await pool.fetch("select what, about, tenant, by, data::text from access.operation")
    assert len(rows) == 5 + len(ids) + 2
    assert {(row["what"], row["by"]) for row in rows} == {("trace", "S. Jansen")}
    assert {row["tenant"] for row in rows[5:]} == {"almelo"}
    assert all(json.loads(row["data"]) == {"reason": REASON, "found": True} for row in rows)
    assert not any("wamid" in row["about"] for row in rows)
    await ended_work_is_told(traces, pool, event)


async def ended_work_is_told(traces: Traces, pool: Pool, event: Delivery) -> None:
    """The terms are over: the message is found in the record, and its event is not found."""
    for statement in ENDED:
        await pool.execute(statement)
    ended = await traces.read(event.message)
    assert (ended["conversation"], ended["now"]) == (event.conversation, [])
    assert ended["endedBefore"] and "in the record" in {step["step"] for step in ended["steps"]}
    shown = (await traces.run(str(event.message))).output
    assert "ended at its term; this is from the record" in shown
    assert "ended at its term; the record has" in (await traces.run(str(event.id))).stderr


async def test_wamid_needs_the_working_key_once_a_municipality_brought_its_own(
    pool: Pool, empty: str
) -> None:
    await bring_key(pool)
    done = await Traces(empty).run(WAMID, keys="")
    assert done.exit_code != 0 and "POSTKAMER_WORKING_KEY" in done.stderr


async def test_message_that_we_sent_is_found_by_its_wamid_under_the_key_of_its_municipality(
    pool: Pool,
) -> None:
    hashes, message = Hashes(b"own", {"almelo": bytes(32)}), clock.new_id()
    await pool.execute(SENT, message, hashes.of("almelo")("wamid", WAMID))
    async with pool.acquire() as connection:
        for tenant, found in (("almelo", Subject(messages=(message,))), ("borne", None)):
            assert await find_subject(connection, WAMID, hashes, {NUMBER: tenant}) == found


async def test_unknown_id_is_refused_and_the_look_is_on_record(pool: Pool, empty: str) -> None:
    traces = Traces(empty)
    for id in (str(clock.new_id()), str(UUID(int=4)), WAMID, "4000000199", "Z-2026-17"):
        done = await traces.run(id, keys="")
        assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"{UNKNOWN}\n"), id
    rows = await pool.fetch("select about, data::text as data from access.operation")
    assert [json.loads(row["data"])["found"] for row in rows] == [False] * 5
    assert [row["about"] for row in rows[2:]] == ["a wamid", "an unknown id", "an unknown id"]
    done = await asyncio.to_thread(
        postkamer, "trace", WAMID, "--reason", REASON, env=traces._env, stdin=""
    )
    assert done.exit_code == 2 and "standard input" in done.output and WAMID not in done.output
    for misused in ("", "two\nlines", phone(41), f"+{phone(41)}", "0612345678"):
        done = await traces.run("-", stdin=misused)
        assert (done.exit_code, done.stdout) == (2, "")
        assert misused == "" or misused not in done.stderr
    assert await pool.fetchval("select count(*) from access.operation") == 5
