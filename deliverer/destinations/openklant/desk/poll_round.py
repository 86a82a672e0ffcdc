"""One round of polling an Open Klant: what did employees do on our tasks since the last one?

A round lists the open tasks of the whole register, because Open Klant cannot list what changed.
Only tasks that the list lacks are asked for one by one. A refusal of one task does not stop the
round.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import structlog

from deliverer.destinations.openklant import found_commands
from deliverer.destinations.openklant.client import (
    ACTORS,
    NOT_FOUND,
    ODD_SHAPES,
    TASKS,
    Json,
    OpenKlantClient,
    RequestRefused,
)
from deliverer.destinations.openklant.desk.desk_store import DeskStore
from deliverer.destinations.openklant.desk.logbook import (
    ASSIGNMENTS,
    REOPENINGS,
    Logbook,
    ObjectsApi,
    actor_names,
)
from deliverer.destinations.openklant.desk.registrations import AnswerChannel, Registrations
from deliverer.destinations.openklant.desk.task_status import (
    UNAVAILABLE_STATUSES,
    Assignee,
    KnownTask,
    ListedTask,
    TaskStatus,
    classify_task,
    find_passed,
    has_arrived,
    is_moved,
    is_unavailable,
    missing_tasks,
    read_assignee,
    read_task,
)
from deliverer.destinations.openklant.found_commands import FoundCommand
from deliverer.destinations.openklant.task_payloads import TO_DO
from services import clock, metrics
from services.config.organisation import Department
from services.contract import AnyAction
from services.postgres.shut_rows import RowShut

PAGE = "100"
"""Tasks of a page: Open Klant's own default. A page of 500 takes it 3 s."""
MAX_PAGES = 60
"""Pages of a round, newest tasks first: 6,000 open tasks are read in a minute."""
ROUND_SECONDS = 60.0
"""Longest time for single tasks; the remaining ones come first in the next round."""
MAX_ACTORS = 1000
"""Actors whose codes are remembered: the departments and employees of a town hall."""

log = structlog.get_logger()


class Desk(NamedTuple):
    """An Open Klant in which employees work, with the departments that may have tasks there."""

    destination: str
    store: DeskStore
    departments: Callable[[], Sequence[Department]]
    actors: dict[str, Json]
    """Actors that were read before, by id."""
    unreferenced: Counter[str]
    """Registered contacts without a reference -> number of times that they were read."""
    objects: ObjectsApi | None = None
    """Objecten API with ITA's logbook; None if it may not be read."""


