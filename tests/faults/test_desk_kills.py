"""The desk is killed while an employee answers: the answer goes once, or the page says that nobody
knows, and then it goes once."""

import asyncio
import os
import random
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.support.desk.employee import Employee
from tests.support.desk.town import with_desk
from tests.support.e2e.phone import SECONDS, Phone
from tests.support.installation import Installation, installed
from tests.support.observer import Watch, until

SEED = int(os.environ.get("POSTKAMER_TEST_SEED") or random.getrandbits(32))
MOST_KILLS = 40
"""Answers to one citizen before the pace of Meta's numbers slows them: 45 in a row."""
KILLS = min(MOST_KILLS, int(os.environ.get("POSTKAMER_TEST_DESK_ANSWER_KILLS", "12")))
LONGEST_SECONDS = 0.12
"""Longest time from sending the form to the kill: the answer of the desk takes some 50 ms."""
LOOK_SECONDS = 3.0
"""Time for which an employee looks whether an answer was sent: the record follows within one."""
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
        sending = asyncio.create_task(lotte.submit(f"{path}/answer", {"text": answer}))
        await asyncio.sleep(chance.uniform(0.0, LONGEST_SECONDS))
        await asyncio.to_thread(town.kill, "desk")
        await asyncio.gather(sending, return_exceptions=True)
        await asyncio.to_thread(town.restart, "desk")
        await asyncio.to_thread(town.wait_until_ready, "desk")
        await lotte.get(path)
        if "Is dit verstuurd?" in lotte.page:
            unsure += 1
            assert answer in lotte.page
            await lotte.submit(f"{path}/answer", {})
        else:
            await send_unless_on_its_way(lotte, fatima, path, answer)
        await until(fatima.got, lambda got, answer=answer: answer in got, SECONDS)
    got = await fatima.got()
    assert [each for each in got if each.startswith("Antwoord")] == [
        f"Antwoord nummer {n}" for n in range(KILLS)
    ]
    print(f"{unsure} of {KILLS} were uncertain")


async def send_unless_on_its_way(lotte: Employee, fatima: Phone, path: str, answer: str) -> None:
    """Send an answer that the desk had not begun to give. One that it had given comes to the
    record: its employee looks before they send again."""

    async def is_there() -> bool:
        said = (await lotte.get(path)).partition('class="desk-answering"')[0]
        return answer in said or answer in await fatima.got()

    try:
        await until(is_there, bool, LOOK_SECONDS)
    except AssertionError:
        await lotte.submit(f"{path}/answer", {"text": answer})
