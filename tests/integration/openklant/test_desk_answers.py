"""Answers that employees register in ITA are sent once; other registrations never are."""

import asyncio

import msgspec
import pytest

from deliverer.destinations.openklant.desk import registrations as bounds
from router.conversation.reopen_request import ASKED
from services import clock, metrics
from services.contract import CloseConversation, SendMessage
from services.postgres.database import Pool
from tests.support.integration.stops import start, stop
from tests.support.observer import until
from tests.support.openklant.desk import SANNE, Desk, found_after
from tests.support.openklant.link import Link, ProcessEnded
from tests.support.openklant.register import Register, Scene

ID, SEND = "10000001-c1", "WhatsApp versturen"
WORDS = "Wij legen hem morgen."
SAME_ID = """
insert into deliverer.found_command (id, destination, conversation, department, action)
values ($1, 'other', '', '', '{}')
"""
BLOCKED = """
select count(*) from pg_stat_activity
where wait_event_type = 'Lock' and query like '%insert into deliverer.found_command%'
"""


def registrations(outcome: str) -> float:
    labels = {"destination": "crm", "outcome": outcome}
    name = "postkamer_openklant_registrations_total"
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def asked(register: Register, scene: Scene) -> Scene:
    """A question in an Open Klant whose answers are sent."""
    register.answer_channel = SEND
    await scene.ask()
    assert await found_after(register) == []
    return scene


async def test_an_answer_is_sent_once_under_the_name_of_its_employee(
    register: Register, asked: Scene, desk: Desk
) -> None:
    await desk.answer(WORDS)
    before = registrations("sent")
    for _ in range(2):
        [command] = await found_after(register)
    assert registrations("sent") == before + 1
    action = command.action
    assert isinstance(action, SendMessage)
    assert (action.type, action.text) == ("text", WORDS)
    assert msgspec.json.decode(action.content) == {"type": "text", "text": {"body": WORDS}}
    assert command.author and (command.author.kind, command.author.id) == ("employee", SANNE)
    assert (command.token, command.reply_to) == ("openklant:crm", "crm")
    assert (command.conversation, command.department) == (ID, "afval")


@pytest.mark.parametrize(
    ("channel", "succeeded"), [("WhatsApp", True), ("Telefoon", True), (SEND, False)]
)
async def test_any_other_registration_is_never_sent(
    register: Register, asked: Scene, desk: Desk, channel: str, succeeded: bool
) -> None:
    before = registrations("sent"), registrations("kept")
    await desk.answer(WORDS, channel, succeeded=succeeded)
    assert await found_after(register) == []
    await desk.close()
    [closing] = await found_after(register)
    assert (registrations("sent"), registrations("kept")) == (before[0], before[1] + 1)
    assert isinstance(closing.action, CloseConversation)


async def test_nothing_is_sent_while_no_channel_is_configured_nor_what_was_registered_before_it(
    register: Register, scene: Scene, desk: Desk
) -> None:
    await scene.ask()
    await found_after(register)
    await desk.answer(WORDS)
    assert await found_after(register) == []
    register.answer_channel = SEND
    assert await found_after(register) == []
    await desk.answer("Nu wel.")
    [command] = await found_after(register)
    assert isinstance(command.action, SendMessage) and command.action.text == "Nu wel."


async def test_each_answer_of_a_chain_is_sent_in_order_also_after_one_by_telephone(
    register: Register, asked: Scene, desk: Desk
) -> None:
    await desk.answer("Gebeld.", "Telefoon")
    await desk.answer("Eerst dit.")
    await desk.answer("En dan dat.", close=True)
    found = [command.action for command in await found_after(register)]
    assert [each.text for each in found if isinstance(each, SendMessage)] == [
        "Eerst dit.",
        "En dan dat.",
    ]
    assert len(found) == 2, "the closing waits for the last answer"


async def test_the_conversation_closes_as_answered_once_the_answer_was_sent(
    register: Register, asked: Scene, desk: Desk
) -> None:
    await desk.answer(WORDS, close=True)
    [answer] = await found_after(register)
    await asked.status("sent", id=answer.id)
    _, closing = await found_after(register)
    assert closing.action == CloseConversation(
        reason="Afgehandeld in Open Klant", outcome="answered", last_seen_sequence=1
    )
    assert len(await register.contacts()) == 1, "the answer is there already"


@pytest.mark.parametrize("by_router", [False, True])
async def test_an_answer_that_fails_opens_its_task_again_with_the_reason(
    register: Register, asked: Scene, desk: Desk, by_router: bool
) -> None:
    await desk.answer(WORDS, close=True)
    [answer] = await found_after(register)
    for _ in range(2):
        if by_router:
            await asked.refusal("text", "het venster is dicht", answer.id)
        else:
            await asked.status("failed", id=answer.id, reason="het venster is dicht")
    [contact] = await register.contacts()
    [task] = contact["taken"]
    assert task["status"] == "te_verwerken"
    assert task["toelichting"].count("Antwoord niet verstuurd. het venster is dicht") == 1
    assert await found_after(register) == [answer], "nothing closes the conversation"
    await desk.answer("Wij belden u.", "Telefoon", close=True)
    *_, closing = await found_after(register)
    assert isinstance(closing.action, CloseConversation) and closing.action.outcome == "handled"


async def test_an_answer_in_doubt_opens_its_task_and_closes_it_when_it_was_sent(
    register: Register, asked: Scene, desk: Desk
) -> None:
    await desk.answer(WORDS, close=True)
    [answer] = await found_after(register)
    await asked.status("unknown", id=answer.id)
    assert await asked.tasks() == [["te_verwerken"]]
    await asked.status("sent", id=answer.id)
    assert [type(each.action) for each in await found_after(register)] == [
        SendMessage,
        CloseConversation,
    ]


