"""A message goes from a citizen's phone to the tasks of an Open Klant and back, with all
running."""

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from tests.support.e2e.crm_desk import Desk
from tests.support.installation import Installation
from tests.support.observer import Watch, until
from tests.support.openklant.town import TOKEN, OpenKlant, closings, with_open_klant

CITIZENS = range(20)
FACTOR = 2.0
"""Factor by which Open Klant is slower than a real one, so that a kill meets unfinished work."""
FIRST, SECOND = ["Openbare ruimte"], ["Burgerzaken"]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("openklant"), with_open_klant)
    installation.more["OPENKLANT_TOKEN"] = TOKEN
    try:
        installation.start()
        yield installation
    finally:
        installation.discard()


@pytest.fixture
def openklant(town: Installation, session: aiohttp.ClientSession) -> OpenKlant:
    return OpenKlant(town, session)


async def test_each_citizen_has_one_contact_and_one_task_although_the_deliverer_is_killed(
    openklant: OpenKlant, watch: Watch
) -> None:
    await openklant.set_pace(FACTOR)
    for citizen in CITIZENS:
        await openklant.write(f"Mijn container is vol, zegt {citizen}", citizen)
    for killed in (4, 9, 14):
        await until(openklant.contacts, lambda found, count=killed: len(found) >= count, 30)  # type: ignore[misc]
        await asyncio.to_thread(openklant.town.kill, "deliverer")
        await asyncio.to_thread(openklant.town.restart, "deliverer")
    for citizen in CITIZENS:
        await openklant.write("Dorpsstraat 12", citizen, 1)
    complete = lambda: openklant.contacts_with_task("Dorps")  # noqa: E731
    contacts = await until(complete, lambda found: len(found) == 20, 60)
    assert len(await openklant.contacts()) == 20
    for one in contacts:
        assert one["inhoud"].startswith("Mijn container is vol, zegt ")
        assert one["inhoud"].count("Dorpsstraat 12") == 1
        [party] = one["betrokkenen"]
        assert [each["soort"] for each in party["adressen"]] == ["telefoonnummer"] * 2
        [task] = one["taken"]
        assert (task["actoren"], task["status"]) == (FIRST, "te_verwerken")
    await openklant.set_pace(0)
    await check_trace(openklant.town, contacts[0])
    await transfer_and_close(Desk(watch), openklant, contacts[0]["metadata"]["gesprek"])


async def check_trace(town: Installation, contact: dict[str, Any]) -> None:
    """The way of the message is found by the ids that employees see."""
    [task] = contact["taken"]
    for id in (contact["uuid"], contact["nummer"], task["uuid"], task["nummer"]):
        shown = await asyncio.to_thread(town.says, "trace", id, "--reason", "vraag van ITA")
        numbers = f"klantcontact={contact['nummer']}  internetaak={task['nummer']}"
        assert f"  delivered  about=message in  {numbers}  " in shown
        assert "  received from the citizen  " in shown
        assert contact["metadata"]["gesprek"] in shown


async def transfer_and_close(desk: Desk, openklant: OpenKlant, conversation: str) -> None:
    """Transfer and close a conversation at a desk; its one task follows, and knows the 24 hours."""

    async def remote_task() -> dict[str, Any]:
        contacts = await openklant.contacts()
        [one] = [c for c in contacts if c["metadata"]["gesprek"] == conversation]
        task: dict[str, Any]
        [task] = one["taken"]
        return task

    async def state() -> tuple[str, list[str], str]:
        task = await remote_task()
        return task["uuid"], task["actoren"], task["status"]

    uuid, *_ = await state()

    path = f"/v1/conversations/{conversation}"
    body = {"department": "burgerzaken", "reason": "hoort daar"}
    code, answer = await desk.post(f"{path}/_transfer", body)
    assert code == 202, answer
    await until(state, lambda found: found == (uuid, SECOND, "te_verwerken"), 20)
    assert "Antwoorden via WhatsApp kan tot" in (await remote_task())["toelichting"]
    code, answer = await desk.post(f"{path}/_close", {"reason": "klaar", "outcome": "handled"})
    assert code == 202, answer
    await until(state, lambda found: found == (uuid, SECOND, "verwerkt"), 20)


async def test_a_task_completed_in_open_klant_closes_its_conversation_but_no_newer_question(
    openklant: OpenKlant, watch: Watch
) -> None:
    await openklant.write("De container bij het station is vol", 501)
    await openklant.write("De container bij het park is vol", 502)
    [asks], [other] = [
        await until(lambda word=word: openklant.contacts_with_task(word), bool, 20)  # type: ignore[misc]
        for word in ("station", "park")
    ]
    await openklant.complete_task(asks)
    await openklant.write("En de container bij de kerk ook", 501, 1)
    await openklant.complete_task(other)
    # Once the conversation of the second is closed, the poller has seen both: it takes the task
    # that it polled longest ago first.
    found = await until(lambda: closings(watch, other["metadata"]["gesprek"]), bool, 60)
    assert found == ["Afgehandeld in Open Klant|silent|openklant:crm|system"]
    [asked] = await until(lambda: openklant.contacts_with_task("kerk"), bool, 20)
    assert asked["taken"][-1]["status"] == "te_verwerken"
    still_open = "select count(*) from router.conversation where closed_at is null and id = '{}'"
    assert await watch.count(still_open.format(asked["metadata"]["gesprek"])) == 1
