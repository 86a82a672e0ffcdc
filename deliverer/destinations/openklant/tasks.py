"""Tasks of an Open Klant: what is to be done about a contact, by which department, until it is."""

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

    async def assigned(self, at: DeliveryContext, contact: Contact, department: Department) -> None:
        """That of this event, on a contact that is there."""
        delivery = at.delivery
        task = await self._store.task(delivery, contact, department.id)
        if task.internetaak:
            return

        async def post(row: Task) -> Json:
            ids = format_number(row.number), str(contact.klantcontact)

            async def create(actor: str) -> Json:
                body = payloads.task_payload(delivery, at.event, (*ids, actor), self._options)
                return await at.calls.post(TASKS, body)

            return await self._actors.act_as(at.calls, payloads.department_actor(department), create)

        task, made = await create_numbered(
            task, post, partial(_find_own, at.calls), self._store.task_anew
        )
        await self._store.assigned(task, created["uuid"])

    async def is_open(self, at: DeliveryContext, contact: Contact) -> bool:
        """Whether something is to be done about it, as far as Open Klant knows; then that is about
        this event, too."""
        for task in await self._store.open(at.delivery.conversation, at.delivery.id):
            remote = await _fetch_remote(at.calls, task) if task.contact == contact.event else None
            if not remote or remote["status"] == payloads.DONE:
                continue
            if await self._store.covers(task, at.delivery.sequence):
                return True
        return False

    async def end(self, at: DeliveryContext, remark: str, before: int) -> None:
        """Whatever was still to be done is not any more, unless something after this place is."""
        for task in await self._store.ending(at.delivery, before):
            remote = await _fetch_remote(at.calls, task)
            if remote and (change := payloads.close_task(remote, remark)):
                await at.calls.patch(TASKS, remote["uuid"], change)
            await self._store.ended(task)


async def _fetch_remote(calls: OpenKlantClient, task: Task) -> Json | None:
    """As it is by now; nothing where it was never made, or was taken away."""
    if task.internetaak:
        return await calls.get(TASKS, str(task.internetaak))
    try:
        return await _find_own(calls, task)
    except NumberTaken:
        return None


async def _find_own(calls: OpenKlantClient, task: Task) -> Json | None:
    """The task of this number; Taken where it is of no contact of ours."""
    remote = await calls.find(TASKS, referentienummer=format_number(task.number))
    if remote and remote["aanleidinggevendKlantcontact"]["uuid"] != str(task.klantcontact):
        raise NumberTaken
    return remote
