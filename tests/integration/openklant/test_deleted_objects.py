"""What employees take away in an Open Klant while something is still to be done about it."""

from uuid import UUID

import pytest

from services.postgres.database import Pool
from tests.integration.openklant.test_answers import ANSWERED
from tests.support.openklant.flaky_register import Died, Road
from tests.support.openklant.register import Conversation, Register, taken


async def take_away(town_hall: Register) -> None:
    [contact] = await town_hall.holds()
    await town_hall.change("klantcontacten", contact["uuid"], None)


async def test_work_on_a_contact_that_was_taken_away_is_there_with_the_contact(
    town_hall: Register,
) -> None:
    deliverer, talk = town_hall.deliverer(Road(town_hall.sender)), Conversation()
    await taken(deliverer, talk.message("Eerst", task=True))
    await take_away(town_hall)
    await taken(deliverer, talk.moved("burgerzaken", after=60))
    [again] = await town_hall.holds()
    assert again["inhoud"].startswith("De inhoud staat in het archief: ")
    [task] = again["taken"]
    assert (task["actoren"], task["status"]) == (["Burgerzaken"], "te_verwerken")
    await taken(deliverer, talk.closed(after=120))
    [again] = await town_hall.holds()
    assert [each["status"] for each in again["taken"]] == ["verwerkt"]


async def test_an_answer_to_what_was_taken_away_stands_alone_and_is_done_again_if_it_fails(
    town_hall: Register, pool: Pool
) -> None:
    deliverer, talk = town_hall.deliverer(Road(town_hall.sender)), Conversation()
    await taken(deliverer, talk.message("Eerst", task=True))
    await take_away(town_hall)
    message = UUID(int=77)
    await pool.execute(ANSWERED, message, talk.conversation, "employee")
    sent = talk.event("message-status-changed", 60, {"status": "sent"}, message=message)
    await taken(deliverer, sent)
    [answer] = await town_hall.holds()
    assert (answer["inhoud"], answer["onderwerpen"]) == ("Wij legen hem morgen.", [])
    assert answer["actoren"] == ["sanne@almelo.nl"]
    data = {"status": "failed", "department": "afval", "reason": "131026: onbereikbaar"}
    failed = talk.event("message-status-changed", 90, data, message=message)
    await taken(deliverer, failed)
    [again] = [one for one in await town_hall.holds() if one["taken"]]
    assert again["inhoud"].startswith("De inhoud staat in het archief: ")
    assert "131026: onbereikbaar" in again["taken"][0]["toelichting"]


async def test_whenever_it_is_taken_away_there_is_one_with_its_task_in_the_end(
    town_hall: Register,
) -> None:
    for _ in range(2):  # the second time a real one knows us, as from then on
        await town_hall.forget()
        whole = Road(town_hall.sender)
        await taken(town_hall.deliverer(whole), Conversation().message("Eerst", task=True))
    for nth in range(2, len(whole.requests) + 1):
        await town_hall.forget()
        message = Conversation().message("Eerst", task=True)
        with pytest.raises(Died):
            await town_hall.deliverer(Road(town_hall.sender, nth)).deliver(message)
        await take_away(town_hall)
        await taken(town_hall.deliverer(Road(town_hall.sender)), message)
        [contact] = await town_hall.holds()
        assert [len(contact[what]) for what in ("taken", "actoren")] == [1, 1], nth


async def test_who_wrote_may_be_taken_away_before_their_address_is_there(
    town_hall: Register,
) -> None:
    message, second = Conversation().message("Eerst", task=True), Road(town_hall.sender, 2)
    with pytest.raises(Died):
        await town_hall.deliverer(second).deliver(message)
    [contact] = await town_hall.holds()
    [party] = await town_hall.all("betrokkenen", hadKlantcontact__uuid=contact["uuid"])
    await town_hall.change("betrokkenen", party["uuid"], None)
    await taken(town_hall.deliverer(Road(town_hall.sender)), message)
    [contact] = await town_hall.holds()
    assert (contact["betrokkenen"], len(contact["taken"])) == ([], 1)
