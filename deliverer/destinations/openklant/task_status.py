"""Status of polled tasks in an Open Klant, the wait between rounds, and the command for the router.
Pure."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.client import Json
from services.backoff import delay
from services.contract import Author, CloseConversation, Command

TaskStatus = Literal["open", "done", "passed", "gone", "foreign", "strange", "refused"]
REASON = "Afgehandeld in Open Klant"
OUTCOME = "handled"
UNAVAILABLE_STATUSES = frozenset({0, 401, 408, 429, 502, 503, 504})
"""HTTP statuses that concern no single task: no answer, our credentials, overload, a proxy."""
REFUSED_IN_A_ROW = 3
"""Tasks at the start of a round. If all of them are refused, Open Klant is unavailable."""
LONGEST_WAIT = 900.0
"""Longest wait, in seconds, before an unavailable Open Klant is polled again."""
JITTER = 0.1
"""Largest part of a wait that is added at random, so that two destinations in one Open Klant do not
keep polling at the same moment."""


class PolledTask(msgspec.Struct, frozen=True):
    """Task that we have not ended, with Open Klant's ids of it and of its contact."""

    event: UUID
    conversation: str
    internetaak: UUID
    klantcontact: UUID | None


class Closing(msgspec.Struct, frozen=True):
    """Conversation without open tasks in an Open Klant. `seen` is the last place in the
    conversation that its tasks cover."""

    id: UUID
    destination: str
    conversation: str
    department: str
    seen: int
    found_at: datetime


def classify_task(task: PolledTask, remote: Json | None) -> TaskStatus:
    """Return the status of a task. `done` requires matching ids, so that it is surely ours."""
    if remote is None:
        return "gone"
    try:
        ids = remote["uuid"], remote["aanleidinggevendKlantcontact"]["uuid"]
        status = remote["status"]
    except (LookupError, TypeError):
        return "strange"
    if ids != (str(task.internetaak), str(task.klantcontact)):
        return "foreign"
    if status == payloads.DONE:
        return "done"
    return "open" if status == payloads.TO_DO else "strange"


def classify_followup(task: PolledTask, other: Json | None) -> TaskStatus:
    """Classify a completed task: `passed` if another task for the same contact is open, else
    `done`. Open Klant passes work on by completing one task and creating another."""
    if other is None:
        return "done"
    try:
        fields = other["status"], other["aanleidinggevendKlantcontact"]["uuid"]
    except (LookupError, TypeError):
        return "strange"
    return "passed" if fields == (payloads.TO_DO, str(task.klantcontact)) else "strange"


def is_unavailable(status: int, refused: int, polled: int) -> bool:
    """True if the last refusal concerns all tasks, given the numbers refused and polled in this
    round; false if it concerns that one task, so that the others need not wait."""
    return status in UNAVAILABLE_STATUSES or refused == polled >= REFUSED_IN_A_ROW


def wait_before_round(every: float, failures: int, chance: float) -> float:
    """Return the seconds until the next round, after so many rounds in a row without answers.
    `chance` is from 0 to 1."""
    return delay(failures, every, max(every, LONGEST_WAIT), 1 + JITTER * chance)


def close_command(closing: Closing) -> Command:
    """Return the command to close the conversation, as a CRM would give it. The router checks if
    there is new work since."""
    return Command(
        id=closing.id,
        received_at=closing.found_at,
        token=f"openklant:{closing.destination}",
        action=CloseConversation(reason=REASON, outcome=OUTCOME, last_seen_sequence=closing.seen),
        conversation=closing.conversation,
        number=closing.conversation.partition("-")[0],
        author=Author(kind="system", id="openklant"),
        department=closing.department,
    )
