"""From a citizen's phone to the tasks of an Open Klant, through a deliverer that is killed."""

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from sandbox.openklant.error_responses import BASE
from sandbox.settings import SandboxSettings
from tests.support.citizens import post, signature, text, webhook
from tests.support.e2e.crm_desk import Desk
from tests.support.installation import Installation
from tests.support.observer import Watch, until

CITIZENS = range(20)
LOOK_SECONDS = 5
FACTOR = 2.0
"""Times slower than the real server, so that a death meets something half done."""


def with_open_klant(config: str) -> str:
    at = config.index("[[destinations]]")
    mine, rest = config[at:].split("\n\n", 1)
    mine = mine.replace('"cloudevents"', '"openklant"').replace("/crm/events", BASE)
    mine = mine.replace("CRM_SECRET", "OPENKLANT_TOKEN") + f"\nlook_seconds = {LOOK_SECONDS}"
    return config[:at] + mine + "\n\n" + rest


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("openklant"), with_open_klant)
    installation.more["OPENKLANT_TOKEN"] = SandboxSettings().openklant_token
    try:
        installation.start()
        yield installation
    finally:
        installation.stop()


async def test_every_citizen_is_one_contact_and_one_task_through_deaths_of_the_deliverer(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    async def ask(method: str, path: str, body: Any = None) -> Any:
        async with session.request(method, town.sandbox + path, json=body) as answer:
            assert answer.status < 300
            return await answer.json()

    async def contacts() -> list[dict[str, Any]]:
        return list((await ask("GET", "/openklant/summary"))["contacts"].values())

    async def say(words: str, citizen: int, nth: int) -> None:
        body = webhook(text(words, f"wamid.ok.{citizen}.{nth}", citizen))
        assert await post(session, town.gateway, body, signature(body)) == 200

    await ask("POST", "/openklant/pace", {"factor": FACTOR})
    for citizen in CITIZENS:
        await say(f"Mijn container is vol, zegt {citizen}", citizen, 0)
    for killed in (4, 9, 14):
        await until(contacts, lambda found, count=killed: len(found) >= count, 30)  # type: ignore[misc]
        await asyncio.to_thread(town.kill, "deliverer")
        await asyncio.to_thread(town.restart, "deliverer")
    for citizen in CITIZENS:
        await say("Dorpsstraat 12", citizen, 1)
    found = await until(contacts, lambda all: len(all) == 20 and all_have(all, "Dorps"), 60)
    for one in found:
        assert one["inhoud"].startswith("Mijn container is vol, zegt ")
        assert one["inhoud"].count("Dorpsstraat 12") == 1
        [party] = one["betrokkenen"]
        assert [each["soort"] for each in party["adressen"]] == ["telefoonnummer"]
        assert len(one["taken"]) == 1, one["taken"]
        [task] = one["taken"]
        assert (task["actoren"], task["status"]) == (["Openbare ruimte"], "te_verwerken")
    await ask("POST", "/openklant/pace", {"factor": 0})
    await moved_and_closed(Desk(watch), found[0]["metadata"]["gesprek"], contacts)


async def moved_and_closed(desk: Desk, conversation: str, contacts: Any) -> None:
    """What a desk does with one of them is done to its tasks."""

    async def tasks() -> list[tuple[list[str], str]]:
        [one] = [c for c in await contacts() if c["metadata"]["gesprek"] == conversation]
        return [(task["actoren"], task["status"]) for task in one["taken"]]

    where = f"/v1/conversations/{conversation}"
    body = {"department": "burgerzaken", "reason": "hoort daar"}
    code, said = await desk.post(f"{where}/_transfer", body)
    assert code == 202, said
    first, second = ["Openbare ruimte"], ["Burgerzaken"]
    wanted = [(first, "verwerkt"), (second, "te_verwerken")]
    await until(tasks, lambda found: found == wanted, 20)
    code, said = await desk.post(f"{where}/_close", {"reason": "klaar", "outcome": "handled"})
    assert code == 202, said
    await until(tasks, lambda found: found == [(first, "verwerkt"), (second, "verwerkt")], 20)


class Employee:
    """Works in whatever stands on top of Open Klant."""

    def __init__(self, town: Installation, session: aiohttp.ClientSession) -> None:
        self._town, self._session = town, session

    async def sees(self, words: str) -> list[dict[str, Any]]:
        """The contacts in which this is said, once there is something to do about them."""
        async with self._session.get(f"{self._town.sandbox}/openklant/summary") as answer:
            all = (await answer.json())["contacts"].values()
        return [one for one in all if words in one["inhoud"] and one["taken"]]

    async def does(self, contact: dict[str, Any]) -> None:
        headers = {"Authorization": f"Token {SandboxSettings().openklant_token}"}
        [task] = contact["taken"]
        url = f"{self._town.sandbox}{BASE}/internetaken/{task['uuid']}"
        body = {"status": "verwerkt"}
        async with self._session.patch(url, json=body, headers=headers) as answer:
            assert answer.status == 200


async def closings(watch: Watch, conversation: str) -> list[str]:
    """Reason, outcome, token and author of each closing on the record."""
    sql = (
        "select concat_ws('|', data->>'reason', data->>'outcome', data->'by'->>'token',"
        " data->'by'->'author'->>'kind') from opened.record where kind = 'conversation'"
        f" and conversation = '{conversation}' and data->>'event' = 'closed'"
    )
    return (await asyncio.to_thread(watch.town.database.execute, sql)).splitlines()


async def test_what_an_employee_does_in_open_klant_closes_it_here_and_no_question_is_lost(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    employee = Employee(town, session)

    async def say(words: str, citizen: int, nth: int) -> None:
        body = webhook(text(words, f"wamid.done.{citizen}.{nth}", citizen))
        assert await post(session, town.gateway, body, signature(body)) == 200

    await say("De container bij het station is vol", 501, 0)
    await say("De container bij het park is vol", 502, 0)
    [asks] = await until(lambda: employee.sees("station"), bool, 20)
    [other] = await until(lambda: employee.sees("park"), bool, 20)
    await employee.does(asks)
    await say("En de container bij de kerk ook", 501, 1)
    await employee.does(other)
    # Of who asked no more: when that is closed, the task that was done before was looked at too.
    park = other["metadata"]["gesprek"]
    found = await until(lambda: closings(watch, park), bool, 60)
    assert found == ["Afgehandeld in Open Klant|handled|openklant:crm|system"]
    [asked] = await until(lambda: employee.sees("kerk"), bool, 20)
    assert asked["taken"][-1]["status"] == "te_verwerken", "what came just after is still to do"
    conversation = asked["metadata"]["gesprek"]
    open = "select count(*) from router.conversation where closed_at is null and id = '{}'"
    assert await watch.count(open.format(conversation)) == 1


def all_have(contacts: list[dict[str, Any]], words: str) -> bool:
    return all(words in one["inhoud"] and one["taken"] for one in contacts)