async def test_the_task_of_an_answer_that_waits_for_the_citizen_says_so_and_closes_when_it_was_sent(
    register: Register, asked: Scene, desk: Desk
) -> None:
    await desk.answer(WORDS, close=True)
    [answer] = await found_after(register)
    for _ in range(2):
        await asked.status("accepted", id=answer.id, reason=ASKED)
    [task] = (await register.contacts())[0]["taken"]
    assert task["status"] == "verwerkt"
    waits = "Antwoord wacht tot de inwoner weer schrijft; Postkamer vraagt daar met een sjabloon om"
    assert task["toelichting"].splitlines().count(waits) == 1
    await asked.status("sent", id=answer.id)
    _, closing = await found_after(register)
    assert isinstance(closing.action, CloseConversation) and closing.action.outcome == "answered"


async def test_an_answer_is_found_once_wherever_the_round_is_interrupted(
    register: Register, asked: Scene, desk: Desk, pool: Pool
) -> None:
    await desk.answer(WORDS, close=True)
    clear = "truncate deliverer.registration, deliverer.found_command"
    again = "update deliverer.internetaak set ended = false, ended_at = null"
    for nth in range(1, 40):
        for answered in (False, True):
            await pool.execute(clear)
            await pool.execute(again)
            try:
                await register.poll(Link(register.sender, nth, answered=answered))
            except ProcessEnded:
                assert [type(each.action) for each in await found_after(register)] == [SendMessage]
            else:
                return
    pytest.fail("the round has more requests than were interrupted")


async def test_rounds_at_once_find_an_answer_once(
    register: Register, asked: Scene, desk: Desk
) -> None:
    await desk.answer(WORDS)
    await asyncio.gather(*(register.poll() for _ in range(4)))
    assert len(await register.commands()) == 1


async def test_an_answer_whose_reference_is_still_missing_is_found_later(
    register: Register, asked: Scene, desk: Desk
) -> None:
    """ITA writes the contact first and its reference last."""
    uuid = await desk.answer(WORDS)
    [subject] = await register.list("onderwerpobjecten", klantcontact__uuid=uuid)
    await register.remove("onderwerpobjecten", subject["uuid"])
    assert await found_after(register) == []
    [contact] = await register.contacts()
    codes = {"codeObjecttype": "klantcontact", "codeRegister": "openklant"}
    reference = {
        "klantcontact": {"uuid": uuid},
        "wasKlantcontact": {"uuid": contact["uuid"]},
        "onderwerpobjectidentificator": codes
        | {"objectId": contact["uuid"], "codeSoortObjectId": "uuid"},
    }
    await register.create("onderwerpobjecten", reference)
    [command] = await found_after(register)
    assert isinstance(command.action, SendMessage)


async def test_answers_to_questions_of_others_are_passed_over(
    register: Register, asked: Scene
) -> None:
    theirs = {"kanaal": SEND, "onderwerp": "x", "taal": "nld", "vertrouwelijk": False}
    question = await register.create("klantcontacten", theirs | {"kanaal": "Telefoon"})
    answer = await register.create("klantcontacten", theirs | {"inhoud": "Van hen"})
    reference = {
        "klantcontact": {"uuid": answer["uuid"]},
        "wasKlantcontact": {"uuid": question["uuid"]},
    }
    await register.create("onderwerpobjecten", reference)
    assert await found_after(register) == []
    before = len(register.link.requests)
    assert await found_after(register) == []
    assert len(register.link.requests) == before + 2, "it is known: two lists are read"


async def test_a_question_whose_answer_is_in_doubt_closes_once_an_employee_has_called(
    register: Register, asked: Scene, desk: Desk
) -> None:
    await desk.answer(WORDS, close=True)
    [answer] = await found_after(register)
    await asked.status("unknown", id=answer.id)
    assert await asked.tasks() == [["te_verwerken"]]
    await desk.answer("Wij belden u.", "Telefoon", close=True)
    _, closing = await found_after(register)
    assert isinstance(closing.action, CloseConversation) and closing.action.outcome == "handled"


async def test_a_closing_that_is_stored_while_its_answer_is_settled_is_not_left_waiting(
    register: Register, asked: Scene, desk: Desk, pool: Pool
) -> None:
    await desk.answer(WORDS)
    [answer] = await found_after(register)
    id, started = clock.new_id(), clock.now()
    [task] = await register.desk_store.known_tasks([], started)
    async with pool.acquire() as other:
        holding = other.transaction()
        await holding.start()
        await other.execute(SAME_ID, id)  # the closing waits for this transaction
        closing = asyncio.create_task(register.desk_store.mark_done(task, id, "answered", started))
        await until(lambda: pool.fetchval(BLOCKED), bool, 10)
        await asked.status("sent", id=answer.id)
        await holding.rollback()
    assert await closing
    assert [command.id for command in await register.commands()] == [answer.id, id]


async def test_answers_of_a_long_absence_are_all_found(
    register: Register, asked: Scene, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "PAGE", "1")
    answers = [f"Antwoord {n}" for n in range(7)]
    for each in answers:
        await desk.answer(each)
    for _ in range(2):
        found = [command.action for command in await found_after(register)]
    assert [each.text for each in found if isinstance(each, SendMessage)] == answers


async def test_an_answer_about_a_stopped_number_is_left_for_after_its_move(
    register: Register, asked: Scene, desk: Desk, pool: Pool
) -> None:
    await desk.answer(WORDS, close=True)
    await stop(pool, ID.partition("-")[0])
    assert await found_after(register) == []
    assert await pool.fetchval("select count(*) from deliverer.registration") == 0
    await start(pool)
    [command] = await found_after(register)
    assert isinstance(command.action, SendMessage) and command.action.text == WORDS
