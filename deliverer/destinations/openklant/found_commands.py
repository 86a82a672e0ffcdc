"""Commands for the router, from what employees did in an Open Klant. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.contract import (
    AddNote,
    AnyAction,
    Author,
    CloseConversation,
    Command,
    ReopenConversation,
    SendMessage,
    TransferConversation,
)

HANDLED = "Afgehandeld in Open Klant"
FORWARDED = "doorgestuurd in Open Klant"
TAKEN = "opgepakt in Open Klant"
REOPENED = "heropend in Open Klant"
REMOVED = "De taak van dit gesprek is in Open Klant verwijderd."
SENDER = "openklant:{}"
"""Token of the commands from a destination, by which their events say where they came from."""
SYSTEM = Author(kind="system", id="openklant")


class FoundCommand(msgspec.Struct, frozen=True, kw_only=True):
    """Command in a conversation, on behalf of a department; `employee` is its author, '' for Open
    Klant itself."""

    id: UUID
    destination: str
    conversation: str
    department: str
    employee: str = ""
    action: AnyAction
    waits_for: UUID | None = None
    """Message that has to be sent first."""
    found_at: datetime


def answer(text: str, seen: int) -> SendMessage:
    """Return an answer of an employee who saw the conversation up to this place."""
    content = {"type": "text", "text": {"body": text}}
    raw = msgspec.json.encode(content)
    return SendMessage(type="text", text=text, content=raw, last_seen_sequence=seen)


def transfer(
    department: str, employee: str, note: str = "", *, is_same: bool
) -> TransferConversation:
    """Return the transfer; `note` is the one of the employee who forwarded the task."""
    reason = _explain(TAKEN if is_same and employee else FORWARDED, note)
    return TransferConversation(to_department=department, employee=employee, reason=reason)


def reopening(note: str = "") -> ReopenConversation:
    return ReopenConversation(reason=_explain(REOPENED, note))


def _explain(reason: str, note: str) -> str:
    return f"{reason}: {note}" if note else reason


def removal() -> AddNote:
    return AddNote(text=REMOVED)


def closing(outcome: str, seen: int) -> CloseConversation:
    return CloseConversation(reason=HANDLED, outcome=outcome, last_seen_sequence=seen)


def build_command(found: FoundCommand) -> Command:
    """Return the command as a CRM would give it. The router checks every rule, and if there is new
    work since; the destination hears of a refusal."""
    employee = Author(kind="employee", id=found.employee, identified="stated")
    return Command(
        id=found.id,
        received_at=found.found_at,
        token=SENDER.format(found.destination),
        action=found.action,
        conversation=found.conversation,
        number=found.conversation.partition("-")[0],
        author=employee if found.employee else SYSTEM,
        departments=[found.department],
        department=found.department,
        reply_to=found.destination,
    )


_action = msgspec.json.Decoder(AnyAction)


def read_command(row: dict[str, Any]) -> FoundCommand:
    """Return the command of a row, whose action is JSON."""
    return FoundCommand(**row | {"action": _action.decode(row["action"])})
