"""Rounds of the poller of tasks: each task has its turn, whatever a process or Open Klant does."""

import asyncio
import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest

from deliverer.destinations.openklant import closing_store as bounds
from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Body, Response
from services import clock
from services.postgres.database import Pool
from tests.contract.openklant.test_openapi import document
from tests.support.openklant.link import Link, OddSender, ProcessEnded
from tests.support.openklant.register import OPEN_TASKS, Register, Scene, needs_stand_in


async def add_tasks(register: Register, count: int, completed: Collection[int] = ()) -> list[str]:
    """Create a task in each of so many conversations; return their ids, in order of their turn."""
    for n in range(count):
        await Scene(register, f"10000001-c{n}").ask()
    for n in completed:
        await register.complete_task(n)
    register.link.requests.clear()
    return [one["taken"][0]["uuid"] for one in await register.contacts()]


async def closed(register: Register) -> list[str]:
    return sorted(conversation for conversation, *_ in await register.closings())


@pytest.mark.parametrize("answered", [False, True], ids=["before a call", "after its answer"])
async def test_an_interrupted_round_finds_the_same_later(
    register: Register, answered: bool
) -> None:
    await add_tasks(register, 2, completed=[0, 1])
    for nth in (1, 2):  # the calls for the task itself, and for other tasks of its contact
        with pytest.raises(ProcessEnded):
            await register.poll(Link(register.sender, nth, answered=answered))
    assert await register.poll()
    assert await closed(register) == ["10000001-c0", "10000001-c1"]


async def test_an_answer_of_another_shape_closes_nothing_and_does_not_end_the_round(
    register: Register, pool: Pool
) -> None:
    await add_tasks(register, 2)
    odd = Link(OddSender())
    assert await register.poll(odd)
    assert len(odd.requests) == 2
    assert await closed(register) == [] and await pool.fetchval(OPEN_TASKS) == 2


@needs_stand_in
@pytest.mark.parametrize("mode", ["unauthorized", "bad-gateway", "too-many", "half"])
async def test_an_unavailable_open_klant_ends_the_round_and_no_task_is_left_out(
    register: Register, mode: str
) -> None:
    await add_tasks(register, 2, completed=[0, 1])
    await register.set_mode(mode, resource="internetaken", method="GET", count=1)
    assert not await register.poll()
    assert len(register.link.requests) == 1 and await closed(register) == []
    assert await register.poll()
    assert await closed(register) == ["10000001-c0", "10000001-c1"]


async def test_each_task_has_its_turn_in_rounds_that_are_full(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TASKS_PER_ROUND", 2)
    await add_tasks(register, 5)
    for _ in range(5):
        assert await register.poll()
    paths = [path for _, path, _ in register.link.requests]
    assert len(paths) == 10 and paths[:5] == paths[5:] and len(set(paths)) == 5


async def test_one_process_claims_a_round_and_none_while_the_destination_is_paused(
    register: Register, pool: Pool
) -> None:
    await add_tasks(register, 1)
    claim = lambda: register.closing_store.claim_due("crm", 60)  # noqa: E731
    rounds = await asyncio.gather(*(claim() for _ in range(8)))
    assert sorted(map(len, rounds)) == [0] * 7 + [1]
    assert await claim() == []
    due = "update deliverer.look set next_at = now()"
    await pool.execute(due)
    assert len(await claim()) == 1
    await pool.execute(due)
    await pool.execute("insert into deliverer.pause (destination, reason) values ('crm', 'x')")
    assert await claim() == []
    await pool.execute("delete from deliverer.pause")
    assert len(await claim()) == 1


async def test_the_last_two_tasks_found_done_at_once_close_their_conversation_once(
    register: Register,
) -> None:
    for n in range(20):
        scene = Scene(register, f"10000001-c{n}")
        await scene.ask()
        await scene.ask("En nog iets", after=7200)
    store = register.closing_store
    tasks = await store.claim_due("crm", 60)
    assert len(tasks) == 40
    closings = await asyncio.gather(*(store.mark_done("crm", t, clock.new_id()) for t in tasks))
    assert sum(closings) == 20
    assert len(set(await closed(register))) == 20


class RefusingSender:
    """A sender that refuses requests about some tasks."""

    def __init__(self, sender: HttpClient, tasks: Collection[str], status: int) -> None:
        self._sender, self._tasks, self._status = sender, tasks, status

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        if any(task in url for task in self._tasks):
            return Response(status=self._status, body=b'{"code": "error"}')
        return await self._sender.request(method, url, body, headers)


@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize("refused", [0, 2])
async def test_a_refused_task_delays_no_other_and_counts_as_not_polled(
    register: Register, pool: Pool, status: int, refused: int
) -> None:
    others = [n for n in range(5) if n != refused]
    tasks = await add_tasks(register, 5, completed=others)
    link = Link(RefusingSender(register.sender, [tasks[refused]], status))
    assert await register.poll(link)
    assert await closed(register) == [f"10000001-c{n}" for n in others]
    assert await register.poll(link)
    assert link.requests[-1][1].endswith(tasks[refused])
    await pool.execute("update deliverer.internetaak set looked_at = now() - interval '3 hours'")
    assert await register.poll(link)
    assert await register.closing_store.unpolled_seconds("crm") > 3 * 3600 - 60


async def test_three_refusals_at_the_start_end_the_round_and_the_others_come_first_then(
    register: Register,
) -> None:
    tasks = await add_tasks(register, 5, completed=[3, 4])
    link = Link(RefusingSender(register.sender, tasks[:3], 500))
    assert not await register.poll(link)
    assert len(link.requests) == 3 and await closed(register) == []
    assert await register.poll(link)
    assert await closed(register) == ["10000001-c3", "10000001-c4"]


@pytest.mark.usefixtures("open_klant_openapi")
async def test_every_request_of_a_round_is_as_the_document_says(register: Register) -> None:
    await add_tasks(register, 1, completed=[0])
    assert await register.poll() and len(await closed(register)) == 1
    (method, one, _), (other_method, all, _) = register.link.requests
    assert method == other_method == "GET"
    paths = document()["paths"]
    assert "get" in paths["/internetaken/{uuid}"]
    assert re.fullmatch(r"/internetaken/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", one)
    known = {p["name"]: p["schema"] for p in paths["/internetaken"]["get"]["parameters"]}
    query = dict(parse_qsl(urlsplit(all).query))
    assert set(query) == {"klantcontact__uuid", "status", "pageSize"} <= set(known)
    assert query["status"] in known["status"]["enum"] and UUID(query["klantcontact__uuid"])
