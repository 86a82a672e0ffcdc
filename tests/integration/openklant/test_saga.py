"""The saga of Open Klant, wherever it stops: one of each."""

import asyncio
from collections import Counter

import pytest

from tests.support.openklant.flaky_register import Road
from tests.support.openklant.register import (
    REAL,
    STEPS,
    Conversation,
    Register,
    burst,
    handed,
    needs_stand_in,
    shape,
    taken,
)


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
        "Gesprek: https://desk.example/10000001-c1",
        'Waarom hier: "container" staat erin',
        "Doorgezet naar Burgerzaken. verkeerd",
    ]
    assert [task["status"] for task in contact["taken"]] == ["verwerkt", "verwerkt"]
    assert {status for method, _, status in road.answers if method == "POST"} == {201}


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
    answer = await deliverer.deliver(delivery)
    assert deliverer.judge(answer).outcome == "paused"
    await taken(deliverer, delivery)
    [contact] = await town_hall.holds()
    assert len(contact["taken"]) == len(contact["betrokkenen"]) == len(contact["actoren"]) == 1
    assert len(contact["betrokkenen"][0]["adressen"]) == 1


@pytest.mark.parametrize("step", ["maak-klantcontact", "internetaken"])
async def test_four_that_post_the_same_at_once_end_with_one_of_each(
    town_hall: Register, step: str
) -> None:
    delivery = Conversation().message("De container is vol.", task=True)
    road = Road(town_hall.sender)
    # Its actors are known already: who makes these is not what they race for.
    await taken(town_hall.deliverer(road), Conversation("10000001-c2").message("Eerst", task=True))
    if not REAL:  # that one needs nobody to make it sure
        await town_hall.mode("race", resource=step, together=4, count=4)
    four = [town_hall.deliverer(road) for _ in range(4)]
    answers = await asyncio.gather(*(one.deliver(delivery) for one in four))
    assert [answer.status for answer in answers] == [200] * 4
    posts = ("POST", f"/{step}")
    tried = Counter(status for *what, status in road.answers if tuple(what) == posts)
    # One of them may have looked before it posted: somebody had begun.
    assert tried[201] == 2 and tried[500] + tried[400] >= (0 if REAL else 2), tried
    mine = [one for one in await town_hall.holds() if one["inhoud"] == "De container is vol."]
    assert [len(one["taken"]) for one in mine] == [1]


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
