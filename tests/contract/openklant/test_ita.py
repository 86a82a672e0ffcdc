"""ITA on an Open Klant: the stand-in, or (`make openklant`) a real one of any version."""

import itertools
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from sandbox.ita import rules
from sandbox.ita.desk import Ita
from sandbox.ita.rules import Refusal, Refused, Registration, Task
from sandbox.openklant.error_responses import BASE
from sandbox.openklant.versions import NEWEST, Version
from sandbox.service import run_sandbox
from sandbox.settings import SandboxSettings
from tests.support.openklant.questions import Registry

REAL = os.environ.get("OPENKLANT_URL", "").rstrip("/")
VERSIONS: tuple[Version, ...] = (NEWEST,) if REAL else ("2.15", NEWEST)
AT = datetime(2000, 1, 1, tzinfo=UTC)
ANSWER = Registration(text="Wij komen morgen.", channel="WhatsApp versturen")


@pytest.fixture(params=VERSIONS)
async def registry(request: pytest.FixtureRequest) -> AsyncIterator[Registry]:
    settings = SandboxSettings(port=0, seed=1, openklant_version=request.param)
    async with run_sandbox(settings) as sandbox, aiohttp.ClientSession() as http:
        pace = f"{sandbox.url}/openklant/pace"
        async with http.post(pace, json={"factor": 0}):
            pass
        token = os.environ.get("OPENKLANT_TOKEN") or settings.openklant_token
        registry = Registry(http, REAL or sandbox.url + BASE, token)
        yield registry
        if REAL:  # employees would see them among its departments
            for actor in await registry.api.first_page("actoren", naam=registry.run):
                await registry.api.ask("DELETE", actor["url"])


async def tasks_of(ita: Ita, name: str) -> list[Task]:
    return [task async for task in ita.department_tasks(name)]


async def is_refused(refusal: Refusal, ask: Any) -> bool:
    with pytest.raises(Refused) as refused:
        await ask
    return refused.value.refusal == refusal


async def test_a_department_sees_opens_and_takes_its_tasks(registry: Registry) -> None:
    number, ita = await registry.ask(), registry.ita(registry.streets)
    assert [each.contact["nummer"] for each in await tasks_of(ita, registry.streets.name)] == [
        number
    ]
    assert not await tasks_of(ita, registry.streets.name.upper()), "capitals count here"
    shown = await ita.show(number)
    assert (shown.vraag, shown.informatie, shown.toelichting) == (
        "Container vol",
        "Kan hij leeg?",
        "Tot 18 uur",
    )
    assert (shown.klantnaam, shown.eenheid_soort, shown.eenheid) == (
        "Sam",
        "Afdeling",
        registry.streets.name,
    )
    assert {number for _, number in shown.telefoonnummers} == {"+31612345678", "0612345678"}
    await ita.take(await ita.open_task(number))
    taken = await ita.show(number)
    assert (taken.behandelaar, taken.eenheid) == (ita.employee.name, registry.streets.name)


async def test_a_task_opens_only_for_its_department_by_its_number_and_alone(
    registry: Registry,
) -> None:
    number, other = await registry.ask(), registry.ita(registry.taxes)
    assert await is_refused(rules.NO_ACCESS, other.open_task(number))
    manager = registry.ita(is_manager=True)
    assert (await manager.open_task(number)).row["status"] == "te_verwerken"
    assert await is_refused(rules.NO_NUMBER, manager.open_task(""))
    assert await is_refused(rules.NOT_FOUND, manager.open_task("1111111111"))
    twice = await registry.ask(tasks=2)
    assert await is_refused(rules.SEVERAL_TASKS, manager.open_task(twice))
    [fault] = await manager.find_faults(registry.channel)
    assert "2 tasks" in fault


async def test_a_forwarded_task_is_the_new_unit_s_alone(registry: Registry) -> None:
    number, ita = await registry.ask(), registry.ita(registry.streets)
    task = await ita.open_task(number)
    silent = registry.ita(registry.streets, address_of=lambda kind, id: [])
    refusal = rules.NO_MAILBOX["grp"]
    assert await is_refused(refusal, silent.forward(task, registry.taxes))
    await ita.forward(task, registry.taxes, "p.piet", "Piet", note="Voor jullie")
    assert ita.mails == [("mdw.p.piet@ita.example", f"Contactverzoek Doorgestuurd - {number}")]
    assert not await tasks_of(ita, registry.streets.name)
    [forwarded] = await tasks_of(ita, registry.taxes.name)
    assert [each["naam"] for each in forwarded.actors] == ["Piet", registry.taxes.name]
    assert forwarded.row["toegewezenOp"] == task.row["toegewezenOp"]
    assert (forwarded.row["toelichting"], ita.log[-1].note) == ("Tot 18 uur", "Voor jullie")
    assert await is_refused(rules.NO_ACCESS, ita.open_task(number))


async def test_an_answer_hangs_on_the_end_of_the_chain_and_closing_comes_last(
    registry: Registry,
) -> None:
    number, ita = await registry.ask(), registry.ita(registry.streets)
    task = await ita.open_task(number)
    first = await ita.register(task, ANSWER)
    closing = Registration(text="Gedaan", channel="Telefoon", succeeded=False, close=True)
    second = await ita.register(task, closing)
    chain = [task.contact["uuid"], first, second]
    for previous, answer in itertools.pairwise(chain):
        [link] = await registry.api.first_page("onderwerpobjecten", wasKlantcontact__uuid=previous)
        assert link["klantcontact"]["uuid"] == answer
        assert link["onderwerpobjectidentificator"]["objectId"] == previous
    made = await registry.api.get(f"klantcontacten/{first}")
    assert (made["kanaal"], made["inhoud"], made["onderwerp"], made["indicatieContactGelukt"]) == (
        ANSWER.channel,
        ANSWER.text,
        "Container vol",
        True,
    )
    assert made["hadBetrokkenActoren"][0]["actoridentificator"] == rules.identifier(
        rules.LOGGED_IN, ita.employee.email
    )
    done = (await ita.open_task(number)).row
    assert (done["status"], bool(done["afgehandeldOp"])) == ("verwerkt", True)
    for change in (ita.take(task), ita.forward(task, registry.taxes), ita.register(task, ANSWER)):
        assert await is_refused(rules.DONE, change)


