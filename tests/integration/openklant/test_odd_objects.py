"""What an Open Klant has that is not ours, or has no more; and answers that nobody expects."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.transport.response import Response
from services.postgres.database import Pool
from tests.support.observer import until
from tests.support.openklant.flaky_register import Died, Road
from tests.support.openklant.register import REAL, Conversation, Register, needs_stand_in, taken

THEIRS = {"kanaal": "telefoon", "onderwerp": "x", "taal": "nld", "vertrouwelijk": False}


async def drawn(pool: Pool) -> int:
    """A number of ours that is used for nothing."""
    number: int = await pool.fetchval("select nextval('deliverer.referentienummer')")
    return number


async def test_where_others_have_the_number_the_next_is_drawn(
    town_hall: Register, pool: Pool
) -> None:
    first = await drawn(pool) + 1
    numbers = [str(number) for number in range(first, first + 3)]
    for number in numbers:
        await town_hall.has("klantcontacten", THEIRS | {"referentienummer": number})
    await taken(
        town_hall.deliverer(Road(town_hall.sender)), Conversation().message("Van ons", task=True)
    )
    *_, ours = await town_hall.holds()
    assert ours["onderwerp"] == "Van ons" and len(ours["taken"]) == 1
    for number in numbers:
        [other] = await town_hall.all("klantcontacten", referentienummer=number)
        assert (other["onderwerp"], other["leiddeTotInterneTaken"]) == ("x", [])


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
    verdict = deliverer.judge(await deliverer.deliver(delivery))
    assert (verdict.outcome, verdict.alarm) == ("paused", True)
    unread = msgspec.structs.replace(delivery, data=b'{"text": 5}')
    assert deliverer.judge(await deliverer.deliver(unread)).outcome == "parked"
    refused = Response(
        status=400,
        body=b'{"code":"invalid","invalidParams":[{"name":"klantcontact.inhoud","code":"max_length",'
        b'"reason":"Geheim"}]}',
    )
    verdict = deliverer.judge(refused)
    assert verdict.outcome == "parked" and "(klantcontact.inhoud max_length)" in verdict.reason
    assert "Geheim" not in verdict.reason
    await town_hall.mode("unauthorized", count=1)
    verdict = deliverer.judge(await deliverer.deliver(delivery))
    assert (verdict.outcome, verdict.alarm) == ("paused", True)


async def test_a_message_that_comes_after_a_lost_answer_is_added_to_what_is_found(
    town_hall: Register,
) -> None:
    talk = Conversation()
    with pytest.raises(Died):
        await town_hall.deliverer(Road(town_hall.sender, 1, answered=True)).deliver(
            talk.message("Eerst")
        )
    deliverer = town_hall.deliverer(Road(town_hall.sender))
    await taken(deliverer, talk.message("Dan", after=60))  # the first was parked meanwhile
    [contact] = await town_hall.holds()
    assert contact["inhoud"] == "Eerst\n\nDan"


async def test_a_task_of_somebody_else_s_that_has_our_number_is_left_alone(
    town_hall: Register, pool: Pool
) -> None:
    deliverer, talk = town_hall.deliverer(Road(town_hall.sender)), Conversation()
    first = talk.message("Eerst")
    await taken(deliverer, first)
    theirs, number = await town_hall.has("klantcontacten", THEIRS), await drawn(pool)
    task = {"gevraagdeHandeling": "bellen", "status": "te_verwerken", "toegewezenAanActoren": []}
    about = {"aanleidinggevendKlantcontact": {"uuid": theirs["uuid"]}}
    await town_hall.has("internetaken", task | about | {"referentienummer": str(number)})
    # As a process leaves it that died before it drew another number.
    begun = (
        "insert into deliverer.internetaak (destination, event, conversation, contact, number,"
        " department, covers) values ('crm', $1, $2, $3, $4, 'kcc', 0)"
    )
    await pool.execute(begun, UUID(int=5), talk.conversation, first.id, number)
    await taken(deliverer, talk.closed(after=60))
    [other] = await town_hall.all("internetaken", referentienummer=str(number))
    assert (other["status"], other["toelichting"]) == ("te_verwerken", "")
    [ours] = await town_hall.holds()
    assert ours["taken"] == []


class Odd:
    """A sender that is answered with what nobody documented."""

    async def request(self, *_: Any) -> Response:
        return Response(status=200, body=b'{"results": [{"odd": []}], "klantcontact": []}')


async def test_answers_of_another_shape_pause_and_call_for_a_person(town_hall: Register) -> None:
    deliverer = town_hall.deliverer(Road(Odd()))  # type: ignore[arg-type]
    for _ in range(2):
        answer = await deliverer.deliver(Conversation().message("Eerst", task=True))
        verdict = deliverer.judge(answer)
        assert (verdict.outcome, verdict.alarm) == ("paused", True)
        assert verdict.reason == "Open Klant's answer is not as its document says"


async def test_actors_that_somebody_took_away_are_made_again(town_hall: Register) -> None:
    deliverer = town_hall.deliverer(Road(town_hall.sender))
    await taken(deliverer, Conversation("10000001-c1").message("Eerst", task=True))
    # Of a real one only the departments', and of this run: on ours hangs what it has been told.
    for actor in await (town_hall.departments() if REAL else town_hall.all("actoren")):
        await town_hall.change("actoren", actor["uuid"], None)
    await taken(deliverer, Conversation("10000001-c2").message("Dan", task=True))
    _, later = await town_hall.holds()
    assert later["actoren"] == ["Postkamer"]
    assert [task["actoren"] for task in later["taken"]] == [["Openbare Ruimte"]]


WAITS = "select pid from pg_stat_activity where wait_event_type = 'Lock'"


async def test_a_database_that_breaks_off_is_waited_for(town_hall: Register, pool: Pool) -> None:
    deliverer = town_hall.deliverer(Road(town_hall.sender))
    async with pool.acquire() as other, other.transaction():
        await other.execute("lock table deliverer.klantcontact in access exclusive mode")
        work = asyncio.create_task(taken(deliverer, Conversation().message("Eerst", task=True)))
        pid = await until(lambda: pool.fetchval(WAITS), bool, 10)
        await pool.execute("select pg_terminate_backend($1)", pid)
    await work
    [contact] = await town_hall.holds()
    assert len(contact["taken"]) == 1
