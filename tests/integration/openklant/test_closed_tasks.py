"""A task that somebody did in an Open Klant closes its conversation here: once, and nothing else
does."""

from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Body, Response
from services.postgres.database import Pool
from tests.integration.openklant.test_answers import ANSWERED
from tests.support.openklant.flaky_register import Died, Road
from tests.support.openklant.register import Conversation, Register, burst, taken, told

OPEN = "select count(*) from deliverer.internetaak where not ended"


async def test_a_task_that_an_employee_did_closes_its_conversation_once(
    town_hall: Register, road: Road
) -> None:
    deliverer, talk = town_hall.deliverer(road), Conversation()
    await taken(deliverer, talk.message("De container is vol.", task=True))
    assert await town_hall.looks(road) and await town_hall.closes() == []
    await town_hall.does()
    assert await town_hall.looks(road)
    assert told(await town_hall.closes()) == [(talk.conversation, "afval", 1)]
    before = len(road.requests)
    assert await town_hall.looks(road), "nothing is left to look at"
    assert len(road.requests) == before and len(await town_hall.closes()) == 1
    # The closing comes back: it finds nothing to end, and changes nothing that the employee wrote.
    await taken(deliverer, talk.closed(after=60))
    assert len(road.requests) == before


async def test_what_we_ended_ourselves_was_done_by_nobody_else_wherever_that_stopped(
    town_hall: Register, road: Road
) -> None:
    """Between our word to Open Klant that it is done, and our own note of that, somebody looks."""
    whole = Road(town_hall.sender)
    deliverer = town_hall.deliverer(whole)
    for delivery in burst():
        await taken(deliverer, delivery)
    ours = [n for n, (method, _, _) in enumerate(whole.requests, 1) if method == "PATCH"]
    assert len(ours) == 3, "of the burst's second message, the transfer and the closing"
    for nth in range(1, len(whole.requests) + 1):
        await town_hall.forget()
        dies = Road(town_hall.sender, nth, answered=True)
        deliverer = town_hall.deliverer(dies)
        for delivery in burst():
            try:
                await taken(deliverer, delivery)
            except Died:
                assert await town_hall.looks(road)
                await taken(town_hall.deliverer(road), delivery)
        assert await town_hall.looks(road)
        assert await town_hall.closes() == [], whole.requests[nth - 1][:2]


async def test_all_that_is_to_be_done_of_a_conversation_must_be_done(
    town_hall: Register, road: Road
) -> None:
    deliverer, talk = town_hall.deliverer(road), Conversation()
    await taken(deliverer, talk.message("De container is vol.", task=True))
    await taken(deliverer, talk.message("En mijn paspoort?", after=7200, task=True))
    await town_hall.does(0)
    assert await town_hall.looks(road) and await town_hall.closes() == []
    await town_hall.does(1)
    assert await town_hall.looks(road)
    assert told(await town_hall.closes()) == [(talk.conversation, "afval", 2)]


async def test_it_is_closed_for_the_department_that_has_it(town_hall: Register, road: Road) -> None:
    deliverer, talk = town_hall.deliverer(road), Conversation()
    await taken(deliverer, talk.message("Mijn paspoort", task=True))
    await taken(deliverer, talk.moved("burgerzaken", after=60))
    assert await town_hall.looks(road) and await town_hall.closes() == []
    await town_hall.does()
    assert await town_hall.looks(road)
    assert told(await town_hall.closes()) == [(talk.conversation, "burgerzaken", 2)]


async def test_what_is_passed_on_there_is_not_done_before_the_other_did_it(
    town_hall: Register, pool: Pool, road: Road
) -> None:
    """As KISS passes it on: another task about the same contact, and the first one is done."""
    deliverer, talk = town_hall.deliverer(road), Conversation()
    await taken(deliverer, talk.message("De container is vol.", task=True))
    [contact] = await town_hall.holds()
    about = {"aanleidinggevendKlantcontact": {"uuid": contact["uuid"]}}
    task = {"gevraagdeHandeling": "bellen", "status": "te_verwerken", "toegewezenAanActoren": []}
    other = await town_hall.has("internetaken", task | about)
    await town_hall.does(0, 0)
    assert await town_hall.looks(road) and await town_hall.looks(road)
    assert await town_hall.closes() == [] and await pool.fetchval(OPEN) == 1
    await town_hall.change("internetaken", other["uuid"], {"status": "verwerkt"})
    assert await town_hall.looks(road)
    assert told(await town_hall.closes()) == [(talk.conversation, "afval", 1)]


