"""Employees work in ITA on what citizens ask on WhatsApp: they answer, forward, close and reopen
there, and all services run."""

import asyncio
from datetime import timedelta

from deliverer.destinations.openklant.contact_text import IN_ARCHIVE
from sandbox.ita.rules import Unit
from tests.support.e2e.crm_desk import Desk, colleague
from tests.support.e2e.ita_desk import (
    ANSWERED,
    SECONDS,
    SILENT_CLOSING,
    STREETS,
    YOUTH,
    ItaDesk,
    Question,
)
from tests.support.observer import until
from tests.support.pii_markers import phone
from tests.support.simulated_clock import SimulatedClock

UNREACHABLE, SILENT = "31600131026", "31600000408"
"""Phones to which Meta refuses a message, and for which it never answers."""
UNKNOWN = Unit("afd", "griffie", "Griffie")
"""Department that Postkamer does not have."""


async def test_an_answer_in_ita_reaches_the_phone_or_its_task_says_why_not(
    desk: ItaDesk, clock: SimulatedClock
) -> None:
    phones = [desk.phone(number) for number in (phone(1), UNREACHABLE, SILENT)]
    places = ("kerk", "park", "brug")
    asked, refused, lost = await asyncio.gather(*map(desk.ask, phones, places))
    answer = f"Wij komen morgen {desk.marks['answer']}"
    await asked.answer(answer)
    await refused.answer(answer, close=False)
    await lost.answer(answer, close=False)
    await until(phones[0].got, lambda got: got == [answer], SECONDS)
    await asked.until_closed(ANSWERED)
    question, sent = await until(
        lambda: desk.watch.messages(asked.conversation), lambda m: len(m) == 2, SECONDS
    )
    assert (question["direction"], sent["direction"], sent["text"]) == ("in", "out", answer)
    assert sent["author"] == {"kind": "employee", "id": desk.employee, "identified": "stated"}
    await refused.until_task_has("te_verwerken", "Antwoord niet verstuurd. 131026: ")
    await asyncio.gather(reopen_and_close(desk, asked), wait_for_doubt(desk, lost, clock))
    assert [await each.closings() for each in (refused, lost)] == [[], []]
    later = await desk.ask(phones[0], "molen")
    assert later.nummer != asked.nummer
    assert (await later.task())["status"] == "te_verwerken"
    assert await phones[0].got() == [answer]


async def reopen_and_close(desk: ItaDesk, asked: Question) -> None:
    await desk.ita.reopen(await desk.ita.open_task(asked.nummer), "toch niet klaar")
    is_open = (
        f"select count(*) from router.conversation where id = '{asked.conversation}'"
        " and closed_at is null"
    )
    await until(lambda: desk.watch.count(is_open), bool, SECONDS)
    task = await asked.task()
    await desk.ita.api.patch("internetaken", task["uuid"], {"status": "verwerkt"})
    await asked.until_closed(ANSWERED, SILENT_CLOSING)


async def wait_for_doubt(desk: ItaDesk, lost: Question, clock: SimulatedClock) -> None:
    """Wait until the task says that the fate of its answer is unknown, for which Meta has ten
    minutes."""
    mine = f"conversation = '{lost.conversation}' and state = 'unknown'"
    sql = f"select count(*) from deliverer.ledger where {mine}"
    await until(lambda: desk.watch.count(sql), bool, SECONDS)
    clock.passes(timedelta(minutes=11))
    await lost.until_task_has(
        "te_verwerken", "Niet zeker of het antwoord is verstuurd: vraag het de inwoner."
    )


async def test_a_question_forwarded_in_ita_to_a_confidential_department_is_read_there_alone(
    desk: ItaDesk,
) -> None:
    old, new = [
        await colleague(desk.watch, unit.id, departments=(unit.id,)) for unit in (STREETS, YOUTH)
    ]
    citizen, parent = desk.phone(phone(2)), desk.phone(phone(3))
    asked = await desk.ask(citizen, "voor de buren")
    lost = await desk.ask(desk.phone(phone(4)), "bij de griffie")
    await lost.forward(UNKNOWN)
    await asked.forward(YOUTH)
    transfer = [f"{STREETS.id}|{YOUTH.id}|doorgestuurd in Open Klant|openklant:crm"]
    await until(asked.transfers, lambda found: found == transfer, SECONDS)
    secret = f"Zij slapen niet meer {desk.marks['note']}"
    await citizen.writes(secret)
    await parent.writes(f"Mijn kind slaapt niet {desk.marks['note']}", name=desk.marks["name"])

    texts = lambda colleague: read_texts(colleague, asked.conversation)  # noqa: E731
    await until(lambda: texts(new), lambda found: found[-1:] == [secret], SECONDS)
    assert secret not in await texts(old)
    refusals = await old.answer(asked.conversation), await old.does(asked.conversation, "_close")
    assert [(code, body["code"]) for code, body in refusals] == [(409, "transferred")] * 2

    _, other = await until(lambda: desk.contacts_of(YOUTH), lambda found: len(found) == 2, SECONDS)
    assert (other["onderwerp"], other["betrokkenen"][0]["adressen"]) == ("Bericht via WhatsApp", [])
    for text in (*await until(asked.later_texts, bool, SECONDS), other["inhoud"]):
        assert text.startswith(IN_ARCHIVE) and desk.marks.kinds(text) == []
    for task in (await asked.task(), *other["taken"]):
        assert desk.marks.kinds(task["toelichting"]) == []
    await until(desk.logs, lambda logs: '"openklant.actor"' in logs, SECONDS)
    assert await lost.transfers() == []


async def read_texts(colleague: Desk, conversation: str) -> list[str]:
    """Return the texts of a conversation that the archive shows for a token."""
    url = f"{colleague.watch.town.archiver}/v1/conversations/{conversation}/messages"
    async with colleague.watch.session.get(url, headers=colleague.headers) as answer:
        return [one["text"] for one in (await answer.json()).get("messages", [])]


async def test_no_log_has_a_word_of_a_citizen_or_of_an_employee(desk: ItaDesk) -> None:
    await desk.ask(desk.phone(phone(5)), "bij het station")
    logs = await desk.logs()
    assert '"openklant.' in logs
    assert [trace.shown for trace in desk.marks.traces("logs", logs)] == []
