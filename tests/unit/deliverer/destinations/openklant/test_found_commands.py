"""Commands for the router, from what employees did in an Open Klant."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.destinations.openklant import found_commands
from deliverer.destinations.openklant.found_commands import (
    FoundCommand,
    build_command,
    read_command,
)
from services.contract import (
    AddNote,
    AnyAction,
    Author,
    CloseConversation,
    ReopenConversation,
    SendMessage,
    TransferConversation,
)
from tests.support.integration.destination_harness import NOON


def found(action: AnyAction, employee: str = "") -> FoundCommand:
    return FoundCommand(
        id=UUID(int=9),
        destination="openklant",
        conversation="10000001-c1",
        department="afval",
        employee=employee,
        action=action,
        found_at=NOON,
    )


def test_closing_command_names_author_department_and_last_seen_sequence() -> None:
    command = build_command(found(found_commands.closing("silent", 7)))
    assert (command.id, command.type, command.number) == (UUID(int=9), "close", "10000001")
    assert command.author == Author(kind="system", id="openklant")
    assert (command.token, command.reply_to) == ("openklant:openklant", "openklant")
    assert (command.department, command.departments) == ("afval", ["afval"])
    assert command.received_at == NOON
    assert command.action == CloseConversation(
        outcome="silent", reason="Afgehandeld in Open Klant", last_seen_sequence=7
    )


def test_answer_is_the_text_as_it_is_in_the_name_of_its_employee() -> None:
    text = "Morgen.\n\n*Let op*: 'gescheiden' \"afval\" 😀"
    command = build_command(found(found_commands.answer(text, 7), "sanne@almelo.nl"))
    assert command.author == Author(kind="employee", id="sanne@almelo.nl", identified="stated")
    assert isinstance(command.action, SendMessage) and command.action.text == text
    content: dict[str, Any] = msgspec.json.decode(command.action.content)
    assert content == {"type": "text", "text": {"body": text}}


@pytest.mark.parametrize(
    ("employee", "is_same", "reason"),
    [
        ("", False, "doorgestuurd in Open Klant"),
        ("sanne", False, "doorgestuurd in Open Klant"),
        ("sanne", True, "opgepakt in Open Klant"),
        ("", True, "doorgestuurd in Open Klant"),
    ],
)
def test_transfer_says_if_an_employee_took_the_task_or_forwarded_it(
    employee: str, is_same: bool, reason: str
) -> None:
    action = found_commands.transfer("burgerzaken", employee, is_same=is_same)
    assert (action.to_department, action.employee) == ("burgerzaken", employee)
    assert action.reason == reason


@pytest.mark.parametrize(
    "action",
    [
        found_commands.answer("Ja.", 7),
        found_commands.transfer("burgerzaken", "sanne", is_same=False),
        ReopenConversation(reason="heropend in Open Klant"),
        AddNote(text=found_commands.REMOVED),
        TransferConversation(to_department="x"),
        found_commands.closing("answered", 3),
    ],
    ids=lambda action: type(action).__name__,
)
def test_command_of_a_row_is_the_command_that_was_stored(action: AnyAction) -> None:
    command = found(action, "sanne")
    row = msgspec.structs.asdict(command) | {"action": msgspec.json.encode(action).decode()}
    assert read_command(row) == command
