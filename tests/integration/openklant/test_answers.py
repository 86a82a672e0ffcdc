"""An employee's answer in an Open Klant: there once, about its question; and all that is sent."""

import json
from uuid import UUID

import pytest

from services.contract import Delivery
from services.postgres.database import Pool
from tests.contract.openklant.test_payloads import faults
from tests.support.openklant.flaky_register import Road
from tests.support.openklant.register import (
    STEPS,
    Conversation,
    Register,
    burst,
    handed,
    shape,
    taken,
)

ANSWERED = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, created_at, due_at, author_kind, author)
values ($1, '10000001', $2, 100, $1, 'phone', '31612345678',
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


async def test_an_answer_that_fails_after_all_is_to_be_done_again(
    town_hall: Register, pool: Pool
) -> None:
    deliveries, message, talk = conversation_with_an_answer()
    await pool.execute(ANSWERED, message, talk.conversation, "employee")
    data = {"status": "failed", "department": "afval", "reason": "131026: onbereikbaar"}
    failed = talk.event("message-status-changed", 140, data, message=message)
    await handed(town_hall, [*deliveries, failed, failed], Road(town_hall.sender))
    question, _ = await town_hall.holds()
    assert [task["status"] for task in question["taken"]] == ["verwerkt", "te_verwerken"]
    assert "131026: onbereikbaar" in question["taken"][1]["toelichting"]


@pytest.mark.usefixtures("open_klant_openapi")
async def test_every_request_is_as_the_document_says(town_hall: Register, pool: Pool) -> None:
    deliveries, message, talk = conversation_with_an_answer()
    await pool.execute(ANSWERED, message, talk.conversation, "employee")
    road = Road(town_hall.sender)
    await handed(town_hall, [*deliveries, *burst()], road)
    written = [(method, path, body) for method, path, body in road.requests if body]
    asked = {(method, path.split("/")[1]) for method, path, _ in written}
    assert {resource for _, resource in asked} == {*STEPS, "klantcontacten", "onderwerpobjecten"}
    for method, path, body in written:
        operation = f"/{path.split('/')[1]}" + ("/{uuid}" if method == "PATCH" else "")
        assert faults(operation, json.loads(body), method.lower()) == []
