"""Tasks of an Open Klant: what is to be done about a contact, by which department, until it is."""

from functools import partial

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.actors import Actors
from deliverer.destinations.openklant.client import Json, OpenKlantClient
from deliverer.destinations.openklant.idempotent_call import (
    DeliveryContext,
    NumberTaken,
    create_numbered,
    digits,
)
from deliverer.destinations.openklant.payloads import PayloadOptions
from deliverer.destinations.openklant.store import Contact, SagaStore, Task
from services.config.organisation import Department

TASKS = "internetaken"


class Tasks:
    def __init__(self, terms: PayloadOptions, book: SagaStore, actors: Actors) -> None:
        self._terms, self._book, self._actors = terms, book, actors

    async def assigned(self, at: DeliveryContext, contact: Contact, department: Department) -> None:
        """That of this event, on a contact that is there."""
        delivery = at.delivery
        task = await self._book.task(delivery, contact, department.id)
        if task.internetaak:
            return

        async def post(row: Task) -> Json:
            about = digits(row.number), str(contact.klantcontact)

            async def of(actor: str) -> Json:
                body = payloads.task(delivery, at.said, (*about, actor), self._terms)
                return await at.calls.post(TASKS, body)

            return await self._actors.acting(at.calls, payloads.department(department), of)

        task, made = await create_numbered(
            task, post, partial(_ours, at.calls), self._book.task_anew
        )
        await self._book.assigned(task, made["uuid"])

    async def is_open(self, at: DeliveryContext, contact: Contact) -> bool:
        """Whether something is to be done about it, as far as Open Klant knows; then that is about
        this event, too."""
        for task in await self._book.open(at.delivery.conversation, at.delivery.id):
            there = await _there(at.calls, task) if task.contact == contact.event else None
            if not there or there["status"] == payloads.DONE:
                continue
            if await self._book.covers(task, at.delivery.sequence):
                return True
        return False

    async def end(self, at: DeliveryContext, why: str, before: int) -> None:
        """Whatever was still to be done is not any more, unless something after this place is."""
        for task in await self._book.ending(at.delivery, before):
            there = await _there(at.calls, task)
            if there and (change := payloads.close_task(there, why)):
                await at.calls.patch(TASKS, there["uuid"], change)
            await self._book.ended(task)


async def _there(calls: OpenKlantClient, task: Task) -> Json | None:
    """As it is by now; nothing where it was never made, or was taken away."""
    if task.internetaak:
        return await calls.get(TASKS, str(task.internetaak))
    try:
        return await _ours(calls, task)
    except NumberTaken:
        return None


async def _ours(calls: OpenKlantClient, task: Task) -> Json | None:
    """The task of this number; Taken where it is of no contact of ours."""
    there = await calls.find(TASKS, referentienummer=digits(task.number))
    if there and there["aanleidinggevendKlantcontact"]["uuid"] != str(task.klantcontact):
        raise NumberTaken
    return there
