"""An employee's answer in an Open Klant: its reference to the question, and the tasks it ends."""

import json

import pytest

from deliverer.crm.response_policy import Verdict
from deliverer.destinations.openklant.client import SHUT
from router.conversation.reopen_request import ASKED
from services.postgres.database import Pool
from services.sealing.columns import EMPLOYEE, bind
from services.sealing.key_ring import RING
from tests.contract.openklant.test_payloads import faults
from tests.support.integration.shut_rows import shut_rows
from tests.support.openklant.register import (
    ANSWER,
    SECOND_ANSWER,
    STEPS,
    Register,
    Scene,
    answered_question,
    burst,
    deliver_all,
)

BURST, LATER = 30, 7200
"""Seconds within a burst, and after it."""


@pytest.fixture
async def asked(scene: Scene) -> Scene:
    """A question that an employee answered; the status of the answer is still to come."""
    await scene.ask("Is mijn paspoort klaar?")
    await scene.accept_answer()
    return scene


async def test_an_answer_is_a_contact_of_the_employee_that_refers_to_the_question(
    register: Register, asked: Scene
) -> None:
    for status in ("sent", "read"):
        await asked.status(status)
    question, answer = await register.contacts()
    assert await asked.tasks() == [["verwerkt"], []]
    assert question["taken"][0]["toelichting"].endswith("Beantwoord via WhatsApp.")
    assert (answer["inhoud"], answer["actoren"]) == ("Wij legen hem morgen.", ["sanne@almelo.nl"])
    assert [party["initiator"] for party in answer["betrokkenen"]] == [False]
    assert [each["wasKlantcontact"] for each in answer["onderwerpen"]] == [question["uuid"]]
    await asked.ask("En nu?", after=BURST)
    assert await asked.tasks() == [["verwerkt"], [], ["te_verwerken"]]


