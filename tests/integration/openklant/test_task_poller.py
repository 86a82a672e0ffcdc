"""Rounds past the tasks in an Open Klant: each has its turn, whoever dies, refuses or is odd."""

import asyncio
import re
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest

from deliverer.destinations.openklant import closing_store as bounds
from deliverer.destinations.openklant.closing_store import ClosingStore
from services import clock
from services.postgres.database import Pool
from tests.contract.openklant.test_openapi import document
from tests.integration.openklant.test_odd_objects import Odd
from tests.support.openklant.flaky_register import Died, Road
from tests.support.openklant.register import Conversation, Register, needs_stand_in, taken

OPEN = "select count(*) from deliverer.internetaak where not ended"


@pytest.mark.parametrize("answered", [False, True], ids=["before it asks", "after the answer"])
async def test_interrupted_while_it_looks_it_finds_the_same_later(
    town_hall: Register, road: Road, answered: bool
) -> None:
    one, other = Conversation("10000001-c1"), Conversation("10000001-c2")
    for talk in (one, other):
        await taken(town_hall.deliverer(road), talk.message("De container is vol.", task=True))
        await town_hall.does(-1)
    for nth in (1, 2):  # the task itself, and what else is to be done about its contact
        with pytest.raises(Died):
            await town_hall.looks(Road(town_hall.sender, nth, answered=answered))
    assert await town_hall.looks(road)
    closes = {each.conversation for each in await town_hall.closes()}
    assert closes == {one.conversation, other.conversation}
    assert len(await town_hall.closes()) == 2


async def test_answers_of_another_shape_close_nothing_and_stop_nobody(
    town_hall: Register, pool: Pool, road: Road
) -> None:
    deliverer = town_hall.deliverer(road)
    for n in "12":
        talk = Conversation(f"10000001-c{n}")
        await taken(deliverer, talk.message("De container is vol.", task=True))
    odd = Road(Odd())  # type: ignore[arg-type]
    assert await town_hall.looks(odd)
    assert len(odd.requests) == 2
    assert await town_hall.closes() == [] and await pool.fetchval(OPEN) == 2


@needs_stand_in
@pytest.mark.parametrize("mode", ["unauthorized", "bad-gateway", "too-many", "half"])
async def test_who_does_not_answer_ends_the_round_and_no_task_is_left_out(
    town_hall: Register, road: Road, mode: str
) -> None:
    deliverer = town_hall.deliverer(road)
    for n in "12":
        talk = Conversation(f"10000001-c{n}")
        await taken(deliverer, talk.message("De container is vol.", task=True))
        await town_hall.does(-1)
    await town_hall.mode(mode, resource="internetaken", method="GET", count=1)
    asked = len(road.requests)
    assert not await town_hall.looks(road)
    assert len(road.requests) == asked + 1 and await town_hall.closes() == []
    assert await town_hall.looks(road)
    assert len(await town_hall.closes()) == 2


async def test_each_task_has_its_turn_however_many_there_are(
    town_hall: Register, road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TASKS_PER_ROUND", 2)
    deliverer = town_hall.deliverer(road)
    for n in range(5):
        talk = Conversation(f"10000001-c{n}")
        await taken(deliverer, talk.message("De container is vol.", task=True))
    asked = len(road.requests)
    for _ in range(5):
        assert await town_hall.looks(road)
    paths = [path for _, path, _ in road.requests[asked:]]
    assert len(paths) == 10 and paths[:5] == paths[5:] and len(set(paths)) == 5


async def test_one_process_takes_a_round_and_nobody_while_a_person_wants_that(
    town_hall: Register, pool: Pool, road: Road
) -> None:
    talk = Conversation()
    await taken(town_hall.deliverer(road), talk.message("De container is vol.", task=True))
    closings = town_hall.closings()
    found = await asyncio.gather(*(closings.claim_due("crm", 60) for _ in range(8)))
    assert sorted(map(len, found)) == [0] * 7 + [1]
    assert await closings.claim_due("crm", 60) == []
    await pool.execute("update deliverer.look set next_at = now()")
    assert len(await closings.claim_due("crm", 60)) == 1
    await pool.execute("update deliverer.look set next_at = now()")
    await pool.execute("insert into deliverer.pause (destination, reason) values ('crm', 'x')")
    assert await closings.claim_due("crm", 60) == []
    await pool.execute("delete from deliverer.pause")
    assert len(await closings.claim_due("crm", 60)) == 1


async def test_of_two_that_find_the_last_two_tasks_at_once_one_closes(
    town_hall: Register, pool: Pool, road: Road
) -> None:
    deliverer = town_hall.deliverer(road)
    for n in range(20):
        talk = Conversation(f"10000001-c{n}")
        await taken(deliverer, talk.message("De container is vol.", task=True))
        await taken(deliverer, talk.message("En nog iets", after=7200, task=True))
    closings = ClosingStore(pool)
    tasks = await closings.claim_due("crm", 60)
    assert len(tasks) == 40
    closed = await asyncio.gather(*(closings.mark_done("crm", t, clock.new_id()) for t in tasks))
    assert sum(closed) == 20
    assert len({each.conversation for each in await town_hall.closes()}) == 20


@pytest.mark.usefixtures("open_klant_openapi")
async def test_every_look_is_as_the_document_says(town_hall: Register, road: Road) -> None:
    await taken(town_hall.deliverer(road), Conversation().message("Vol.", task=True))
    await town_hall.does()
    looks = Road(town_hall.sender)
    assert await town_hall.looks(looks) and len(await town_hall.closes()) == 1
    assert [(method, body) for method, _, body in looks.requests] == [("GET", b"")] * 2
    (_, one, _), (_, all, _) = looks.requests
    paths = document()["paths"]
    assert "get" in paths["/internetaken/{uuid}"]
    assert re.fullmatch(r"/internetaken/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one)
    known = {p["name"]: p["schema"] for p in paths["/internetaken"]["get"]["parameters"]}
    asked = dict(parse_qsl(urlsplit(all).query))
    assert set(asked) == {"klantcontact__uuid", "status", "pageSize"} <= set(known)
    assert asked["status"] in known["status"]["enum"] and UUID(asked["klantcontact__uuid"])
