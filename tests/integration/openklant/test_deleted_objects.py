"""Objects that employees delete in an Open Klant, while something about them is still to come."""

import pytest

from tests.support.openklant.link import Link, ProcessEnded
from tests.support.openklant.register import REAL, Conversation, Register, Scene, deliver


async def delete_contact(register: Register) -> None:
    [contact] = await register.contacts()
    await register.remove("klantcontacten", contact["uuid"])


async def test_a_transfer_of_a_deleted_contact_creates_it_again_with_the_task(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await delete_contact(register)
    await scene.transfer()
    [contact] = await register.contacts()
    assert contact["inhoud"].startswith("De inhoud staat in het archief: ")
    [task] = contact["taken"]
    assert (task["actoren"], task["status"]) == (["Burgerzaken"], "te_verwerken")
    await scene.close()
    assert await scene.tasks() == [["verwerkt"]]


async def test_an_answer_to_a_deleted_question_refers_to_nothing_and_is_a_task_if_it_fails(
    register: Register, scene: Scene
) -> None:
    await scene.ask()
    await delete_contact(register)
    await register.add_answer(scene.talk.id)
    await scene.status("sent")
    [answer] = await register.contacts()
    assert (answer["inhoud"], answer["onderwerpen"]) == ("Wij legen hem morgen.", [])
    assert answer["actoren"] == ["sanne@almelo.nl"]
    await scene.status("failed")
    [question] = [one for one in await register.contacts() if one["taken"]]
    assert question["inhoud"].startswith("De inhoud staat in het archief: ")
    assert "131026: onbereikbaar" in question["taken"][0]["toelichting"]


async def test_a_contact_deleted_at_any_moment_is_there_once_with_its_task_in_the_end(
    register: Register,
) -> None:
    for _ in range(2):  # after the first time a real one knows our actor
        await register.reset()
        whole = Link(register.sender)
        await deliver(register.deliverer(whole), Conversation().message())
    for nth in range(2, len(whole.requests) + 1):
        await register.reset()
        message = Conversation().message()
        with pytest.raises(ProcessEnded):
            await register.deliverer(Link(register.sender, nth)).deliver(message)
        await delete_contact(register)
        await register.settle_posts()
        await deliver(register.deliverer(), message)
        [contact] = await register.contacts()
        assert [len(contact[name]) for name in ("taken", "actoren")] == [1, 1], nth


async def test_a_party_deleted_before_it_has_an_address_stays_deleted(
    register: Register, scene: Scene
) -> None:
    message = scene.talk.message()
    with pytest.raises(ProcessEnded):
        await register.deliverer(Link(register.sender, 2)).deliver(message)
    [contact] = await register.contacts()
    [party] = await register.list("betrokkenen", hadKlantcontact__uuid=contact["uuid"])
    await register.remove("betrokkenen", party["uuid"])
    await deliver(scene.deliverer, message)
    [contact] = await register.contacts()
    assert (contact["betrokkenen"], len(contact["taken"])) == ([], 1)


async def test_deleted_actors_are_created_again(register: Register) -> None:
    deliverer = register.deliverer()
    await deliver(deliverer, Conversation("10000001-c1").message())
    # Of a real one only the departments' actors of this run: its other contacts need our actor.
    actors = await (register.department_actors() if REAL else register.list("actoren"))
    for actor in actors:
        await register.remove("actoren", actor["uuid"])
    await deliver(deliverer, Conversation("10000001-c2").message())
    _, later = await register.contacts()
    assert later["actoren"] == ["Postkamer"]
    assert [task["actoren"] for task in later["taken"]] == [["Openbare Ruimte"]]


async def test_a_message_after_the_contact_was_deleted_is_a_new_contact(
    register: Register, scene: Scene
) -> None:
    await scene.ask("Eerst")
    await delete_contact(register)
    await scene.ask("Daarna", after=180, task=False)
    [contact] = await register.contacts()
    assert contact["inhoud"] == "Daarna" and contact["betrokkenen"] and contact["actoren"]