async def test_an_automated_answer_is_no_contact_and_ends_no_task(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await register.add_answer(scene.talk.id, "automated")
    await scene.status("sent")
    assert await scene.tasks() == [["te_verwerken"]]


@pytest.mark.parametrize("status", ["sent", "failed"])
async def test_a_reaction_of_an_employee_is_no_answer(scene: Scene, status: str) -> None:
    await scene.ask()
    await scene.accept_answer(type="reaction", reaction={"emoji": "👍"})
    await scene.status(status)
    assert await scene.tasks() == [["te_verwerken"]]


async def test_a_failed_answer_reopens_the_question_it_answered_once(
    register: Register, asked: Scene
) -> None:
    await asked.status("sent")
    await asked.ask("En een rijbewijs?", LATER)
    for _ in range(2):
        await asked.status("failed")
    assert await asked.tasks() == [["te_verwerken"], [], ["te_verwerken"]]
    question, *_ = await register.contacts()
    remarks = question["taken"][0]["toelichting"]
    assert remarks.count("Antwoord niet verstuurd. 131026: onbereikbaar") == 1


async def test_the_open_task_says_once_that_an_answer_given_elsewhere_waits_for_the_citizen(
    register: Register, asked: Scene
) -> None:
    for _ in range(2):
        await asked.status("accepted", reason=ASKED)
    [question] = await register.contacts()
    assert question["taken"][0]["toelichting"].count("Antwoord wacht tot de inwoner") == 1
    await asked.status("sent")
    assert await asked.tasks() == [["verwerkt"], []]


async def test_the_open_task_says_once_that_the_answer_is_in_doubt_until_it_was_sent(
    register: Register, asked: Scene
) -> None:
    for _ in range(2):
        await asked.status("unknown")
    [question] = await register.contacts()
    [task] = question["taken"]
    assert task["status"] == "te_verwerken"
    assert task["toelichting"].count("Niet zeker of het antwoord is verstuurd") == 1
    assert task["toelichting"].startswith("Gesprek: ")
    by = {"token": "crm", "author": {"kind": "employee", "id": "sanne"}}
    await asked.status("accepted", reason="niet verstuurd; het gaat nu opnieuw", by=by)
    assert await asked.tasks() == [["te_verwerken"]]
    [question] = await register.contacts()
    remarks = question["taken"][0]["toelichting"]
    assert remarks.endswith("Over het antwoord: niet verstuurd; het gaat nu opnieuw")
    await asked.status("sent")
    assert await asked.tasks() == [["verwerkt"], []]


async def test_doubt_of_a_confidential_department_is_said_once_with_the_address_of_its_reason(
    register: Register, asked: Scene
) -> None:
    for _ in range(2):
        await asked.status("unknown", reason="", dataref="/v1/messages/x")
    [question] = await register.contacts()
    [remark] = [
        line for line in question["taken"][0]["toelichting"].splitlines() if "Niet zeker" in line
    ]
    assert remark.endswith("vraag het de inwoner. Waarom: http://archief.example/v1/messages/x")


async def test_an_answer_in_doubt_after_the_task_was_done_opens_it_again(
    register: Register, asked: Scene
) -> None:
    await register.complete_task()
    await asked.status("unknown")
    assert await asked.tasks() == [["te_verwerken"]]
    await asked.status("delivered")
    assert await asked.tasks() == [["verwerkt"], []]


async def test_an_answer_ends_and_refers_to_what_was_asked_before_it(
    register: Register, asked: Scene
) -> None:
    await register.complete_task()
    await asked.ask("En een rijbewijs?", LATER)
    await asked.status("sent")
    first, second, answer = await register.contacts()
    assert await asked.tasks() == [["verwerkt"], ["te_verwerken"], []]
    assert [each["wasKlantcontact"] for each in answer["onderwerpen"]] == [first["uuid"]]
    await asked.accept_answer(SECOND_ANSWER)
    await asked.status("sent", id=SECOND_ANSWER)
    assert await asked.tasks() == [["verwerkt"], ["verwerkt"], [], []]
    *_, answer = await register.contacts()
    assert [each["wasKlantcontact"] for each in answer["onderwerpen"]] == [second["uuid"]]


async def test_a_burst_that_goes_on_after_the_answer_keeps_its_task_and_its_contact(
    register: Register, asked: Scene
) -> None:
    await asked.ask("En een rijbewijs?", BURST)
    await asked.status("sent")
    question, answer = await register.contacts()
    assert await asked.tasks() == [["te_verwerken"], []]
    assert [each["wasKlantcontact"] for each in answer["onderwerpen"]] == [question["uuid"]]
    await asked.ask("Voor een motor", BURST * 2)
    assert await asked.tasks() == [["te_verwerken"], []]
    await asked.accept_answer(SECOND_ANSWER)
    await asked.status("sent", id=SECOND_ANSWER)
    assert await asked.tasks() == [["verwerkt"], [], []]
    await asked.ask("Dank, en nu?", BURST * 3)
    assert await asked.tasks() == [["verwerkt"], [], [], ["te_verwerken"]]


async def test_a_transfer_after_the_answer_was_accepted_keeps_its_task(asked: Scene) -> None:
    await asked.transfer(after=BURST)
    await asked.status("sent")
    assert await asked.tasks() == [["te_verwerken"], []]


@pytest.mark.usefixtures("open_klant_openapi")
async def test_every_request_is_as_the_document_says(register: Register) -> None:
    deliveries = answered_question()
    await register.add_answer(deliveries[0].conversation)
    await deliver_all(register, [*deliveries, *burst()])
    written = [(method, path, body) for method, path, body in register.link.requests if body]
    resources = {path.split("/")[1] for _, path, _ in written}
    assert resources == {*STEPS, "klantcontacten", "onderwerpobjecten"}
    for method, path, body in written:
        operation = f"/{path.split('/')[1]}" + ("/{uuid}" if method == "PATCH" else "")
        assert faults(operation, json.loads(body), method.lower()) == []


async def test_an_answer_that_does_not_open_in_the_ledger_is_parked_alone(
    pool: Pool, register: Register, asked: Scene
) -> None:
    before = shut_rows("deliverer.ledger")
    sealed = RING.seal_text("sanne@almelo.nl", EMPLOYEE, bind("other"))
    await pool.execute("update deliverer.ledger set author = $1", sealed)
    receiver = register.deliverer()
    answer = await receiver.deliver(asked.talk.status("sent", 7260, ANSWER))
    assert receiver.judge(answer) == Verdict("parked", SHUT)
    assert shut_rows("deliverer.ledger") == before + 1
    await asked.ask("En nu?", after=BURST)  # the destination goes on
