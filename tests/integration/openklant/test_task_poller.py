"""Rounds of the poller of tasks: each task has its turn, whatever a process or Open Klant does."""

import asyncio
import itertools
import re
from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl, urlsplit

import pytest

from deliverer.destinations.openklant.desk import poll_round
from deliverer.destinations.openklant.desk.task_poller import PAUSE_SECONDS
from deliverer.destinations.openklant.desk.task_status import wait_before_round
from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Body, Response
from services import clock
from services.postgres.database import Pool
from tests.contract.openklant.test_openapi import document
from tests.support.integration.stops import start, stop
from tests.support.openklant.desk import SEND, Desk
from tests.support.openklant.link import Link, OddSender, ProcessEnded
from tests.support.openklant.register import OPEN_TASKS, REAL, Register, Scene, needs_stand_in

UUID_AT_THE_END = r"/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


async def add_tasks(register: Register, count: int, completed: Collection[int] = ()) -> list[str]:
    """Create a task in each of so many conversations; return their ids, in order of their turn."""
    for n in range(count):
        await Scene(register, f"10000001-c{n}").ask()
    for n in completed:
        await register.complete_task(n)
    register.link.requests.clear()
    return [one["taken"][0]["uuid"] for one in await register.contacts()]


def polled_alone(link: Link) -> list[str]:
    """Return the addresses of the tasks that were asked for one by one."""
    return [path for _, path, _ in link.requests if path.startswith("/internetaken/")]


async def closed(register: Register) -> list[str]:
    return sorted(conversation for conversation, *_ in await register.closings())


@pytest.mark.parametrize("answered", [False, True], ids=["before a call", "after its answer"])
async def test_an_interrupted_round_finds_the_same_later(
    register: Register, answered: bool
) -> None:
    await add_tasks(register, 2, completed=[0, 1])
    interrupted = 0
    for nth in itertools.count(1):  # the list, and for each task itself and what is registered
        try:
            assert await register.poll(Link(register.sender, nth, answered=answered))
            break
        except ProcessEnded:
            interrupted += 1
    assert interrupted >= 4
    assert await register.poll()
    assert await closed(register) == ["10000001-c0", "10000001-c1"]


async def test_an_answer_of_another_shape_closes_nothing_and_does_not_end_the_round(
    register: Register, pool: Pool
) -> None:
    await add_tasks(register, 2)
    odd = Link(OddSender())
    assert await register.poll(odd)
    assert len(odd.requests) == 1 + 2
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


