"""A held answer is sent because its citizen asks something else, which stays to do in an Open
Klant; on a simulated clock."""

from collections.abc import Iterator
from datetime import timedelta

import aiohttp
import pytest

from router.conversation.reopen_request import ASKED
from tests.e2e.openklant.test_round_trip import TOKEN, OpenKlant, with_open_klant
from tests.e2e.test_weekend import FATIMA, FRIDAY, MONDAY, Phone, open_on_weekdays
from tests.support.e2e.crm_desk import Desk
from tests.support.installation import Installation
from tests.support.observer import Watch, until
from tests.support.simulated_clock import SimulatedClock, simulated

SECONDS = 20.0
ANSWER = "Ja, u kunt hem ophalen."
QUESTION = "En hoe vraag ik een kapvergunning aan?"
FINISHED = "select count(*) from deliverer.klantcontact where answers is not null and addressed"
"""Answers whose delivery is finished, with all that follows from them."""


@pytest.fixture(scope="module")
def clock() -> Iterator[SimulatedClock]:
    with simulated(FRIDAY) as clock:
        yield clock


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, clock: SimulatedClock) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("held")
    town = Installation(folder, lambda text: with_open_klant(open_on_weekdays(text)))
    town.more = clock.environment | {"OPENKLANT_TOKEN": TOKEN}
    town.database.more = clock.environment
    try:
        town.start()
        yield town
    finally:
        town.discard()


async def test_a_question_that_releases_a_held_answer_stays_to_do(
    watch: Watch, session: aiohttp.ClientSession, clock: SimulatedClock
) -> None:
    desk, phone = Desk(watch), Phone(watch, session, FATIMA)
    openklant = OpenKlant(watch.town, session)

    async def tasks() -> list[list[str]]:
        contacts = await openklant.contacts()
        return [[task["status"] for task in one["taken"]] for one in contacts]

    await phone.writes("is mijn vergunning al klaar")
    await until(tasks, lambda found: found == [["te_verwerken"]], SECONDS)
    [first] = await openklant.contacts()
    clock.set(MONDAY)
    body = {"type": "text", "text": {"body": ANSWER}}
    code, accepted = await desk.answer(first["metadata"]["gesprek"], **body)
    assert code == 202
    await until(lambda: desk.status(accepted["id"]), lambda s: s["reason"] == ASKED, SECONDS)
    await until(phone.got, bool, SECONDS)  # they are asked to write
    clock.set(MONDAY + timedelta(hours=3))
    await phone.writes(f"graag. {QUESTION}")
    await until(lambda: watch.count(FINISHED), bool, SECONDS)
    assert await tasks() == [["te_verwerken"], []]
    asked, answer = await openklant.contacts()
    assert asked["inhoud"].endswith(QUESTION)
    assert answer["inhoud"] == ANSWER
    references = [each["wasKlantcontact"] for each in answer["onderwerpen"]]
    assert list(filter(None, references)) == [first["uuid"]]
