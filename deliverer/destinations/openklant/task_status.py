"""What somebody did in an Open Klant: what a look at a task finds, when the next is, and what the
router is told of it. Pure."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.client import Json
from services.backoff import delay
from services.contract import Author, Command

Found = Literal["open", "done", "passed", "gone", "foreign", "strange", "refused"]
REASON = "Afgehandeld in Open Klant"
OUTCOME = "handled"
UNAVAILABLE_STATUSES = frozenset({0, 401, 408, 429, 502, 503, 504})
"""Statuses that are about no task: no answer, who we are, how busy it is, a proxy without it."""
REFUSED = 3
"""Tasks that a round begins with: when each of them is refused, so are the others."""
LONGEST_WAIT = 900.0
"""Seconds until an Open Klant that is away is looked at again."""
SPREAD = 0.1
"""Of a wait, at most, on top: two destinations in one Open Klant do not keep coming together."""


class PolledTask(msgspec.Struct, frozen=True):
    """A task of ours that nobody ended here: Open Klant's ids of it and of its contact."""

    event: UUID
    conversation: str
    internetaak: UUID
    klantcontact: UUID | None


class Closing(msgspec.Struct, frozen=True):
    """A conversation of which nothing is left to do there. `seen`: the last place in it that was
    known there."""

    id: UUID
    destination: str
    conversation: str
    department: str
    seen: int
    found_at: datetime


def classify_task(task: PolledTask, remote: Json | None) -> Found:
    """What an answer says of a task; only what is surely ours is ever done."""
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


def classify_followup(task: PolledTask, other: Json | None) -> Found:
    """What a task is that is done, by the first that is still to be done about its contact, whoever
    made that: work that is passed on there is another task, and the one before is done."""
    if other is None:
        return "done"
    try:
        fields = other["status"], other["aanleidinggevendKlantcontact"]["uuid"]
    except (LookupError, TypeError):
        return "strange"
    return "passed" if fields == (payloads.TO_DO, str(task.klantcontact)) else "strange"


def is_unavailable(status: int, refused: int, polled: int) -> bool:
    """Whether the last refusal is everybody's lot, after so many refused of so many in this round;
    else it is that one task's, and others are not to wait for it."""
    return status in UNAVAILABLE_STATUSES or refused == polled >= REFUSED


def wait(every: float, failures: int, chance: float) -> float:
    """Seconds until the next round, after so many in a row that got no answers. `chance` is from
    0 to 1."""
    return delay(failures, every, max(every, LONGEST_WAIT), 1 + SPREAD * chance)


def order(closing: Closing) -> Command:
    """As a CRM would order it; the router knows whether there is more to do by now."""
    return Command(
        id=closing.id,
        received_at=closing.found_at,
        token=f"openklant:{closing.destination}",
        type="close",
        conversation=closing.conversation,
        number=closing.conversation.partition("-")[0],
        author=Author(kind="system", id="openklant"),
        department=closing.department,
        reason=REASON,
        outcome=OUTCOME,
        last_seen_sequence=closing.seen,
    )
