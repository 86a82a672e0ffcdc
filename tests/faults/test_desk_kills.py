"""The desk is killed while an employee answers, at random moments and at each of its lines: the
answer goes once, or the page says that nobody knows, and then it goes once."""

import asyncio
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from deploy.local.process import Process
from tests.support.desk.employee import Employee
from tests.support.desk.town import with_desk
from tests.support.e2e.phone import SECONDS, Phone
from tests.support.faults import line_kills
from tests.support.installation import Installation, installed
from tests.support.observer import Watch, until
from tests.support.service_forks import fork

SEED = int(os.environ.get("POSTKAMER_TEST_SEED") or random.getrandbits(32))
MOST_KILLS = 40
"""Answers to one citizen before the pace of Meta's numbers slows them: 45 in a row."""
KILLS = min(MOST_KILLS, int(os.environ.get("POSTKAMER_TEST_DESK_ANSWER_KILLS", "12")))
MOST_LINES = 1000
"""Lines of answering after which the walk is taken for endless; there are some hundred."""
MODULES = {"pages/answers.py", "conversation/answers.py", "postkamer/client.py"}
"""Some of those whose lines an answer runs through."""
LONGEST_SECONDS = 0.12
"""Longest time from sending the form to the kill: the answer of the desk takes some 50 ms."""
pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder: Path = tmp_path_factory.mktemp("town")
    with installed(folder, with_desk, has_desk=True) as installation:
        yield installation


async def test_answer_goes_once_although_the_desk_is_killed(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    print(f"\nPOSTKAMER_TEST_SEED={SEED}")
    chance = random.Random(SEED)
    fatima = Phone(watch, session, "31600000821")
    lotte = Employee(session, town.desk)
    await lotte.log_in("l.hendriks")
    await fatima.writes("Mijn paspoort is kwijt")
    path = await lotte.finds("Mijn paspoort is kwijt")
    unsure = 0
    for n in range(KILLS):
        answer = f"Antwoord nummer {n}"
        await lotte.reads(path, f"Antwoord nummer {n - 1}" if n else "Mijn paspoort is kwijt")
        form = answer_on(lotte, path, answer)
        sending = asyncio.create_task(lotte.post(f"{path}/answer", form))
        await asyncio.sleep(chance.uniform(0.0, LONGEST_SECONDS))
        await asyncio.to_thread(town.kill, "desk")
        await asyncio.gather(sending, return_exceptions=True)
        await start_desk(town)
        unsure += await see_it_sent(town, lotte, fatima, path, form)
    assert await answers_of(fatima) == [f"Antwoord nummer {n}" for n in range(KILLS)]
    print(f"{unsure} of {KILLS} were uncertain")


async def test_answer_goes_once_although_the_desk_is_killed_at_any_line(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    lotte, path = Employee(session, town.desk), ""
    await lotte.log_in("l.hendriks")
    places: list[str] = []
    unsure = 0
    for line in range(1, MOST_LINES):
        if (line - 1) % MOST_KILLS == 0:
            citizen = Phone(watch, session, f"316000009{line // MOST_KILLS:02}")
            await citizen.writes(f"Mijn rijbewijs is kwijt {citizen.number}")
            path = await lotte.finds(f"Mijn rijbewijs is kwijt {citizen.number}")
        answer = f"Antwoord bij regel {line}"
        await start_desk(town, dies_at=line)
        await lotte.get(path)
        form = answer_on(lotte, path, answer)
        with suppress(aiohttp.ClientError):
            await lotte.post(f"{path}/answer", form)
        if not (place := last_words(town)):
            break
        places.append(place)
        print(f"{line}: {place}", flush=True)
        await start_desk(town)
        unsure += await see_it_sent(town, lotte, citizen, path, form)
        assert (await answers_of(citizen)).count(answer) == 1
    else:
        raise AssertionError(f"answering takes more than {MOST_LINES} lines")
    seen = {place.partition(":")[0] for place in places}
    assert seen >= MODULES
    print(f"{unsure} of {len(places)} lines left it uncertain")


async def test_employee_goes_on_at_a_second_desk_on_the_port_when_the_first_stops(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    await start_desk(town)
    lotte, second = Employee(session, town.desk), town.add_second("desk")
    await lotte.log_in("l.hendriks")
    await asyncio.to_thread(town.restart, second)
    await asyncio.to_thread(town.wait_until_ready, second)
    first = town.services["desk"]
    assert await asyncio.to_thread(first.stop) and first.exit_code == 0
    await lotte.get("/inbox")
    assert (lotte.status, lotte.url.path) == (200, "/inbox")
    await asyncio.to_thread(town.services[second].stop)


async def start_desk(town: Installation, dies_at: int = 0) -> None:
    """Kill the desk, and start it again, to die at a line of answering or not at all."""
    await asyncio.to_thread(town.kill, "desk")
    program = town.services["desk"].program
    environment = dict(program.environment) | {line_kills.VARIABLE: str(dies_at)}
    town.services["desk"] = Process(replace(program, environment=environment), fork)
    await asyncio.to_thread(town.restart, "desk")
    await asyncio.to_thread(town.wait_until_ready, "desk")


def last_words(town: Installation) -> str:
    """The place at which the desk died, as `pages/answers.py:12`; '' if it lives."""
    log = town.services["desk"].program.log.read_text()
    return log.partition(line_kills.LAST_WORDS)[2].strip()


async def see_it_sent(
    town: Installation, lotte: Employee, citizen: Phone, path: str, answer: dict[str, str]
) -> bool:
    """Do what the page says until the citizen has the answer; return if it was uncertain."""
    await lotte.get(path)
    is_unsure = "Is dit verstuurd?" in lotte.page
    if is_unsure:
        assert answer["text"] in lotte.page
        await lotte.submit(f"{path}/answer", {})
        left = lotte.form(f"{path}/answer")
        assert lotte.status == 200 and left and left["text"] == "", "it is sent, and is no draft"
    elif not await is_on_its_way(town, answer["key"]):
        await lotte.submit(f"{path}/answer", {"text": answer["text"]})
    await until(citizen.got, lambda got: answer["text"] in got, SECONDS)
    return is_unsure


def answer_on(lotte: Employee, path: str, text: str) -> dict[str, str]:
    """The form of the page, filled in."""
    form = lotte.form(f"{path}/answer")
    assert form, lotte.page
    return form | {"text": text}


async def answers_of(citizen: Phone) -> list[str]:
    return [each for each in await citizen.got() if each.startswith("Antwoord")]


async def is_on_its_way(town: Installation, key: str) -> bool:
    """True if the desk gave this answer before it died. Its employee sees that on the page within a
    second, before they send again; here the table tells it, so that a kill costs no second."""
    sql = f"select count(*) from desk.answer where key = '{key}'"
    return await asyncio.to_thread(town.database.execute, sql) == "1"
