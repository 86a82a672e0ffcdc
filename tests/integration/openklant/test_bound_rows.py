"""Somebody with every right on the database, a conversation of their own and no key.

Nothing that an employee does about another conversation reaches theirs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from deliverer.destinations.openklant.client import SHUT
from deliverer.destinations.openklant.row_seals import BOUND, CONTACT, REGISTRATION, TASK
from services.contract import SendMessage, TransferConversation
from services.postgres.database import Pool
from tests.support.integration.shut_rows import shut_rows
from tests.support.openklant.desk import SEND, Desk, found_after
from tests.support.openklant.register import Register, Scene

VICTIM, THEIRS = "10000001-c1", "10000001-c2"
EXCHANGED = """
update deliverer.klantcontact k set klantcontact = o.klantcontact
from deliverer.klantcontact o where k.conversation <> o.conversation
"""
THEIR_EVENT = f"(select event from deliverer.klantcontact where conversation = '{THEIRS}')"
ATTACKS = {
    "the conversation of the question": (CONTACT,
        f"update {CONTACT} set conversation = '{THEIRS}' where conversation = '{VICTIM}'"),
    "the ids of two questions": (CONTACT, EXCHANGED),
    "a question that is an answer to theirs": (CONTACT,
        f"update {CONTACT} set answers = {THEIR_EVENT} where conversation = '{VICTIM}'"),
    "the question of an earlier registration":
        (REGISTRATION, f"update {REGISTRATION} set contact = {THEIR_EVENT}"),
}  # fmt: skip


@pytest.fixture
async def theirs(register: Register) -> Scene:
    """Two questions in an Open Klant whose answers are sent: first the citizen's, then theirs."""
    register.answer_channel = SEND
    await Scene(register, VICTIM).ask()
    scene = Scene(register, THEIRS)
    await scene.ask("En mijn uitkering?")
    assert await found_after(register) == []
    return scene


async def put_back(pool: Pool, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    key, *others = BOUND[table]
    change = ", ".join(f"{name} = ${nth}" for nth, name in enumerate(others, 2))
    for row in rows:
        parameters = (row[name] for name in (key, *others))
        await pool.execute(f"update {table} set {change} where {key} = $1", *parameters)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_answer_to_a_question_that_was_turned_to_another_is_not_sent(
    register: Register, theirs: Scene, desk: Desk, pool: Pool, attack: str
) -> None:
    table, statement = ATTACKS[attack]
    desk.nth = 0
    if table == REGISTRATION:
        await desk.answer("Gebeld.", SEND, succeeded=False)
        await found_after(register)
    kept = await pool.fetch(f"select * from {table}")
    await pool.execute(statement)
    before = shut_rows(table)
    await desk.answer("Uw uitkering is toegekend.")
    assert await found_after(register) == []
    assert shut_rows(table) > before
    await put_back(pool, table, kept)
    [command] = await found_after(register)
    assert isinstance(command.action, SendMessage)
    assert command.conversation == VICTIM


async def test_forwarding_of_a_task_that_was_turned_to_another_is_not_told(
    register: Register, theirs: Scene, desk: Desk, pool: Pool
) -> None:
    turn = f"update {TASK} set conversation = '{THEIRS}' where conversation = '{VICTIM}'"
    await pool.execute(turn)
    before = shut_rows(TASK)
    for desk.nth in (0, 1):
        await desk.forward("burgerzaken")
    [command] = await found_after(register)
    assert isinstance(command.action, TransferConversation)
    assert command.conversation == THEIRS  # of their own task
    assert shut_rows(TASK) == before + 1


async def test_message_is_not_added_to_a_contact_that_was_put_in_its_conversation(
    register: Register, theirs: Scene, pool: Pool
) -> None:
    turn = f"update {CONTACT} set conversation = '{VICTIM}', heard_at = now() + interval '1 h'"
    await pool.execute(f"{turn} where conversation = '{THEIRS}'")
    before = shut_rows(CONTACT)
    victim = Scene(register, VICTIM)
    verdict = victim.deliverer.judge(await victim.deliverer.deliver(victim.talk.message("Geheim")))
    assert (verdict.outcome, verdict.reason) == ("parked", SHUT)
    assert shut_rows(CONTACT) == before + 1
    assert "Geheim" not in str(await register.contacts())
