"""A task that an Open Klant refuses to show keeps no other from being looked at."""

from collections.abc import Collection, Mapping

import pytest

from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Body, Response
from services.postgres.database import Pool
from tests.support.openklant.flaky_register import Road
from tests.support.openklant.register import Conversation, Register, taken


class Sick:
    """A sender to whom some tasks are not shown."""

    def __init__(self, sender: HttpClient, tasks: Collection[str], status: int) -> None:
        self._sender, self._tasks, self._status = sender, tasks, status

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        if any(task in url for task in self._tasks):
            return Response(status=self._status, body=b'{"code": "error"}')
        return await self._sender.request(method, url, body, headers)


async def five_of_which_are_done(town_hall: Register, *done: int) -> list[str]:
    """Their tasks, the one first that is looked at first."""
    deliverer = town_hall.deliverer(Road(town_hall.sender))
    for n in range(5):
        talk = Conversation(f"10000001-c{n}")
        await taken(deliverer, talk.message("De container is vol.", task=True))
    for n in done:
        await town_hall.does(n)
    return [one["taken"][0]["uuid"] for one in await town_hall.holds()]


@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize("sick", [0, 2])
async def test_a_task_that_is_refused_holds_up_no_other(
    town_hall: Register, pool: Pool, status: int, sick: int
) -> None:
    others = [n for n in range(5) if n != sick]
    tasks = await five_of_which_are_done(town_hall, *others)
    shown = Road(Sick(town_hall.sender, [tasks[sick]], status))  # type: ignore[arg-type]
    assert await town_hall.looks(shown)
    closes = {each.conversation for each in await town_hall.closes()}
    assert closes == {f"10000001-c{n}" for n in others}
    assert await town_hall.looks(shown), "it alone is left, and asked for again"
    assert shown.requests[-1][1].endswith(tasks[sick])
    await pool.execute("update deliverer.internetaak set looked_at = now() - interval '3 hours'")
    assert await town_hall.looks(shown)
    assert await town_hall.closings().unpolled_seconds("crm") > 3 * 3600 - 60, "nobody saw it"


async def test_when_the_first_three_are_refused_so_are_the_others_and_they_come_first_then(
    town_hall: Register,
) -> None:
    tasks = await five_of_which_are_done(town_hall, 3, 4)
    shown = Road(Sick(town_hall.sender, tasks[:3], 500))  # type: ignore[arg-type]
    assert not await town_hall.looks(shown)
    assert len(shown.requests) == 3 and await town_hall.closes() == []
    assert await town_hall.looks(shown)
    assert len(await town_hall.closes()) == 2