REGISTRATIONS = [
    (Registration(text=" ", channel="Telefoon"), rules.NO_TEXT),
    (Registration(text="", channel="Telefoon", succeeded=False, close=True), rules.NO_TEXT),
    (Registration(text="x", channel="Fax"), rules.UNKNOWN_CHANNEL),
]


async def test_a_registration_that_ita_refuses_stores_nothing(registry: Registry) -> None:
    number, ita = await registry.ask(), registry.ita(registry.streets)
    task = await ita.open_task(number)
    for form, refusal in REGISTRATIONS:
        assert await is_refused(refusal, ita.register(task, form))
    without = registry.ita(registry.streets, channels=())
    assert await is_refused(rules.NO_CHANNELS, without.register(task, ANSWER))
    with pytest.raises(Refused, match="UNEXPECTED_ERROR"):
        await ita.register(task, Registration(text="x" * 1001, channel="Telefoon", close=True))
    found = await registry.api.first_page(
        "onderwerpobjecten", wasKlantcontact__uuid=task.contact["uuid"]
    )
    assert not found
    assert (await ita.open_task(number)).row["status"] == "te_verwerken"
    await ita.register(task, Registration(text="", channel="Telefoon", succeeded=False))


STEPS = [
    ("actoren", "POST", [], "te_verwerken"),
    ("klantcontacten", "POST", [], "te_verwerken"),
    ("actorklantcontacten", "POST", [(0, 0)], "te_verwerken"),
    ("onderwerpobjecten", "POST", [(1, 0)], "te_verwerken"),
    ("internetaken", "PATCH", [(1, 1)], "te_verwerken"),
    ("", "", [(1, 1)], "verwerkt"),
]
"""Call that fails, and then for each contact with the answer its actors and its links to the
question, and the status of the task."""


@pytest.mark.skipif(bool(REAL), reason="a real one has no modes of failure")
@pytest.mark.parametrize(("resource", "method", "left", "status"), STEPS)
async def test_a_failure_half_way_leaves_what_was_stored_before(
    registry: Registry, resource: str, method: str, left: list[tuple[int, int]], status: str
) -> None:
    number, ita = await registry.ask(), registry.ita(registry.streets)
    task = await ita.open_task(number)
    closing = Registration(text="Gedaan", channel=registry.channel + "!", close=True)
    with_channel = registry.ita(registry.streets, channels=[closing.channel])
    if resource:
        await registry.set_mode("error", resource=resource, method=method)
        with pytest.raises(Refused, match="UNEXPECTED_ERROR"):
            await with_channel.register(task, closing)
        await registry.set_mode("ok")
    else:
        await with_channel.register(task, closing)
    answers = await registry.api.first_page("klantcontacten", kanaal=closing.channel)
    found = [(len(a["hadBetrokkenActoren"]), len(a["gingOverOnderwerpobjecten"])) for a in answers]
    assert (found, (await ita.open_task(number)).row["status"]) == (left, status)


async def test_a_manager_reopens_a_task_and_an_employee_who_left_makes_room(
    registry: Registry,
) -> None:
    number, ita = await registry.ask(), registry.ita(registry.streets)
    manager = registry.ita(is_manager=True)
    task = await ita.open_task(number)
    await ita.take(task)
    assert await is_refused(rules.NOT_DONE, manager.reopen(task, "Toch niet"))
    await ita.register(task, Registration(text="Gedaan", channel="Telefoon", close=True))
    assert await is_refused(rules.MANAGERS_ONLY, ita.reopen(task, "Toch niet"))
    [employee] = [a for a in (await ita.open_task(number)).actors if a["naam"] == ita.employee.name]
    await registry.api.patch("actoren", employee["uuid"], {"indicatieActief": False})
    await manager.reopen(task, "Toch niet")
    reopened = await ita.open_task(number)
    assert (reopened.row["status"], reopened.row["afgehandeldOp"]) == ("te_verwerken", None)
    assert [actor["naam"] for actor in reopened.actors] == [registry.streets.name]


@pytest.mark.skipif(bool(REAL), reason="a real one has tasks of others")
async def test_the_mailer_stops_for_good_at_a_contact_without_number(registry: Registry) -> None:
    numbers, ita = [await registry.ask(), await registry.ask()], registry.ita()
    run = await ita.run_notifier(AT)
    assert [subject for _, subject in run.mails] == [
        f"Nieuw contactverzoek - {each}" for each in numbers
    ]
    assert (run.stopped, await ita.run_notifier(run.state)) == ("", type(run)(run.state))
    unnumbered = await registry.ask(number=None)
    last = await registry.ask()
    for _ in range(2):
        stopped = await ita.run_notifier(run.state)
        if unnumbered:  # 2.15 numbers it
            assert [subject[-10:] for _, subject in stopped.mails] == [unnumbered, last]
        else:
            assert (stopped.mails, stopped.state) == ([], run.state)
            assert "Nummer ontbreekt" in stopped.stopped
    unaddressed = registry.ita(address_of=lambda kind, id: [])
    assert not (await unaddressed.run_notifier(run.state)).stopped