class Clock:
    """An event loop's clock that is half a minute later at each look."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def get_running_loop(self) -> "Clock":
        return self

    def time(self) -> float:
        self._seconds += poll_round.ROUND_SECONDS / 2
        return self._seconds


async def test_each_task_has_its_turn_in_rounds_that_are_full(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_round, "PAGE", "1")
    monkeypatch.setattr(poll_round, "MAX_PAGES", 1)
    monkeypatch.setattr(poll_round, "asyncio", Clock())
    *_, listed = await add_tasks(register, 5)
    for _ in range(4):
        assert await register.poll()
    paths = polled_alone(register.link)
    assert len(paths) == 8 and paths[:4] == paths[4:] and len(set(paths)) == 4
    assert not any(path.endswith(listed) for path in paths)


@needs_stand_in  # a real one has tasks of others
async def test_open_tasks_are_read_in_pages_and_none_of_them_alone(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_round, "PAGE", "2")
    done, *_ = await add_tasks(register, 6, completed=[0])
    assert await register.poll()
    [*pages, single, _] = [path for _, path, _ in register.link.requests]
    assert [dict(parse_qsl(urlsplit(path).query))["page"] for path in pages] == ["1", "2", "3"]
    assert single.endswith(done) and await closed(register) == ["10000001-c0"]


async def test_one_process_claims_a_round_and_none_while_the_destination_is_paused(
    register: Register, pool: Pool
) -> None:
    store = register.desk_store
    rounds = await asyncio.gather(*(store.claim_round(60) for _ in range(8)))
    assert len(list(filter(None, rounds))) == 1
    assert await store.claim_round(60) is None
    due = "update deliverer.look set next_at = now()"
    await pool.execute(due)
    assert await store.claim_round(60)
    await pool.execute(due)
    await pool.execute("insert into deliverer.pause (destination, reason) values ('crm', 'x')")
    assert await store.claim_round(60) is None
    await pool.execute("delete from deliverer.pause")
    assert await store.claim_round(60)


async def test_the_last_two_tasks_found_done_at_once_close_their_conversation_once(
    register: Register,
) -> None:
    count = 3 if REAL else 20
    for n in range(count):
        scene = Scene(register, f"10000001-c{n}")
        await scene.ask()
        await register.complete_task(-1)
        await scene.ask("En nog iets", after=7200)
        await register.complete_task(-1)
    store = register.desk_store
    started = await store.claim_round(60)
    assert started
    tasks = await store.known_tasks([], started)
    assert len(tasks) == 2 * count
    closings = await asyncio.gather(
        *(store.mark_done(t, clock.new_id(), "silent", started) for t in tasks)
    )
    assert sum(closings) == count
    assert len(set(await closed(register))) == count


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
    tasks = await add_tasks(register, 5, completed=range(5))
    link = Link(RefusingSender(register.sender, [tasks[refused]], status))
    assert await register.poll(link)
    assert await closed(register) == [f"10000001-c{n}" for n in others]
    assert await register.poll(link)
    assert link.requests[-1][1].endswith(tasks[refused])
    await pool.execute("update deliverer.internetaak set looked_at = now() - interval '3 hours'")
    assert await register.poll(link)
    assert await register.desk_store.unpolled_seconds() > 3 * 3600 - 60
    assert await register.poll()
    assert len(await closed(register)) == 5 and await register.desk_store.unpolled_seconds() == 0


async def test_three_refusals_at_the_start_end_the_round_and_the_others_come_first_then(
    register: Register,
) -> None:
    tasks = await add_tasks(register, 5, completed=range(5))
    link = Link(RefusingSender(register.sender, tasks[:3], 500))
    assert not await register.poll(link)
    assert polled_alone(link) == [f"/internetaken/{task}" for task in tasks[:3]]
    assert await closed(register) == []
    assert await register.poll(link)
    assert await closed(register) == ["10000001-c3", "10000001-c4"]


@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_a_list_that_is_refused_leaves_its_tasks_to_be_polled_one_by_one(
    register: Register, pool: Pool, status: int
) -> None:
    await add_tasks(register, 2, completed=[1])
    link = Link(RefusingSender(register.sender, ["internetaken?status="], status))
    assert await register.poll(link)
    assert await closed(register) == ["10000001-c1"]
    assert len(polled_alone(link)) == 2


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_tasks_that_are_not_polled_because_answers_are_refused_count_as_not_polled(
    register: Register, pool: Pool, status: int
) -> None:
    register.answer_channel = SEND
    await add_tasks(register, 2, completed=[0, 1])
    await pool.execute("update deliverer.internetaak set looked_at = now() - interval '3 hours'")
    assert not await register.poll(Link(RefusingSender(register.sender, ["kanaal="], status)))
    assert await closed(register) == []
    assert await register.desk_store.unpolled_seconds() > 3 * 3600 - 60


@pytest.mark.usefixtures("open_klant_openapi")
async def test_every_request_of_a_round_is_as_the_document_says(
    register: Register, desk: Desk
) -> None:
    register.answer_channel = SEND
    assert await register.poll()
    await add_tasks(register, 1, completed=[0])
    await Scene(register, "10000001-c1").ask()
    await desk.forward("burgerzaken")
    await Scene(register, "10000001-c2").ask()
    await desk.answer("Morgen.")
    register.link.requests.clear()
    assert await register.poll() and len(await register.commands()) == 3
    paths, seen = document()["paths"], set[str]()
    for method, path, body in register.link.requests:
        assert (method, body) == ("GET", b"")
        resource = re.sub(UUID_AT_THE_END, "/{uuid}", urlsplit(path).path)
        known = {each["name"]: each["schema"] for each in paths[resource]["get"]["parameters"]}
        query = dict(parse_qsl(urlsplit(path).query))
        assert set(query) <= set(known)
        assert query.get("status", "te_verwerken") == "te_verwerken"
        seen.add(resource)
    assert "te_verwerken" in str(paths["/internetaken"]["get"]["parameters"])
    assert {resource.strip("/") for resource in seen} == {
        "internetaken",
        "internetaken/{uuid}",
        "actoren/{uuid}",
        "klantcontacten",
        "klantcontacten/{uuid}",
        "onderwerpobjecten",
    }


SECONDS_TO_FIND = 120
"""Promise: a change is found within two minutes."""


@needs_stand_in  # a real one has the tasks of other tests too
async def test_a_change_among_2000_open_tasks_is_found_in_time_at_a_request_a_second(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenth of the tasks, on pages of a tenth: the requests are as many."""
    tasks = await add_tasks(register, 200, completed=[0])
    assert await register.poll()
    register.link.requests.clear()
    monkeypatch.setattr(poll_round, "PAGE", "10")
    await register.change("internetaken", tasks[1], {"status": "verwerkt"})
    assert await register.poll()
    assert len(await closed(register)) == 2
    assert PAUSE_SECONDS >= 1, "a request a second at most"
    longest_wait = wait_before_round(60.0, 0, 1.0)
    round_seconds = len(register.link.requests) * PAUSE_SECONDS
    # At worst a change comes just after its page was read.
    assert round_seconds + longest_wait + round_seconds <= SECONDS_TO_FIND


async def test_work_on_tasks_of_a_stopped_number_is_found_after_its_move(
    register: Register, pool: Pool
) -> None:
    await add_tasks(register, 2)
    await Scene(register, "10000002-c").ask()
    await register.complete_task(0)
    assert await register.poll()
    assert await closed(register) == ["10000001-c0"]
    await register.complete_task(1)
    await register.complete_task(2)
    await stop(pool, "10000001")
    await pool.execute(_LONG_AGO)
    assert await register.poll()
    assert await register.desk_store.unpolled_seconds() < 3600, "no alarm goes off for what rests"
    assert await closed(register) == ["10000002-c"], "what was found before rests too"
    assert await pool.fetchval(OPEN_TASKS) == 1
    await start(pool)
    assert await register.poll()
    assert await closed(register) == ["10000001-c0", "10000001-c1", "10000002-c"]


_LONG_AGO = """
update deliverer.internetaak set looked_at = looked_at - interval '3 h', refused = true
where not ended
"""
