"""The saga of Open Klant, wherever it stops: one of each, and nothing that employees did undone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.answers import Answer
from deliverer.openklant.saga import OpenKlant
from services.contract import Delivery
from services.database import Pool
from tests.integration.register import (
    Conversation,
    Died,
    Register,
    Road,
    needs_stand_in,
    register,
)

STEPS = ("maak-klantcontact", "digitaleadressen", "actoren", "actorklantcontacten", "internetaken")
"""What is posted for a message that is work."""


@pytest.fixture
async def town_hall(pool: Pool) -> AsyncIterator[Register]:
    async with register(pool) as made:
        yield made


def burst() -> list[Delivery]:
    """Two messages of one burst, which is passed on, and closed."""
    talk = Conversation()
    return [
        talk.message("De container is vol.", task=True),
        talk.message("Dorpsstraat 12", after=60),
        talk.moved("burgerzaken", after=120),
        talk.closed(after=180),
    ]


async def taken(deliverer: OpenKlant, delivery: Delivery) -> None:
    answer = await deliverer.hand(delivery)
    assert answer.status == 200, answer
    assert deliverer.judge(answer).outcome == "settled"


async def handed(town_hall: Register, deliveries: Sequence[Delivery], road: Road) -> None:
    """All of them, by as many processes as it takes."""
    left = list(deliveries)
    deliverer = town_hall.deliverer(road)
    while left:
        try:
            await taken(deliverer, left[0])
        except Died:
            deliverer = town_hall.deliverer(road)
            continue
        del left[0]


def shape(contacts: list[dict[str, Any]]) -> Any:
    """What there is, but for ids and numbers."""
    return [
        {
            "said": (one["kanaal"], one["onderwerp"], one["inhoud"], one["plaatsgevondenOp"]),
            "by": [(p["rol"], p["initiator"], p["adressen"]) for p in one["betrokkenen"]],
            "registered by": one["actoren"],
            "about": len(one["onderwerpen"]),
            "tasks": [(t["actoren"], t["status"], t["toelichting"]) for t in one["taken"]],
        }
        for one in contacts
    ]


async def test_a_burst_is_one_contact_and_each_department_s_task_is_its_own(
    town_hall: Register,
) -> None:
    road = Road(town_hall.sender)
    await handed(town_hall, burst(), road)
    [contact] = await town_hall.holds()
    assert contact["inhoud"] == "De container is vol.\n\nDorpsstraat 12"
    assert contact["onderwerp"] == "De container is vol."
    assert contact["plaatsgevondenOp"] == "2026-11-25T12:01:00Z"
    [party] = contact["betrokkenen"]
    assert party["adressen"] == [{"adres": "+31612345678", "soort": "telefoonnummer"}]
    assert contact["actoren"] == ["Postkamer"]
    first, second = contact["taken"]
    assert (first["actoren"], second["actoren"]) == (["Openbare Ruimte"], ["Burgerzaken"])
    assert first["toelichting"].splitlines() == [
        'Waarom hier: "container" staat erin',
        "Gesprek: https://desk.example/10000001-c1",
        "Doorgezet naar Burgerzaken. verkeerd",
    ]
    assert [task["status"] for task in contact["taken"]] == ["verwerkt", "verwerkt"]
    assert [status for _, _, status in road.answers][:5] == [201, 201, 200, 201, 201]


@pytest.mark.parametrize("answered", [False, True], ids=["before a call", "after its answer"])
async def test_interrupted_anywhere_it_ends_with_one_of_each(
    town_hall: Register, answered: bool
) -> None:
    whole = Road(town_hall.sender)
    await handed(town_hall, burst(), whole)
    wanted = shape(await town_hall.holds())
    assert len(whole.requests) > 15
    for nth in range(1, len(whole.requests) + 1):
        await town_hall.forget()
        await handed(town_hall, burst(), Road(town_hall.sender, nth, answered=answered))
        assert shape(await town_hall.holds()) == wanted, whole.requests[nth - 1][:2]


@needs_stand_in
@pytest.mark.parametrize("mode", ["lost", "half", "late", "reset", "error", "bad-gateway"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_post_of_which_the_answer_is_lost_is_found_again(
    town_hall: Register, step: str, mode: str
) -> None:
    deliverer = town_hall.deliverer(Road(town_hall.sender))
    await town_hall.mode(mode, resource=step, method="POST", count=1)
    delivery = Conversation().message("De container is vol.", task=True)
    answer = await deliverer.hand(delivery)
    assert deliverer.judge(answer).outcome == "paused"
    await taken(deliverer, delivery)
    [contact] = await town_hall.holds()
    assert len(contact["taken"]) == len(contact["betrokkenen"]) == len(contact["actoren"]) == 1
    assert len(contact["betrokkenen"][0]["adressen"]) == 1


@needs_stand_in
@pytest.mark.parametrize("step", ["maak-klantcontact", "internetaken"])
async def test_four_that_post_the_same_at_once_end_with_one_of_each(
    town_hall: Register, step: str
) -> None:
    delivery = Conversation().message("De container is vol.", task=True)
    road = Road(town_hall.sender)
    # Its actors are known already: who makes these is not what they race for.
    await taken(town_hall.deliverer(road), Conversation("10000001-c2").message("Eerst", task=True))
    await town_hall.mode("race", resource=step, together=4, count=4)
    four = [town_hall.deliverer(road) for _ in range(4)]
    answers = await asyncio.gather(*(one.hand(delivery) for one in four))
    assert [answer.status for answer in answers] == [200] * 4
    posts = ("POST", f"/{step}")
    tried = Counter(status for *what, status in road.answers if tuple(what) == posts)
    # One of them may have looked before it posted: somebody had begun.
    assert tried[201] == 2 and tried[500] + tried[400] >= 2, tried
    mine = [one for one in await town_hall.holds() if one["inhoud"] == "De container is vol."]
    assert [len(one["taken"]) for one in mine] == [1]


@needs_stand_in
async def test_where_others_have_the_number_the_next_is_drawn(town_hall: Register) -> None:
    theirs = {
        "kanaal": "telefoon", "onderwerp": "van een ander", "taal": "nld", "vertrouwelijk": False,
    }  # fmt: skip
    for number in range(4_000_000_000, 4_000_000_003):
        await town_hall.has("klantcontacten", theirs | {"referentienummer": str(number)})
    await taken(
        town_hall.deliverer(Road(town_hall.sender)), Conversation().message("Van ons", task=True)
    )
    contacts = await town_hall.holds()
    assert [one["onderwerp"] for one in contacts] == ["van een ander"] * 3 + ["Van ons"]
    assert len(contacts[3]["taken"]) == 1


async def test_a_burst_is_one_task_until_somebody_has_done_it(town_hall: Register) -> None:
    deliverer, talk = town_hall.deliverer(Road(town_hall.sender)), Conversation()
    for n in range(3):
        await taken(deliverer, talk.message(f"Regel {n}", after=n * 60, task=True))
    [contact] = await town_hall.holds()
    [task] = contact["taken"]
    await town_hall.change("internetaken", task["uuid"], {"status": "verwerkt"})
    await taken(deliverer, talk.message("Nog iets", after=240, task=True))
    await taken(deliverer, talk.message("Een uur later", after=7200, task=True))
    first, later = await town_hall.holds()
    assert [each["status"] for each in first["taken"]] == ["verwerkt", "te_verwerken"]
    assert [each["status"] for each in later["taken"]] == ["te_verwerken"]


async def test_what_employees_changed_stays_and_what_they_took_away_is_made_again(
    town_hall: Register,
) -> None:
    deliverer, talk = town_hall.deliverer(Road(town_hall.sender)), Conversation()
    await taken(deliverer, talk.message("Eerst", task=True))
    [contact] = await town_hall.holds()
    await town_hall.change("klantcontacten", contact["uuid"], {"inhoud": "Eerst (gebeld)"})
    remark = {"toelichting": "Sanne kijkt ernaar"}
    await town_hall.change("internetaken", contact["taken"][0]["uuid"], remark)
    await taken(deliverer, talk.message("Dan", after=60))
    await taken(deliverer, talk.closed(after=120))
    [contact] = await town_hall.holds()
    assert contact["inhoud"] == "Eerst (gebeld)\n\nDan"
    assert contact["taken"][0]["toelichting"].startswith("Sanne kijkt ernaar\nGesprek gesloten.")
    await town_hall.change("klantcontacten", contact["uuid"], None)
    await taken(deliverer, talk.message("Daarna", after=180))
    [again] = await town_hall.holds()
    assert again["inhoud"] == "Daarna" and again["betrokkenen"] and again["actoren"]


@needs_stand_in
async def test_what_it_refuses_is_parked_with_its_codes_and_a_proxy_s_400_is_not(
    town_hall: Register,
) -> None:
    deliverer = town_hall.deliverer(Road(town_hall.sender), channel="x" * 50)
    delivery = Conversation().message("Geheim", task=True)
    await town_hall.mode("wrong-host", count=1)
    verdict = deliverer.judge(await deliverer.hand(delivery))
    assert (verdict.outcome, verdict.alarm) == ("paused", True)
    unread = msgspec.structs.replace(delivery, data=b'{"text": 5}')
    assert deliverer.judge(await deliverer.hand(unread)).outcome == "parked"
    refused = Answer(
        status=400,
        body=b'{"code":"invalid","invalidParams":[{"name":"klantcontact.inhoud","code":"max_length",'
        b'"reason":"Geheim"}]}',
    )
    verdict = deliverer.judge(refused)
    assert verdict.outcome == "parked" and "(klantcontact.inhoud max_length)" in verdict.reason
    assert "Geheim" not in verdict.reason
    await town_hall.mode("unauthorized", count=1)
    verdict = deliverer.judge(await deliverer.hand(delivery))
    assert (verdict.outcome, verdict.alarm) == ("paused", True)


ANSWERED = """
insert into deliverer.ledger (id, number, conversation, person, address_kind, address, content,
    created_at, due_at, author_kind, author)
