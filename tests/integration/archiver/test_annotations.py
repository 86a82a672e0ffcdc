"""`postkamer archive annotate`, on a real PostgreSQL: a rectification stands beside a message."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from router.store.store import Store
from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.http.rights import Rights
from services.postgres.database import Pool, connection_pool
from tests.integration.archiver.test_rights import reader
from tests.support.decrypted_record import writer_of
from tests.support.integration.subject_persons import TENANT, Citizen, Desk, typed
from tests.support.router.batch_office import Office

ANNA, BERT = Citizen("31600000011", "NL.1001"), Citizen("31600000012", "NL.1002")
BY = ("--by", "P. Bakker")


@pytest.fixture
async def desk(empty: str, pool: Pool) -> AsyncIterator[Desk]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        store = Store(own)
        office = Office(store, await store.take_epoch(0))
        yield Desk(office, await writer_of(pool), pool)


async def test_a_rectification_is_shown_with_its_message_and_alters_nothing(
    desk: Desk, empty: str, pool: Pool
) -> None:
    await desk.heard((ANNA, "mijn container is vol"))
    before = await pool.fetchrow("select * from archiver.entry where kind = 'message'")
    assert before
    id = before["message"]
    said = await typed(empty, "annotate", str(id), "--text", "de overkant", *BY, "--json")
    assert said.exit_code == 0, said.output
    rights = Rights(name="t", tenant=TENANT, roles=frozenset(["read"]))
    async with reader(pool, rights) as ask:
        _, body = await ask.get(f"/v1/messages/{id}")
    [beside_it] = msgspec.json.decode(body)["annotations"]
    at = datetime.fromisoformat(beside_it.pop("at"))
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert beside_it == {"by": "P. Bakker", "text": "de overkant"}
    assert await pool.fetchrow("select * from archiver.entry where id = $1", before["id"]) == before
    other = await pool.fetchrow("select * from archiver.entry where kind = 'annotation'")
    assert other and other["department"] == before["department"]
    assert other["conversation"] == before["conversation"]


async def test_what_is_not_there_any_more_gets_no_rectification(
    desk: Desk, empty: str, pool: Pool
) -> None:
    await desk.heard((ANNA, "hallo"))
    id = await pool.fetchval("select message from archiver.entry where kind = 'message'")
    await pool.execute("delete from archiver.conversation_key where conversation <> ''")
    for message in (id, clock.new_id()):
        said = await typed(empty, "annotate", str(message), "--text", "x", *BY)
        assert said.exit_code == 1 and "or it was destroyed" in said.stderr
    assert await pool.fetchval("select count(*) from archiver.conversation_key") == 1
    for wrong in (("--text", " ", *BY), ("--text", "x", "--by", "")):
        assert (await typed(empty, "annotate", str(id), *wrong)).exit_code == 2


async def test_a_request_is_of_whoever_the_message_is_about(
    desk: Desk, empty: str, pool: Pool
) -> None:
    await desk.heard((ANNA, "mijn container is vol"))
    await desk.heard((BERT, "de mijne ook"))
    today = clock.now().astimezone(AMSTERDAM).date()
    given = ("--kind", "rectification", "--received", f"{today}", *BY, "--json")
    asked = await typed(empty, "request", "open", "--phone", ANNA.phone, *given)
    assert asked.exit_code == 0, asked.output
    request = ("--request", json.loads(asked.stdout)["id"])
    rows = await pool.fetch("select message from archiver.entry where kind = 'message' order by id")
    hers, his = (str(row["message"]) for row in rows)
    wrong = await typed(empty, "annotate", his, "--text", "x", *BY, *request)
    assert wrong.exit_code == 1 and "is not about whoever" in wrong.stderr
    right = await typed(empty, "annotate", hers, "--text", "x", *BY, *request)
    assert right.exit_code == 0, right.output
