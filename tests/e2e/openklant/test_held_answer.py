"""Answers that wait because their citizen wrote too long ago, and the tasks that say so."""

from datetime import timedelta

from router.conversation.reopen_request import ASKED
from tests.e2e.test_weekend import FATIMA, JAN, MONDAY, SANNE
from tests.support.e2e.crm_desk import Desk
from tests.support.e2e.ita_desk import ANSWERED, SECONDS, ItaDesk
from tests.support.observer import until
from tests.support.simulated_clock import SimulatedClock

ANSWER = "Ja, u kunt hem ophalen."
WAITS = "Antwoord wacht tot de inwoner weer schrijft"


async def test_a_question_that_releases_a_held_answer_stays_to_do(
    desk: ItaDesk, clock: SimulatedClock
) -> None:
    api, citizen = Desk(desk.watch), desk.phone(FATIMA)
    asked = await desk.ask(citizen, "bij de markt")
    clock.set(MONDAY)
    body = {"type": "text", "text": {"body": ANSWER}}
    code, accepted = await api.answer(asked.conversation, **body)
    assert code == 202
    await until(lambda: api.status(accepted["id"]), lambda s: s["reason"] == ASKED, SECONDS)
    await until(citizen.got, bool, SECONDS)  # they are asked to write
    await asked.until_task_has("te_verwerken", WAITS)
    clock.passes(timedelta(hours=3))
    await citizen.writes("graag. En hoe vraag ik een kapvergunning aan?")
    await until(citizen.got, lambda got: got[-1] == ANSWER, SECONDS)

    async def answered() -> list[str]:
        answers = await desk.open_klant.contacts(ANSWER)
        subjects = (subject for each in answers for subject in each["onderwerpen"])
        return [one["wasKlantcontact"] for one in subjects if one["wasKlantcontact"]]

    assert await until(answered, bool, SECONDS) == [asked.uuid]
    assert await asked.later_texts() == ["graag. En hoe vraag ik een kapvergunning aan?"]
    assert (await asked.task())["status"] == "te_verwerken"


async def test_an_answer_in_ita_that_waits_says_so_on_its_task_until_the_citizen_writes(
    desk: ItaDesk, clock: SimulatedClock
) -> None:
    citizen, other = desk.phone(JAN), desk.phone(SANNE)
    asked, stopped = await desk.ask(citizen, "bij de sluis"), await desk.ask(other, "bij de dijk")
    clock.passes(timedelta(days=2))
    for question in (asked, stopped):
        await question.answer(ANSWER)
    for question in (asked, stopped):
        await question.until_task_has("verwerkt", WAITS)
        assert await question.closings() == []
    await citizen.writes("Dank u")
    await other.writes("STOP")
    await until(citizen.got, lambda got: got[-1] == ANSWER, SECONDS)
    await asked.until_closed(ANSWERED)
    await stopped.until_task_has("te_verwerken", "Antwoord niet verstuurd. opted_out: ")
    assert ANSWER not in await other.got()
