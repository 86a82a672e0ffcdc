"""The saga of Open Klant creates one of each object, wherever it is interrupted."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.contract import Delivery
from tests.support.integration.destination_harness import NOON
from tests.support.openklant.link import FailingSender, Link
from tests.support.openklant.register import (
    FULL,
    REAL,
    STEPS,
    Conversation,
    Register,
    Scene,
    answered_question,
    burst,
    deliver,
    deliver_all,
    needs_stand_in,
    outline,
)


async def test_a_burst_is_one_contact_with_one_task_that_moves_to_the_next_department(
    register: Register,
) -> None:
    await deliver_all(register, burst())
    [contact] = await register.contacts()
    assert contact["inhoud"] == f"{FULL}\n\nDorpsstraat 12"
    assert contact["onderwerp"] == FULL
    assert contact["plaatsgevondenOp"] == "2026-11-25T12:00:00Z"
    [party] = contact["betrokkenen"]
    assert party["adressen"] == [
        {"adres": "+31612345678", "soort": "telefoonnummer"},
        {"adres": "0612345678", "soort": "telefoonnummer"},
    ]
    assert contact["actoren"] == ["Postkamer"]
    [task] = contact["taken"]
    assert (task["actoren"], task["status"]) == (["Burgerzaken"], "verwerkt")
    assert task["toelichting"].splitlines() == [
        "Gesprek: https://desk.example/10000001-c1",
        'Waarom hier: "container" staat erin',
        "Doorgezet naar Burgerzaken. verkeerd",
        "Wettelijke termijn: 06-01-2027",
        "Antwoorden via WhatsApp kan tot donderdag 26 november om 13.00 uur",
        "Prioriteit: hoog",
        "Gesprek gesloten. afgehandeld",
    ]
    assert {code for method, _, code in register.link.answers if method == "POST"} == {201}


@pytest.mark.parametrize("answered", [False, True], ids=["before a call", "after its answer"])
@pytest.mark.parametrize(("deliveries", "calls"), [(burst, 16), (answered_question, 12)])
async def test_an_interrupted_saga_ends_with_one_of_each(
    register: Register, deliveries: Callable[[], list[Delivery]], calls: int, answered: bool
) -> None:
    await register.add_answer(Conversation().id)
    await deliver_all(register, deliveries())
    expected, requests = outline(await register.contacts()), register.link.requests
    assert len(requests) >= calls
    for nth, request in enumerate(requests, start=1):
        await register.reset()
        await deliver_all(register, deliveries(), Link(register.sender, nth, answered=answered))
        assert outline(await register.contacts()) == expected, request[:2]


@pytest.mark.parametrize("carried_out", [False, True], ids=["not carried out", "carried out"])
async def test_a_500_at_any_call_creates_no_duplicate(
    register: Register, carried_out: bool
) -> None:
    await deliver_all(register, burst())
    expected, requests = outline(await register.contacts()), register.link.requests
    version = register.server.version
    for nth, request in enumerate(requests, start=1):
        await register.reset()
        sender = FailingSender(register.sender, nth, carried_out=carried_out)
        deliverer = register.deliverer(Link(sender))
        for delivery in burst():
            if (await deliverer.deliver(delivery)).status != 200:
                register.server.version = version  # of the real one
                await register.settle_posts()
                await deliver(deliverer, delivery)
        assert outline(await register.contacts()) == expected, request[:2]


@needs_stand_in
@pytest.mark.parametrize("mode", ["lost", "half", "late", "reset", "error", "bad-gateway"])
@pytest.mark.parametrize("step", STEPS)
async def test_a_post_whose_answer_is_lost_creates_no_duplicate(
    register: Register, scene: Scene, step: str, mode: str
) -> None:
    await register.set_mode(mode, resource=step, method="POST", count=1)
    delivery = scene.talk.message()
    answer = await scene.deliverer.deliver(delivery)
    assert scene.deliverer.judge(answer).outcome == "paused"
    await deliver(scene.deliverer, delivery)
    [contact] = await register.contacts()
    assert len(contact["taken"]) == len(contact["betrokkenen"]) == len(contact["actoren"]) == 1
    assert len(contact["betrokkenen"][0]["adressen"]) == 2


@pytest.mark.parametrize("step", ["maak-klantcontact", "internetaken"])
async def test_four_simultaneous_deliveries_end_with_one_of_each(
    register: Register, step: str
) -> None:
    # Its actors exist before: they are not what the four race for.
    await Scene(register, "10000001-c2").ask("Eerst")
    if not REAL:  # a real one needs no mode for a race
        await register.set_mode("race", resource=step, together=4, count=4)
    delivery = Conversation().message()
    deliverers = [register.deliverer() for _ in range(4)]
    answers = await asyncio.gather(*(each.deliver(delivery) for each in deliverers))
    if not register.server.takes_numbers:  # no number keeps a second one out: the others wait
        await register.settle_posts()
        answers = [await each.deliver(delivery) for each in deliverers]
    assert [answer.status for answer in answers] == [200] * 4
    posts = ("POST", f"/{step}")
    tried = Counter(code for *request, code in register.link.answers if tuple(request) == posts)
    # One of them may have found what another had created, before it posted.
    assert tried[201] == 2, tried
    if not REAL:
        assert tried[500] + tried[400] >= 2, tried
    ours = [one for one in await register.contacts() if one["inhoud"] == FULL]
    assert [len(one["taken"]) for one in ours] == [1]


async def test_work_after_a_completed_task_is_a_new_contact_and_never_a_second_task(
    register: Register, scene: Scene
) -> None:
    for n in range(3):
        await scene.ask(f"Regel {n}", after=n * 60)
    assert await scene.tasks() == [["te_verwerken"]]
    await register.complete_task()
    await scene.ask("Nog iets", after=240)
    await scene.ask("Een uur later", after=7200)
    assert await scene.tasks() == [["verwerkt"], ["te_verwerken"]]
    first, second = await register.contacts()
    assert first["inhoud"] == "Regel 0\n\nRegel 1\n\nRegel 2"
    assert second["inhoud"] == "Nog iets\n\nEen uur later", "its task is open"


async def test_the_terms_of_a_later_message_reach_its_task(
    register: Register, scene: Scene
) -> None:
    first, until = "Antwoorden via WhatsApp kan tot", NOON + timedelta(days=1)
    await deliver(scene.deliverer, scene.talk.message(windowUntil=until))
    later = {"due": "2027-01-06", "tags": ["officieel"], "windowUntil": until + timedelta(days=1)}
    await deliver(scene.deliverer, scene.talk.message("Ik maak bezwaar", 7200, **later))
    [contact] = await register.contacts()
    [task] = contact["taken"]
    remarks = task["toelichting"].splitlines()
    assert [line for line in remarks if line.startswith(first)] == [
        f"{first} vrijdag 27 november om 13.00 uur"
    ]
    assert {"Wettelijke termijn: 06-01-2027", "Kenmerken: officieel"} <= set(remarks)
