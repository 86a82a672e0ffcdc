"""Tasks of an Open Klant: a contact has one, for ever, because ITA opens no contact that has more.

Work that comes after a task is done begins a new contact; an answer that fails opens the same task
again; another department gets the same task.
"""

from functools import partial

from deliverer.destinations.openklant import payloads, task_payloads
from deliverer.destinations.openklant.actors import Actors
from deliverer.destinations.openklant.client import TASKS, Json, OpenKlantClient
from deliverer.destinations.openklant.events import PayloadOptions
from deliverer.destinations.openklant.idempotent_call import (
    DeliveryContext,
    NumberedCalls,
    create_numbered,
    numbers,
    post_numbered,
)
from deliverer.destinations.openklant.store import Contact, SagaStore, Task
from services.config.organisation import Department


class Tasks:
    def __init__(self, options: PayloadOptions, store: SagaStore, actors: Actors) -> None:
        self._options, self._store, self._actors = options, store, actors

    async def assign(
        self, context: DeliveryContext, contact: Contact, department: Department
    ) -> None:
        """Create the task of a contact, unless it has it."""
        delivery, calls = context.delivery, context.calls
        task = await self._store.find_or_create_task(delivery, contact, department.id)
        if task.internetaak:
            return
        klantcontact = str(contact.klantcontact)

        async def post(row: Task) -> Json:
            async def create(actor: str) -> Json:
                body = task_payloads.task_payload(
                    delivery, context.event, klantcontact, actor, self._options
                )
                send = lambda fields: calls.post(TASKS, fields | body)  # noqa: E731
                return await post_numbered(calls, self._store, row, send)

            return await self._actors.act_as(calls, payloads.department_actor(department), create)

        async def give_number(row: Task, created: Json) -> Json:
            if created.get("nummer"):
                return created
            return await calls.patch(TASKS, created["uuid"], numbers(row.number))

        find = partial(_find_task, calls, klantcontact)
        created_by = NumberedCalls(post, find, give_number, self._store.renumber_task)
        task, created = await create_numbered(task, created_by)
        # Not those that it has: an employee may have forwarded it while our answer was lost.
        actor = await self._actors.find_or_create(calls, payloads.department_actor(department))
        await self._store.set_assigned(task, created["uuid"], [actor])

    async def is_open(self, context: DeliveryContext, contact: Contact) -> bool:
        """True if the contact's task is open, or the contact has none yet."""
        task = await self._store.task_of(contact)
        if task is None:
            return True
        if task.ended:
            return False
        remote = await self._fetch_remote(context.calls, task)
        return remote["status"] == task_payloads.TO_DO if remote else task.internetaak is None

    async def cover(self, context: DeliveryContext, contact: Contact) -> bool:
        """Let the contact's task cover this event too, with its terms. False if it is done: nobody
        would see it."""
        task = await self._store.task_of(contact)
        if task is None:
            return True
        remote = None if task.ended else await self._fetch_remote(context.calls, task)
        if remote and (change := task_payloads.renew_terms(remote, context.event)):
            remote = await context.calls.patch(TASKS, remote["uuid"], change)
        if remote and remote["status"] == task_payloads.DONE:
            return False
        if remote is None and (task.ended or task.internetaak):
            return False
        return await self._store.extend_task(task, context.delivery.sequence)

    async def move(
        self, context: DeliveryContext, task: Task, department: Department, remark: str
    ) -> bool:
        """Give an open task to another department. False if it is done or was deleted.

        A task that the department has already keeps its employee: it was forwarded there.
        """
        calls, store = context.calls, self._store
        remote = await self._fetch_remote(calls, task)
        if remote is None or remote["status"] == task_payloads.DONE:
            return False

        async def assign(actor: str) -> Json:
            if actor in _actors_of(remote):
                return remote
            await store.start_moving(task, department.id, [actor])
            change = task_payloads.move_task(remote, context.event, actor, remark)
            return await calls.patch(TASKS, remote["uuid"], change)

        await self._actors.act_as(calls, payloads.department_actor(department), assign)
        return await store.extend_task(task, context.delivery.sequence)

    async def reopen(self, context: DeliveryContext, task: Task, remark: str) -> bool:
        """Open a task again with a remark; an open one only gets the remark. False if it was
        deleted."""
        remote = await self._fetch_remote(context.calls, task)
        if remote is None:
            return False
        change = task_payloads.reopen_task(remote, remark) or {}
        if task.ended or "status" in change:
            await self._store.start_reopening(task)
        if change:
            await context.calls.patch(TASKS, remote["uuid"], change)
        await self._store.mark_reopened(task)
        await self._store.extend_task(task, context.delivery.sequence)
        return True

    async def remark(self, context: DeliveryContext, task: Task, remark: str) -> None:
        """Add a remark to a task that is open."""
        remote = await self._fetch_remote(context.calls, task)
        if remote and remote["status"] == task_payloads.TO_DO:
            if change := task_payloads.reopen_task(remote, remark):
                await context.calls.patch(TASKS, remote["uuid"], change)
            await self._store.extend_task(task, context.delivery.sequence)

    async def note(self, context: DeliveryContext, task: Task, remark: str) -> None:
        """Add a remark to a task, also to one that is done."""
        remote = await self._fetch_remote(context.calls, task)
        if remote and (change := task_payloads.note_on_task(remote, remark)):
            await context.calls.patch(TASKS, remote["uuid"], change)

    async def end(self, context: DeliveryContext, remark: str, before: int) -> None:
        """End the open tasks of the conversation that cover nothing after this place."""
        for task in await self._store.start_ending(context.delivery, before):
            remote = await self._fetch_remote(context.calls, task)
            if remote and (change := task_payloads.close_task(remote, remark)):
                await context.calls.patch(TASKS, remote["uuid"], change)
            await self._store.mark_ended(task)

    async def _fetch_remote(self, calls: OpenKlantClient, task: Task) -> Json | None:
        """Return the task in Open Klant; None if it was never created, or was deleted."""
        if task.internetaak is None:
            return (
                await _find_task(calls, str(task.klantcontact), task) if task.klantcontact else None
            )
        remote = await calls.get(TASKS, str(task.internetaak))
        if remote is None:
            await self._store.mark_removed(task)
        return remote


def _actors_of(remote: Json) -> list[str]:
    return [actor["uuid"] for actor in remote["toegewezenAanActoren"]]


async def _find_task(calls: OpenKlantClient, klantcontact: str, _: Task) -> Json | None:
    return await calls.find(TASKS, aanleidinggevendKlantcontact__uuid=klantcontact)
