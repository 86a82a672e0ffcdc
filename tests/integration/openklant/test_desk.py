"""Forwarded, taken, done, opened again or deleted in ITA: each is found once, and followed."""

import pytest

from services.contract import (
    AddNote,
    CloseConversation,
    ReopenConversation,
    TransferConversation,
)
from services.postgres.database import Pool
from tests.support.openklant.desk import SANNE, Desk, actions_after, found_after
from tests.support.openklant.register import Register, Scene

ID = "10000001-c1"
HERE = {"token": "openklant:crm"}
"""Sender of what an employee did in this Open Klant."""


async def test_forwarded_there_is_a_transfer_here_once(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    assert await actions_after(register) == []
    await desk.forward("burgerzaken")
    for _ in range(2):
        [command] = await found_after(register)
        assert command.action == TransferConversation(
            to_department="burgerzaken", reason="doorgestuurd in Open Klant"
        )
        assert (command.department, command.departments) == ("afval", ["afval"])
        assert (command.conversation, command.reply_to) == (ID, "crm")
    before = len(register.link.requests)
    await scene.transfer()  # the router tells: the task is there already
    assert [method for method, *_ in register.link.requests[before:]] == ["GET", "GET"]
    [contact] = await register.contacts()
    assert [task["actoren"] for task in contact["taken"]] == [["Burgerzaken"]]


async def test_forwarded_to_an_employee_and_taken_are_transfers_into_a_queue(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.take()
    await found_after(register)
    await desk.forward("burgerzaken", "jouke")
    assert await actions_after(register) == [
        TransferConversation(
            to_department="afval", employee=SANNE, reason="opgepakt in Open Klant"
        ),
        TransferConversation(
            to_department="burgerzaken", employee="jouke", reason="doorgestuurd in Open Klant"
        ),
    ]


async def test_a_transfer_here_is_no_transfer_there(register: Register, scene: Scene) -> None:
    await scene.ask()
    await scene.transfer()
    assert await actions_after(register) == []


async def test_a_task_of_an_unknown_actor_is_kept_and_told_once(
    register: Register, scene: Scene, desk: Desk, pool: Pool, capfd: pytest.CaptureFixture[str]
) -> None:
    await scene.ask()
    await desk.forward("griffie")
    for _ in range(2):
        assert await actions_after(register) == []
    assert capfd.readouterr().err.count("openklant.actor") == 1
    await desk.close()
    [closing] = await actions_after(register)
    assert isinstance(closing, CloseConversation)


@pytest.mark.parametrize(
    ("channel", "outcome"), [("", "silent"), ("Telefoon", "handled"), ("niet gelukt", "silent")]
)
async def test_done_there_is_closed_with_the_truth(
    register: Register, scene: Scene, desk: Desk, channel: str, outcome: str
) -> None:
    await scene.ask()
    if channel:
        succeeded = channel == "Telefoon"
        await desk.answer("Gebeld.", "Telefoon", close=True, succeeded=succeeded)
    else:
        await desk.close()
    [closing] = await actions_after(register)
    assert closing == CloseConversation(
        reason="Afgehandeld in Open Klant", outcome=outcome, last_seen_sequence=1
    )


async def test_opened_again_there_is_open_here_and_takes_the_next_message(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.close()
    await found_after(register)
    await scene.close()
    await desk.reopen()
    for _ in range(2):
        *_, reopening = await actions_after(register)
        assert isinstance(reopening, ReopenConversation)
    await scene.reopen()
    await scene.ask("Nog iets", after=7200)
    [contact] = await register.contacts()
    assert contact["inhoud"].endswith("Nog iets")
    assert [task["status"] for task in contact["taken"]] == ["te_verwerken"]
    await desk.close()
    assert [type(each) for each in await actions_after(register)] == [
        CloseConversation,
        ReopenConversation,
        CloseConversation,
    ]


async def test_done_again_there_is_not_undone_by_the_news_that_it_was_opened_there(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.close()
    await found_after(register)
    await scene.close()
    await desk.reopen()
    await found_after(register)
    await desk.close()
    await scene.reopen(by=HERE)
    assert await scene.tasks() == [["verwerkt"]]
    *_, closing = await actions_after(register)
    assert isinstance(closing, CloseConversation)


async def test_forwarded_again_there_is_not_undone_by_the_news_of_the_first_time(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await found_after(register)
    await desk.forward("burgerzaken")
    await found_after(register)
    await desk.forward("afval")
    await scene.transfer("burgerzaken", by=HERE)
    *_, transfer = await actions_after(register)
    assert isinstance(transfer, TransferConversation) and transfer.to_department == "afval"
    await scene.transfer("afval", by=HERE)
    [contact] = await register.contacts()
    assert [task["actoren"] for task in contact["taken"]] == [["Openbare Ruimte"]]


async def test_forwarding_one_task_there_forwards_the_others_of_its_conversation(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await scene.accept_answer()
    await scene.status("failed")
    await scene.ask("En een rijbewijs?", after=7200)
    await found_after(register)
    await desk.forward("burgerzaken")
    await found_after(register)
    await scene.transfer("burgerzaken", by=HERE)
    tasks = [task for each in await register.contacts() for task in each["taken"]]
    assert {(*task["actoren"], task["status"]) for task in tasks} == {
        ("Burgerzaken", "te_verwerken")
    }


async def test_a_deleted_contact_is_on_the_record_and_comes_back_with_the_next_message(
    register: Register, scene: Scene
) -> None:
    await scene.ask("Eerst")
    [contact] = await register.contacts()
    await register.remove("klantcontacten", contact["uuid"])
    for _ in range(2):
        [note] = await actions_after(register)
        assert isinstance(note, AddNote)
    assert await register.contacts() == []
    await scene.ask("Daarna", after=60)
    [contact] = await register.contacts()
    assert contact["inhoud"] == "Daarna" and len(contact["taken"]) == 1


async def test_a_deleted_question_of_a_closed_conversation_stays_away(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await scene.accept_answer()
    await scene.status("sent")
    await scene.close()
    question, answer = await register.contacts()
    await register.remove("klantcontacten", question["uuid"])
    await scene.status("failed")
    assert [one["uuid"] for one in await register.contacts()] == [answer["uuid"]]
    [note] = await register.commands()
    assert isinstance(note.action, AddNote)


async def test_a_conversation_opened_again_elsewhere_opens_its_task(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await scene.close()
    await scene.reopen()
    [contact] = await register.contacts()
    [task] = contact["taken"]
    assert task["status"] == "te_verwerken"
    assert task["toelichting"].endswith("Gesprek heropend. toch niet klaar")
    assert await actions_after(register) == []


async def test_a_refused_transfer_gives_the_task_back_with_the_reason(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await desk.forward("burgerzaken")
    await found_after(register)
    await scene.refusal("transfer", "te vaak doorgestuurd")
    [contact] = await register.contacts()
    [task] = contact["taken"]
    assert task["actoren"] == ["Openbare Ruimte"]
    assert task["toelichting"].endswith("Niet doorgezet. te vaak doorgestuurd")
    assert len(await found_after(register)) == 1, "our own change is no forwarding"
