"""What a citizen asks in an Open Klant after an answer was written: that leaves it to do."""

from uuid import UUID

import pytest

from services.postgres.database import Pool
from tests.integration.openklant.test_answers import ANSWERED
from tests.support.openklant.flaky_register import Road
from tests.support.openklant.register import Conversation, Register, taken

FIRST, SECOND = UUID(int=77), UUID(int=78)
"""Answers."""
PLACE = "update deliverer.ledger set place = $2 where id = $1"
AT_ONCE, LATER = 30, 7200
"""Seconds: within a burst, and after it."""


class Desk:
    """A conversation, and who answers in it."""

    def __init__(self, town_hall: Register, pool: Pool) -> None:
        self.talk, self._town_hall, self._pool = Conversation(), town_hall, pool
        self.deliverer = town_hall.deliverer(Road(town_hall.sender))

    async def asked(self, text: str, after: float = 0) -> None:
        await taken(self.deliverer, self.talk.message(text, after, task=True))

    async def answers(self, message: UUID = FIRST, content: str = "") -> None:
        """It is accepted, here and now in the conversation."""
        self.talk.n += 1
        await self._pool.execute(ANSWERED, message, self.talk.conversation, "employee")
        await self._pool.execute(PLACE, message, self.talk.n)
        if content:
            written = "update deliverer.ledger set content = $2 where id = $1"
            await self._pool.execute(written, message, content)

    async def hears(self, status: str, message: UUID = FIRST) -> None:
        data = {"status": status, "department": "afval", "reason": "131026: onbereikbaar"}
        said = self.talk.event("message-status-changed", LATER + 60, data, message=message)
        await taken(self.deliverer, said)

    async def tasks(self) -> list[list[str]]:
        """Of each contact, answers too."""
        holds = await self._town_hall.holds()
        return [[task["status"] for task in one["taken"]] for one in holds]


@pytest.fixture
def desk(town_hall: Register, pool: Pool) -> Desk:
    return Desk(town_hall, pool)


async def test_an_answer_ends_and_refers_to_what_was_asked_before_it_was_accepted(
    town_hall: Register, desk: Desk
) -> None:
    await desk.asked("Is mijn paspoort klaar?")
    await desk.answers()
    await desk.asked("En een rijbewijs?", LATER)
    await desk.hears("sent")
    first, second, answer = await town_hall.holds()
    assert await desk.tasks() == [["verwerkt"], ["te_verwerken"], []]
    assert [each["wasKlantcontact"] for each in answer["onderwerpen"]] == [first["uuid"]]
    await desk.answers(SECOND)
    await desk.hears("sent", SECOND)
    answer = (await town_hall.holds())[-1]
    assert await desk.tasks() == [["verwerkt"], ["verwerkt"], [], []]
    assert [each["wasKlantcontact"] for each in answer["onderwerpen"]] == [second["uuid"]]


async def test_a_burst_that_goes_on_after_the_answer_stays_to_do_and_goes_on(
    town_hall: Register, desk: Desk
) -> None:
    await desk.asked("Is mijn paspoort klaar?")
    await desk.answers()
    await desk.asked("En een rijbewijs?", AT_ONCE)
    await desk.hears("sent")
    question, answer = await town_hall.holds()
    assert await desk.tasks() == [["te_verwerken"], []]
    assert [each["wasKlantcontact"] for each in answer["onderwerpen"]] == [question["uuid"]]
    await desk.asked("Voor een motor", AT_ONCE * 2)
    assert await desk.tasks() == [["te_verwerken"], []], "of the same contact"
    await desk.answers(SECOND)
    await desk.hears("sent", SECOND)
    assert await desk.tasks() == [["verwerkt"], [], []]
    await desk.asked("Dank, en nu?", AT_ONCE * 3)
    assert await desk.tasks() == [["verwerkt"], [], [], ["te_verwerken"]]


async def test_what_was_passed_on_after_the_answer_was_accepted_stays_to_do(desk: Desk) -> None:
    await desk.asked("Is mijn paspoort klaar?")
    await desk.answers()
    await taken(desk.deliverer, desk.talk.moved("burgerzaken", AT_ONCE))
    await desk.hears("sent")
    assert await desk.tasks() == [["verwerkt", "te_verwerken"], []]


async def test_an_answer_that_failed_is_to_be_done_about_what_it_answered(
    town_hall: Register, desk: Desk
) -> None:
    await desk.asked("Is mijn paspoort klaar?")
    await desk.answers()
    await desk.hears("sent")
    await desk.asked("En een rijbewijs?", LATER)
    await desk.hears("failed")
    assert await desk.tasks() == [["verwerkt", "te_verwerken"], [], ["te_verwerken"]]
    question, *_ = await town_hall.holds()
    assert "131026: onbereikbaar" in question["taken"][1]["toelichting"]


@pytest.mark.parametrize("status", ["sent", "failed"])
async def test_a_thumb_is_nobody_s_answer(desk: Desk, status: str) -> None:
    await desk.asked("Is mijn paspoort klaar?")
    await desk.answers(content='{"type": "reaction", "reaction": {"emoji": "👍"}}')
    await desk.hears(status)
    assert await desk.tasks() == [["te_verwerken"]]