class PollRound:
    def __init__(
        self, desk: Desk, calls: OpenKlantClient, started: datetime, channel: AnswerChannel
    ) -> None:
        self._desk, self._store, self._calls, self._started = desk, desk.store, calls, started
        self._registrations = Registrations(
            desk.destination, desk.store, calls, channel, desk.unreferenced
        )
        self._logbook = Logbook(desk.destination, desk.objects)
        self._counts = Counter[TaskStatus]()
        self._passed = frozenset[str]()
        self._is_complete = False

    async def run(self) -> bool:
        """Run the round. False if Open Klant is unavailable.

        Forwarded tasks come first, then answers, then tasks that are done: so an answer is its
        department's, and a conversation closes after its answers.
        """
        try:
            listed = await self._list_open_tasks()
            tasks = await self._store.known_tasks(list(listed), self._started)
            for task in tasks:
                if found := listed.get(str(task.internetaak)):
                    self._counts[await self._try_apply(task, found)] += 1
                    if not self._is_complete:
                        await self._store.mark_polled(task)
            await self._registrations.read_new()
            answered = await self._poll_missing(missing_tasks(tasks, listed))
            if answered and self._is_complete:
                await self._store.mark_listed(self._started)
            return answered
        except RequestRefused as refused:
            return self._on_refusal(refused)
        except ODD_SHAPES:
            self._counts["strange"] += 1
            return True
        finally:
            self._count_statuses()

    async def _list_open_tasks(self) -> dict[str, ListedTask]:
        """Return the open tasks of the register. Those of a page that is refused, and those that
        slip to an earlier page while we read, are missing; they are asked for one by one."""
        listed: dict[str, ListedTask] = {}
        for page in range(1, MAX_PAGES + 1):
            await self._store.keep_round()
            filters = {"status": TO_DO, "pageSize": PAGE, "page": str(page)}
            try:
                tasks, has_next = await self._calls.list_page(TASKS, **filters)
            except RequestRefused as refused:
                if refused.answer.status in UNAVAILABLE_STATUSES:
                    raise
                self._is_complete = refused.answer.status == NOT_FOUND  # the page went meanwhile
                if not self._is_complete:
                    self._log_refusal(refused)
                break
            listed |= dict(filter(None, map(_read_listed, tasks)))
            self._is_complete = not has_next
            if self._is_complete:
                break
        self._passed = find_passed(listed.items())
        return listed

    async def _try_apply(self, task: KnownTask, found: ListedTask) -> TaskStatus:
        """Apply what became of one task. A refusal that concerns it alone stops no other."""
        if classify_task(task, found) != "open" or task.stray:
            await self._store.keep_round()
        try:
            return await self._apply(task, found)
        except RequestRefused as refused:
            if refused.answer.status in UNAVAILABLE_STATUSES:
                raise
            self._log_refusal(refused, task)
            return "refused"
        except ODD_SHAPES:
            return "strange"
        except RowShut:  # the store has told it
            return "shut"

    async def _apply(self, task: KnownTask, found: ListedTask) -> TaskStatus:
        """Store what became of one task, with the command for the router."""
        status = classify_task(task, found)
        match status:
            case "open" if task.stray:
                return await self._move(task, found)
            case "open" if task.actors is None or (task.actors_before and has_arrived(task, found)):
                await self._store.learn_actors(task, found.actors)
            case "moved":
                return await self._move(task, found)
            case "reopened":
                await self._reopen(task)
            case "done":
                return await self._close(task, found)
        return status

    async def _move(self, task: KnownTask, found: ListedTask) -> TaskStatus:
        """Transfer the conversation of a task that has other actors now."""
        assignee = await self._read_assignee(task, found)
        command: FoundCommand | None = None
        status: TaskStatus = "moved"
        if assignee.department is None:
            status = "actor"
            if task.stray and not is_moved(task, found):
                return status  # told before
            log.error("openklant.actor", destination=self._desk.destination, record=str(task.event))
        elif (assignee.department.id, assignee.employee) != (task.department, task.employee):
            is_same = assignee.department.id == task.department
            actors = actor_names(self._desk.actors[uuid] for uuid in found.actors)
            entry = await self._logbook.find_entry(task.internetaak, ASSIGNMENTS, actors)
            action = found_commands.transfer(
                assignee.department.id, assignee.employee, entry.note, is_same=is_same
            )
            command = self._command(task, action, entry.author)
        await self._store.mark_moved(task, found.actors, command, stray=status == "actor")
        return status

    async def _reopen(self, task: KnownTask) -> None:
        entry = await self._logbook.find_entry(task.internetaak, REOPENINGS)
        action = found_commands.reopening(entry.note)
        await self._store.mark_reopened(task, self._command(task, action, entry.author))

    async def _read_assignee(self, task: KnownTask, found: ListedTask) -> Assignee:
        known = self._desk.actors
        if len(known) > MAX_ACTORS:
            known.clear()
        for uuid in found.actors:
            if uuid not in known:
                known[uuid] = await self._calls.get(ACTORS, uuid) or {}
        actors = [known[uuid] for uuid in found.actors]
        return read_assignee(actors, self._desk.departments(), task)

    async def _close(self, task: KnownTask, found: ListedTask) -> TaskStatus:
        """Close the conversation of a task that an employee set to done. Its registrations are read
        once more, because ITA writes an answer just before."""
        if await self._is_passed(task):
            return "passed"
        if is_moved(task, found):
            await self._move(task, found)
        if question := await self._store.find_question(str(task.klantcontact)):
            await self._registrations.read_chain(question)
        outcome = await self._store.read_outcome(task)
        await self._store.mark_done(task, clock.new_id(), outcome, self._started)
        return "done"

    async def _is_passed(self, task: KnownTask) -> bool:
        """True if the contact has another open task: KISS passes work on by one."""
        if self._is_complete or str(task.klantcontact) in self._passed:
            return str(task.klantcontact) in self._passed
        filters = {"klantcontact__uuid": str(task.klantcontact), "status": TO_DO}
        return await self._calls.find(TASKS, **filters) is not None

    async def _poll_missing(self, tasks: Sequence[KnownTask]) -> bool:
        """Poll tasks one by one, and store each result before the next is polled."""
        loop = asyncio.get_running_loop()
        end, polled = loop.time() + ROUND_SECONDS, Counter[str]()
        for task in tasks:
            if loop.time() > end:
                self._is_complete = False  # the others wait for the next round
                break
            polled["all"] += 1
            await self._store.keep_round()
            try:
                status = await self._poll_task(task)
            except RequestRefused as refused:
                status = "refused"
                polled["refused"] += 1
                await self._store.mark_refused(task)
                answer = refused.answer.status
                if is_unavailable(answer, polled["refused"], polled["all"]):
                    return self._on_refusal(refused)
                self._log_refusal(refused, task)
            except (*ODD_SHAPES, RowShut) as error:
                status = "shut" if isinstance(error, RowShut) else "strange"
                await self._store.mark_refused(task)
            self._counts[status] += 1
        return True

    async def _poll_task(self, task: KnownTask) -> TaskStatus:
        """Poll one task. RequestRefused if Open Klant does not show it."""
        remote = await self._calls.get(TASKS, str(task.internetaak))
        if remote is None:
            await self._store.mark_removed(task, clock.new_id())
            return "gone"
        found = _read_listed(remote)
        if found is None or found[0] != str(task.internetaak):
            status: TaskStatus = "strange"
        else:
            status = await self._apply(task, found[1])
        await self._store.mark_polled(task)
        return status

    def _command(self, task: KnownTask, action: AnyAction, employee: str = "") -> FoundCommand:
        return FoundCommand(
            id=clock.new_id(),
            destination=self._desk.destination,
            conversation=task.conversation,
            department=task.department,
            employee=employee,
            action=action,
            found_at=self._started,
        )

    def _on_refusal(self, refused: RequestRefused) -> bool:
        """Log a refusal of the whole round. False if Open Klant is unavailable."""
        status = refused.answer.status
        log.warning("openklant.away", destination=self._desk.destination, status=status)
        return False

    def _log_refusal(self, refused: RequestRefused, task: KnownTask | None = None) -> None:
        ids = {"record": str(task.event), "internetaak": str(task.internetaak)} if task else {}
        status = refused.answer.status
        log.error("openklant.refused", destination=self._desk.destination, status=status, **ids)

    def _count_statuses(self) -> None:
        destination = self._desk.destination
        for status, count in self._counts.items():
            metrics.openklant_looks.labels(destination=destination, outcome=status).inc(count)
        if odd := self._counts["strange"] + self._counts["foreign"]:
            log.error("openklant.strange", destination=destination, count=odd)


def _read_listed(remote: Json) -> tuple[str, ListedTask] | None:
    """Return the id and state of a task; None if it has another shape."""
    try:
        uuid, found = read_task(remote)
        UUID(uuid)
    except ODD_SHAPES:
        return None
    return uuid, found
