"""Tasks as employees left them in an Open Klant, against those that we know. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

from deliverer.destinations.openklant.contact_text import Json
from deliverer.destinations.openklant.payloads import IDENTIFIER_FIELDS, UNIT_CODES
from deliverer.destinations.openklant.task_payloads import DONE, TO_DO
from services.backoff import delay
from services.config.organisation import Department

TaskStatus = Literal[
    "open", "done", "passed", "gone", "foreign", "strange", "refused", "moved", "reopened", "actor",
    "shut",
]  # fmt: skip
"""Result of a look at one task. `actor`: it went to an actor that is no department of ours. `shut`:
the row of its contact does not fit its hash."""
UNAVAILABLE_STATUSES = frozenset({0, 401, 408, 429, 502, 503, 504})
"""HTTP statuses that concern no single task: no answer, our credentials, overload, a proxy."""
REFUSED_IN_A_ROW = 3
"""Tasks at the start of a round. If all of them are refused, Open Klant is unavailable."""
LONGEST_WAIT = 900.0
"""Longest wait, in seconds, before an unavailable Open Klant is polled again."""
JITTER = 0.1
"""Largest part of a wait that is added at random, so that two destinations in one Open Klant do not
keep polling at the same moment."""


class KnownTask(msgspec.Struct, frozen=True, kw_only=True):
    """Task as we know it, with Open Klant's ids of it and of its contact."""

    event: UUID
    conversation: str
    tenant: str
    internetaak: UUID
    klantcontact: UUID | None
    department: str
    employee: str = ""
    covers: int = 0
    actors: list[UUID] | None = None
    """Actors there, sorted; None until they were read."""
    actors_before: list[UUID] | None = None
    """Actors before our last change, which may not have arrived."""
    ended: bool = False
    stray: bool = False
    """True if its actors are no department of ours."""


class ListedTask(NamedTuple):
    """Task as Open Klant shows it."""

    status: str
    klantcontact: str
    actors: tuple[str, ...]


class Assignee(NamedTuple):
    """Department and employee of a task; None for a department that is not ours."""

    department: Department | None
    employee: str


def read_task(remote: Json) -> tuple[str, ListedTask]:
    """Return the id and the state of a task. LookupError or TypeError if it has another shape."""
    actors = tuple(sorted(str(actor["uuid"]) for actor in remote["toegewezenAanActoren"]))
    klantcontact = str(remote["aanleidinggevendKlantcontact"]["uuid"])
    return str(remote["uuid"]), ListedTask(str(remote["status"]), klantcontact, actors)


def classify_task(task: KnownTask, listed: ListedTask) -> TaskStatus:
    """Return what became of a task. It must be about our contact, so that it is surely ours."""
    if listed.klantcontact != str(task.klantcontact):
        return "foreign"
    if listed.status not in (TO_DO, DONE):
        return "strange"
    if listed.status == DONE:
        return "open" if task.ended else "done"
    if task.ended:
        return "reopened"
    return "moved" if is_moved(task, listed) else "open"


def is_moved(task: KnownTask, listed: ListedTask) -> bool:
    """True if an employee gave the task to other actors."""
    known = [sorted(map(str, each)) for each in (task.actors, task.actors_before) if each]
    return task.actors is not None and list(listed.actors) not in known


def has_arrived(task: KnownTask, listed: ListedTask) -> bool:
    """True if a task has the actors that we gave it: those before mean an employee from here on."""
    return list(listed.actors) == sorted(map(str, task.actors or []))


def find_passed(tasks: Iterable[tuple[str, ListedTask]]) -> frozenset[str]:
    """Return the contacts that have an open task: of those no task counts as done. KISS passes work
    on by another task for the same contact."""
    return frozenset(each.klantcontact for _, each in tasks if each.status == TO_DO)


def read_assignee(
    actors: Iterable[Json],
    departments: Sequence[Department],
    task: KnownTask,
) -> Assignee:
    """Return the department of a task by the codes of its actors, and the employee if it names
    one."""
    employee, unit = "", None
    for actor in actors:
        object_id, kind, *_ = (
            str((actor.get("actoridentificator") or {}).get(part) or "")
            for part in IDENTIFIER_FIELDS
        )
        if kind == "mdw":
            employee = employee or object_id or str(actor.get("naam") or "")
        elif unit is None and kind in UNIT_CODES.values():
            unit = kind, object_id
    return Assignee(_find_department(departments, task, unit), employee)


def _find_department(
    departments: Sequence[Department], task: KnownTask, unit: tuple[str, str] | None
) -> Department | None:
    for department in departments:
        key = UNIT_CODES[department.register_kind], department.register_id or department.id
        if key == unit and task.tenant in ("", department.tenant):
            return department
    return None


def read_author(contact: Json) -> str:
    """Return the mail address or id of the employee who registered a contact; '' if it names none.
    ITA writes `mdw`, `msei`, `email`."""
    for actor in contact.get("hadBetrokkenActoren") or []:
        identifier = actor.get("actoridentificator") or {}
        if identifier.get("codeObjecttype") == "mdw":
            return str(identifier.get("objectId") or "")
    return ""


def closing_outcome(*, is_answered: bool, is_reached: bool) -> str:
    """Return the truth about a task that an employee set to done: the citizen got an answer, it was
    dealt with otherwise, or nothing says how."""
    if is_answered:
        return "answered"
    return "handled" if is_reached else "silent"


def is_unavailable(status: int, refused: int, polled: int) -> bool:
    """True if the last refusal concerns all tasks, given the numbers refused and polled in this
    round; false if it concerns that one task, so that the others need not wait."""
    return status in UNAVAILABLE_STATUSES or refused == polled >= REFUSED_IN_A_ROW


def wait_before_round(every: float, failures: int, chance: float) -> float:
    """Return the seconds until the next round, after so many rounds in a row without answers.
    `chance` is from 0 to 1."""
    return delay(failures, every, max(every, LONGEST_WAIT), 1 + JITTER * chance)


def missing_tasks(tasks: Iterable[KnownTask], listed: Mapping[str, ListedTask]) -> list[KnownTask]:
    """Return the open tasks that the list of open tasks lacks: done, deleted, or skipped."""
    return [task for task in tasks if not task.ended and str(task.internetaak) not in listed]
