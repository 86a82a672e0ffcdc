"""Objects of others in an Open Klant, changes by employees, and answers that are not documented."""

import asyncio
from uuid import UUID

import msgspec
import pytest

from deliverer.transport.response import Response
from services.postgres.database import Pool
from tests.support.observer import until
from tests.support.openklant.fitting_rows import fit_rows
from tests.support.openklant.link import Link, OddSender, ProcessEnded
from tests.support.openklant.register import Register, Scene, deliver, needs_stand_in

THEIRS = {"kanaal": "telefoon", "onderwerp": "x", "taal": "nld", "vertrouwelijk": False}


def needs_numbers(register: Register) -> None:
    """Skip a test about our own numbers where Open Klant numbers by itself."""
    if not register.server.takes_numbers:
        pytest.skip("this Open Klant numbers by itself")


async def draw_number(pool: Pool) -> int:
    """Draw a number of ours, for no object."""
    number: int = await pool.fetchval("select nextval('deliverer.referentienummer')")
    return number


async def test_the_next_number_is_drawn_where_others_have_ours(
    register: Register, scene: Scene, pool: Pool
) -> None:
    needs_numbers(register)
    first = await draw_number(pool) + 1
    numbers = [str(number) for number in range(first, first + 3)]
    for number in numbers:
        await register.create("klantcontacten", THEIRS | {"referentienummer": number})
    await scene.ask("Van ons")
    *_, ours = await register.contacts()
    assert ours["onderwerp"] == "Van ons" and len(ours["taken"]) == 1
    for number in numbers:
        [other] = await register.list("klantcontacten", referentienummer=number)
        assert (other["onderwerp"], other["leiddeTotInterneTaken"]) == ("x", [])


async def test_changes_by_employees_stay(register: Register, scene: Scene) -> None:
    await scene.ask("Eerst")
    [contact] = await register.contacts()
    await register.change("klantcontacten", contact["uuid"], {"inhoud": "Eerst (gebeld)"})
    remark = {"toelichting": "Sanne kijkt ernaar"}
    await register.change("internetaken", contact["taken"][0]["uuid"], remark)
    await scene.ask("Dan", after=60, task=False)
    await scene.close()
    [contact] = await register.contacts()
    assert contact["inhoud"] == "Eerst (gebeld)\n\nDan"
    assert contact["taken"][0]["toelichting"].startswith("Sanne kijkt ernaar\nGesprek gesloten.")


@needs_stand_in
@pytest.mark.parametrize("mode", ["wrong-host", "unauthorized"])
async def test_an_answer_about_the_connection_pauses_and_calls_for_a_person(
    register: Register, scene: Scene, mode: str
) -> None:
    await register.set_mode(mode, count=1)
    verdict = scene.deliverer.judge(await scene.deliverer.deliver(scene.talk.message()))
    assert (verdict.outcome, verdict.alarm) == ("paused", True)


async def test_an_event_that_cannot_be_read_is_parked(scene: Scene) -> None:
    unreadable = msgspec.structs.replace(scene.talk.message(), data=b'{"text": 5}')
    assert scene.deliverer.judge(await scene.deliverer.deliver(unreadable)).outcome == "parked"


async def test_a_refusal_is_parked_with_its_codes_and_without_what_it_quotes(
    scene: Scene,
) -> None:
    fault = {"name": "klantcontact.inhoud", "code": "max_length", "reason": "Geheim"}
    body = msgspec.json.encode({"code": "invalid", "invalidParams": [fault]})
    verdict = scene.deliverer.judge(Response(status=400, body=body))
    assert verdict.outcome == "parked" and "(klantcontact.inhoud max_length)" in verdict.reason
    assert "Geheim" not in verdict.reason


async def test_a_message_after_a_lost_answer_is_a_contact_and_the_first_is_found_again(
    register: Register, scene: Scene
) -> None:
    lost = register.deliverer(Link(register.sender, 1, answered=True))
    first = scene.talk.message("Eerst", task=False)
    with pytest.raises(ProcessEnded):
        await lost.deliver(first)
    await scene.ask("Dan", after=60, task=False)  # the first was parked meanwhile
    await deliver(scene.deliverer, first)  # and is delivered again
    assert {one["inhoud"] for one in await register.contacts()} == {"Eerst", "Dan"}
    assert len(await register.contacts()) == 2


async def test_a_task_of_others_with_our_number_is_left_alone(
    register: Register, scene: Scene, pool: Pool
) -> None:
    needs_numbers(register)
    first = scene.talk.message(task=False)
    await deliver(scene.deliverer, first)
    theirs, number = await register.create("klantcontacten", THEIRS), await draw_number(pool)
    task = {"gevraagdeHandeling": "bellen", "status": "te_verwerken", "toegewezenAanActoren": []}
    about = {"aanleidinggevendKlantcontact": {"uuid": theirs["uuid"]}}
    await register.create("internetaken", task | about | {"referentienummer": str(number)})
    # Our table as a process leaves it that ended before it drew another number.
    begun = (
        "insert into deliverer.internetaak (destination, event, conversation, contact, number,"
        " department, covers) values ('crm', $1, $2, $3, $4, 'kcc', 0)"
    )
    await pool.execute(begun, UUID(int=5), scene.talk.id, first.id, number)
    await fit_rows(pool)
    await scene.close()
    [other] = await register.list("internetaken", referentienummer=str(number))
    assert (other["status"], other["toelichting"]) == ("te_verwerken", "")
    assert await scene.tasks() == [[]]


async def test_an_answer_of_another_shape_pauses_and_calls_for_a_person(
    register: Register, scene: Scene
) -> None:
    deliverer = register.deliverer(Link(OddSender()))
    for _ in range(2):
        verdict = deliverer.judge(await deliverer.deliver(scene.talk.message()))
        assert (verdict.outcome, verdict.alarm) == ("paused", True)
        assert verdict.reason == "Open Klant's answer is not as its document says"


WAITING = "select pid from pg_stat_activity where wait_event_type = 'Lock'"


async def test_a_delivery_waits_for_a_database_that_ends_its_connection(
    register: Register, scene: Scene, pool: Pool
) -> None:
    async with pool.acquire() as other, other.transaction():
        await other.execute("lock table deliverer.klantcontact in access exclusive mode")
        work = asyncio.create_task(scene.ask())
        pid = await until(lambda: pool.fetchval(WAITING), bool, 10)
        await pool.execute("select pg_terminate_backend($1)", pid)
    await work
    assert await scene.tasks() == [["te_verwerken"]]


@needs_stand_in
async def test_a_contact_that_was_answered_is_not_in_doubt_when_it_is_created_again(
    register: Register, scene: Scene
) -> None:
    """On 2.15 a post without an answer keeps a second one back for two minutes."""
    await register.control("POST", "version", {"version": "2.15"})
    await register.client().find("actoren")
    message = scene.talk.message()
    with pytest.raises(ProcessEnded):
        await register.deliverer(Link(register.sender, 2)).deliver(message)
    [contact] = await register.contacts()
    await register.remove("klantcontacten", contact["uuid"])
    await deliver(scene.deliverer, message)
    assert len(await register.contacts()) == 1