values ($1, '10000001', $2, $1, 'phone', '31612345678',
    '{"type": "text", "text": {"body": "Wij legen hem morgen."}}', now(), now(), $3,
    'sanne@almelo.nl')
"""


def conversation_with_an_answer() -> tuple[list[Delivery], UUID, Conversation]:
    talk = Conversation()
    asked = [talk.message("De container is vol.", task=True), talk.message("Dorpsstraat", 60)]
    message = UUID(int=77)
    sent = talk.event("message-status-changed", 120, {"status": "sent"}, message=message)
    read = talk.event("message-status-changed", 130, {"status": "read"}, message=message)
    return [*asked, sent, read], message, talk


async def test_an_answer_refers_to_its_question_is_the_employee_s_and_ends_the_task(
    town_hall: Register, pool: Pool
) -> None:
    deliveries, message, talk = conversation_with_an_answer()
    await pool.execute(ANSWERED, message, talk.conversation, "employee")
    await handed(town_hall, deliveries, Road(town_hall.sender))
    question, answer = await town_hall.holds()
    assert [task["status"] for task in question["taken"]] == ["verwerkt"]
    assert question["taken"][0]["toelichting"].endswith("Beantwoord via WhatsApp.")
    assert (answer["inhoud"], answer["actoren"]) == ("Wij legen hem morgen.", ["sanne@almelo.nl"])
    assert [party["initiator"] for party in answer["betrokkenen"]] == [False]
    [about] = answer["onderwerpen"]
    assert about["wasKlantcontact"] == question["uuid"]
    # What the citizen writes next, however soon, is another question.
    await taken(town_hall.deliverer(Road(town_hall.sender)), talk.message("En nu?", 140, task=True))
    assert [len(one["taken"]) for one in await town_hall.holds()] == [1, 0, 1]


async def test_an_answer_that_is_interrupted_anywhere_is_there_once(
    town_hall: Register, pool: Pool
) -> None:
    deliveries, message, talk = conversation_with_an_answer()
    await pool.execute(ANSWERED, message, talk.conversation, "employee")
    whole = Road(town_hall.sender)
    await handed(town_hall, deliveries, whole)
    wanted = shape(await town_hall.holds())
    for nth in range(1, len(whole.requests) + 1):
        for answered in (False, True):
            await town_hall.forget()
            await handed(town_hall, deliveries, Road(town_hall.sender, nth, answered=answered))
            assert shape(await town_hall.holds()) == wanted, whole.requests[nth - 1][:2]


async def test_what_no_employee_wrote_is_no_answer(town_hall: Register, pool: Pool) -> None:
    deliveries, message, talk = conversation_with_an_answer()
    await pool.execute(ANSWERED, message, talk.conversation, "automated")
    await handed(town_hall, deliveries, Road(town_hall.sender))
    [question] = await town_hall.holds()
    assert [task["status"] for task in question["taken"]] == ["te_verwerken"]
