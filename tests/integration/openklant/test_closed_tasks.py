"""A conversation closes once an employee has done all its tasks in an Open Klant."""

from collections.abc import Awaitable, Callable, Mapping

import pytest

from deliverer.destinations.openklant.desk import poll_round
from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Body, Response
from services.contract import AddNote
from services.postgres.database import Pool
from tests.support.openklant.link import Link, ProcessEnded
from tests.support.openklant.register import OPEN_TASKS, Register, Scene, burst, deliver

ID = "10000001-c1"


async def test_a_completed_task_closes_its_conversation_once(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    assert await register.poll() and await register.closings() == []
    await register.complete_task()
    assert await register.poll()
    assert await register.closings() == [(ID, "afval", 1)]
    before = len(register.link.requests)
    assert await register.poll(), "only the list of open tasks is read"
    await scene.close()  # the closing comes back, and there is nothing to end
    requests = [path for _, path, _ in register.link.requests[before:]]
    assert requests and all(path.startswith("/internetaken?status=") for path in requests)
    assert len(await register.closings()) == 1


async def test_tasks_that_we_end_are_never_taken_for_completed_by_an_employee(
    register: Register,
) -> None:
    """Poll between the call that ends a task and our note of it."""
    for delivery in burst():
        await deliver(register.deliverer(), delivery)
    requests = list(register.link.requests)
    assert [method for method, *_ in requests].count("PATCH") == 3
    for nth, request in enumerate(requests, start=1):
        await register.reset()
        deliverer = register.deliverer(Link(register.sender, nth, answered=True))
        for delivery in burst():
            try:
                await deliver(deliverer, delivery)
            except ProcessEnded:
                await register.settle_posts()
                assert await register.poll()
                await deliver(register.deliverer(), delivery)
        assert await register.poll()
        assert await register.closings() == [], request[:2]


async def test_a_conversation_closes_when_its_last_task_is_completed(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await scene.accept_answer()
    await register.complete_task(0)
    await scene.ask("En mijn paspoort?", after=7200)
    assert await register.poll() and await register.closings() == []
    await register.complete_task(1)
    assert await register.poll()
    assert await register.closings() == [(ID, "afval", 3)]


async def test_a_closing_is_of_the_department_that_has_the_conversation(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await scene.transfer()
    assert await register.poll() and await register.closings() == []
    await register.complete_task()
    assert await register.poll()
    assert await register.closings() == [(ID, "burgerzaken", 2)]


@pytest.mark.parametrize("pages", [poll_round.MAX_PAGES, 1], ids=["whole list", "part of it"])
async def test_a_task_passed_on_in_open_klant_closes_when_the_other_task_is_completed(
    register: Register, scene: Scene, pool: Pool, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """KISS passes a task on by another task for the same contact."""
    await scene.ask()
    [contact] = await register.contacts()
    about = {"aanleidinggevendKlantcontact": {"uuid": contact["uuid"]}}
    task = {"gevraagdeHandeling": "bellen", "status": "te_verwerken", "toegewezenAanActoren": []}
    other = await register.create("internetaken", task | about)
    await register.complete_task(0, 0)
    await Scene(register, "10000001-c2").ask()  # the newest task, alone on the first page
    monkeypatch.setattr(poll_round, "PAGE", "1")
    monkeypatch.setattr(poll_round, "MAX_PAGES", pages)
    assert await register.poll() and await register.poll()
    assert await register.closings() == [] and await pool.fetchval(OPEN_TASKS) == 2
    await register.change("internetaken", other["uuid"], {"status": "verwerkt"})
    assert await register.poll()
    assert await register.closings() == [(ID, "afval", 1)]


@pytest.mark.parametrize("polled_first", [False, True])
async def test_a_message_after_its_task_was_completed_is_a_new_task(
    register: Register, scene: Scene, polled_first: bool
) -> None:
    """The closing covers only what the task covered: the router closes nothing that goes on."""
    await scene.ask()
    await scene.ask("Dorpsstraat 12", after=30)
    late = scene.talk.message("Hij stinkt ook", after=60)
    await register.complete_task()
    if polled_first:
        assert await register.poll()
    await deliver(scene.deliverer, late)
    assert await register.poll()
    assert await register.closings() == ([(ID, "afval", 2)] if polled_first else [])
    assert await scene.tasks() == [["verwerkt"], ["te_verwerken"]]
    await register.complete_task(1)
    assert await register.poll()
    assert (ID, "afval", 3) in await register.closings()


class Meanwhile:
    """A sender that acts between its first answer about a task and the reading of it."""

    def __init__(self, sender: HttpClient, act: Callable[[], Awaitable[object]]) -> None:
        self._sender, self._act, self.acted = sender, act, False

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        answer = await self._sender.request(method, url, body, headers)
        if method == "GET" and "internetaken/" in url and not self.acted:
            self.acted = True
            await self._act()
        return answer


async def test_a_task_completed_while_a_message_is_delivered_does_not_cover_the_message(
    register: Register, scene: Scene
) -> None:
    await scene.ask()

    async def complete() -> None:
        await register.complete_task()
        assert await register.poll()

    meanwhile = Meanwhile(register.sender, complete)
    late = register.deliverer(Link(meanwhile))
    await deliver(late, scene.talk.message("Hij stinkt ook", after=60))
    assert meanwhile.acted
    assert await register.closings() == [(ID, "afval", 1)]
    assert await scene.tasks() == [["verwerkt"], ["te_verwerken"]]


async def test_a_removed_task_and_a_task_of_another_contact_close_nothing(
    register: Register, pool: Pool
) -> None:
    for n in "12":
        await Scene(register, f"10000001-c{n}").ask()
    removed, moved = await register.contacts()
    await register.remove("internetaken", removed["taken"][0]["uuid"])
    contact = {"kanaal": "telefoon", "onderwerp": "x", "taal": "nld", "vertrouwelijk": False}
    theirs = await register.create("klantcontacten", contact)
    about = {"aanleidinggevendKlantcontact": {"uuid": theirs["uuid"]}, "status": "verwerkt"}
    await register.change("internetaken", moved["taken"][0]["uuid"], about)
    assert await register.poll()
    assert await register.closings() == [] and await pool.fetchval(OPEN_TASKS) == 1
    [note] = await register.commands()
    assert note.conversation == "10000001-c1" and isinstance(note.action, AddNote)


async def test_an_answer_that_fails_after_the_closing_opens_its_task_again(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await register.add_answer(scene.talk.id)
    await register.complete_task()
    assert await register.poll() and len(await register.closings()) == 1
    await scene.close()
    await scene.status("failed")
    assert (await scene.tasks())[0] == ["te_verwerken"]