async def test_what_is_asked_after_it_was_done_is_work_anew_and_closes_nothing(
    town_hall: Register, road: Road
) -> None:
    deliverer, talk = town_hall.deliverer(road), Conversation()
    await taken(deliverer, talk.message("De container is vol.", task=True))
    await taken(deliverer, talk.message("Dorpsstraat 12", after=30, task=True))
    await town_hall.does()
    await taken(deliverer, talk.message("Hij stinkt ook", after=60, task=True))
    assert await town_hall.looks(road) and await town_hall.closes() == []
    [contact] = await town_hall.holds()
    assert [task["status"] for task in contact["taken"]] == ["verwerkt", "te_verwerken"]
    await town_hall.does()
    assert await town_hall.looks(road)
    assert told(await town_hall.closes()) == [(talk.conversation, "afval", 3)]


async def test_what_reached_nobody_there_is_said_not_to_have_been_seen(
    town_hall: Register, road: Road
) -> None:
    """The router knows of it: it closes nothing that goes on further than that."""
    deliverer, talk = town_hall.deliverer(road), Conversation()
    await taken(deliverer, talk.message("De container is vol.", task=True))
    await taken(deliverer, talk.message("Dorpsstraat 12", after=30, task=True))
    waits = talk.message("Hij stinkt ook", after=60, task=True)
    await town_hall.does()
    assert await town_hall.looks(road)
    assert told(await town_hall.closes()) == [(talk.conversation, "afval", 2)]
    await taken(deliverer, waits)
    [contact] = await town_hall.holds()
    assert [task["status"] for task in contact["taken"]] == ["verwerkt", "te_verwerken"]


class Meanwhile:
    """A sender after whose first answer about a task something happens, before it is read."""

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


async def test_a_task_that_was_done_while_a_message_came_in_is_not_all_there_is_to_do(
    town_hall: Register, road: Road
) -> None:
    """Asked, it was still to be done; by the time that it is read, somebody found it done."""
    talk = Conversation()
    await taken(town_hall.deliverer(road), talk.message("De container is vol.", task=True))

    async def done() -> None:
        await town_hall.does()
        assert await town_hall.looks(road)

    meanwhile = Meanwhile(town_hall.sender, done)
    late = town_hall.deliverer(Road(meanwhile))  # type: ignore[arg-type]
    await taken(late, talk.message("Hij stinkt ook", after=60, task=True))
    assert meanwhile.acted
    assert told(await town_hall.closes()) == [(talk.conversation, "afval", 1)]
    [contact] = await town_hall.holds()
    assert [task["status"] for task in contact["taken"]] == ["verwerkt", "te_verwerken"]


async def test_a_task_that_was_taken_away_or_is_another_s_closes_nothing(
    town_hall: Register, pool: Pool, road: Road
) -> None:
    deliverer, talks = town_hall.deliverer(road), [Conversation(f"10000001-c{n}") for n in "12"]
    for talk in talks:
        await taken(deliverer, talk.message("De container is vol.", task=True))
    gone, moved = await town_hall.holds()
    await town_hall.change("internetaken", gone["taken"][0]["uuid"], None)
    theirs = await town_hall.has(
        "klantcontacten",
        {"kanaal": "telefoon", "onderwerp": "x", "taal": "nld", "vertrouwelijk": False},
    )
    about = {"aanleidinggevendKlantcontact": {"uuid": theirs["uuid"]}, "status": "verwerkt"}
    await town_hall.change("internetaken", moved["taken"][0]["uuid"], about)
    assert await town_hall.looks(road)
    assert await town_hall.closes() == [] and await pool.fetchval(OPEN) == 2


async def test_an_answer_that_fails_after_it_was_closed_is_to_be_done_again(
    town_hall: Register, pool: Pool, road: Road
) -> None:
    deliverer, talk = town_hall.deliverer(road), Conversation()
    await taken(deliverer, talk.message("De container is vol.", task=True))
    message = UUID(int=77)
    await pool.execute(ANSWERED, message, talk.conversation, "employee")
    await town_hall.does()
    assert await town_hall.looks(road) and len(await town_hall.closes()) == 1
    await taken(deliverer, talk.closed(after=60))
    data = {"status": "failed", "department": "afval", "reason": "131026: onbereikbaar"}
    await taken(deliverer, talk.event("message-status-changed", 90, data, message=message))
    question, *_ = await town_hall.holds()
    assert [task["status"] for task in question["taken"]] == ["verwerkt", "te_verwerken"]
