"""Tasks of an Open Klant: work of a department about a contact, until it is done."""

from functools import partial

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.actors import Actors
from deliverer.destinations.openklant.client import Json, OpenKlantClient
from deliverer.destinations.openklant.idempotent_call import (
    DeliveryContext,
    NumberTaken,
    create_numbered,
    format_number,
)
from deliverer.destinations.openklant.payloads import PayloadOptions
from deliverer.destinations.openklant.store import Contact, SagaStore, Task
from services.config.organisation import Department

TASKS = "internetaken"


class Tasks:
    def __init__(self, options: PayloadOptions, store: SagaStore, actors: Actors) -> None:
        self._options, self._store, self._actors = options, store, actors

    async def assign(
        self, context: DeliveryContext, contact: Contact, department: Department
    ) -> None:
        """Create the task of this event, on an existing contact."""
        delivery = context.delivery
        task = await self._store.find_or_create_task(delivery, contact, department.id)
        if task.internetaak:
            return

        async def post(row: Task) -> Json:
            ids = format_number(row.number), str(contact.klantcontact)

            async def create(actor: str) -> Json:
                body = payloads.task_payload(delivery, context.event, (*ids, actor), self._options)
                return await context.calls.post(TASKS, body)

            return await self._actors.act_as(
                context.calls, payloads.department_actor(department), create
            )

        task, created = await create_numbered(
            task, post, partial(_find_own, context.calls), self._store.renumber_task
        )
        await self._store.set_assigned(task, created["uuid"])

    async def is_open(self, context: DeliveryContext, contact: Contact, remark: str = "") -> bool:
        """True if Open Klant has an open task about the contact; that task then covers this event
        too, and gets the remark if there is one."""
        for task in await self._store.open_tasks(
            context.delivery.conversation, context.delivery.id
        ):
            remote = (
                await _fetch_remote(context.calls, task) if task.contact == contact.event else None
            )
            if not remote or remote["status"] == payloads.DONE:
                continue
            if await self._store.extend_task(task, context.delivery.sequence):
                if remark and (change := payloads.remark_on_task(remote, remark)):
                    await context.calls.patch(TASKS, remote["uuid"], change)
                return True
        return False

    async def end(self, context: DeliveryContext, remark: str, before: int) -> None:
        """End the open tasks of the conversation that cover nothing after this place."""
        for task in await self._store.start_ending(context.delivery, before):
            remote = await _fetch_remote(context.calls, task)
            if remote and (change := payloads.close_task(remote, remark)):
                await context.calls.patch(TASKS, remote["uuid"], change)
            await self._store.mark_ended(task)


async def _fetch_remote(calls: OpenKlantClient, task: Task) -> Json | None:
    """Return the task in Open Klant; None if it was never created, or was deleted."""
    if task.internetaak:
        return await calls.get(TASKS, str(task.internetaak))
    try:
        return await _find_own(calls, task)
    except NumberTaken:
        return None


async def _find_own(calls: OpenKlantClient, task: Task) -> Json | None:
    """Return the task with this number. NumberTaken if it is about another contact than ours."""
    remote = await calls.find(TASKS, referentienummer=format_number(task.number))
    if remote and remote["aanleidinggevendKlantcontact"]["uuid"] != str(task.klantcontact):
        raise NumberTaken
    return remote
