"""Saga of a delivery to an Open Klant: a series of calls, each of which can be resumed.

The number of a contact or task is stored before the call that creates it, and its id after the
answer. An attempt that resumes another first looks for the next object: the answer may have been
lost, or several attempts may have run at once.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta

import msgspec
import structlog

from deliverer.crm.response_policy import Verdict
from deliverer.destinations.openklant import events
from deliverer.destinations.openklant.actors import Actors
from deliverer.destinations.openklant.client import (
    UNEXPECTED_RESPONSE,
    OpenKlantClient,
    RequestRefused,
    judge_answer,
)
from deliverer.destinations.openklant.contacts import Contacts
from deliverer.destinations.openklant.idempotent_call import DeliveryContext
from deliverer.destinations.openklant.payloads import PayloadOptions
from deliverer.destinations.openklant.store import Contact, OutgoingRef, SagaStore
from deliverer.destinations.openklant.tasks import Tasks
from deliverer.transport.response import Response
from services import event_types
from services.config.organisation import Department, OpenKlantDestination
from services.contract import Delivery

DONE = 200
UNREADABLE = Response(status=422, calls=0, body=b"{}")
"""Our own answer for an event that this version cannot decode: it is parked."""

Step = Callable[[DeliveryContext], Awaitable[None]]

log = structlog.get_logger()


class OpenKlantReceiver:
    """Delivers to one Open Klant. `department` finds a department by municipality and id."""

    def __init__(
        self,
        destination: OpenKlantDestination,
        options: PayloadOptions,
        department: Callable[[str, str], Department | None],
        store: SagaStore,
        new_client: Callable[[], OpenKlantClient],
    ) -> None:
        self._id, self._department = destination.id, department
        self._burst = timedelta(minutes=destination.burst_minutes)
        self._store, self._new_client, actors = store, new_client, Actors()
        self._contacts, self._tasks = (
            Contacts(options, store, actors),
            Tasks(options, store, actors),
        )
        self._steps: Mapping[str, tuple[Step, ...]] = {
            event_types.RECEIVED: (self._on_message, self._assign_if_task),
            event_types.DECIDED: (self._assign,),
            event_types.TRANSFERRED: (self._end_tasks, self._on_transfer),
            event_types.CLOSED: (self._end_tasks,),
            event_types.STATUS_CHANGED: (
                self._on_answer,
                self._on_undelivered_answer,
                self._on_settled_answer,
            ),
        }
        """Event type -> its steps. Events of other types are not delivered: employees do not need
        them."""

    def judge(self, answer: Response) -> Verdict:
        return judge_answer(answer)

    async def deliver(self, delivery: Delivery) -> Response:
        """Make all calls of a delivery; return the answer of the call that failed, if any did."""
        try:
            context = DeliveryContext(delivery, events.parse_event(delivery), self._new_client())
        except msgspec.DecodeError:
            return UNREADABLE
        try:
            for step in self._steps.get(delivery.type, ()):
                await step(context)
        except RequestRefused as refused:
            return msgspec.structs.replace(refused.answer, calls=context.calls.count)
        except (LookupError, TypeError, ValueError) as error:  # an answer of another shape
            kind = type(error).__name__  # not its text, which quotes
            log.error("openklant.strange", destination=self._id, record=delivery.id, reason=kind)
            return msgspec.structs.replace(UNEXPECTED_RESPONSE, calls=context.calls.count)
        return Response(status=DONE, calls=context.calls.count)

    def _department_of(self, context: DeliveryContext) -> Department | None:
        return self._department(context.delivery.tenant, context.event.department)

    async def _on_message(self, context: DeliveryContext) -> None:
        """Add a citizen's message: as a new contact, or to the contact of the same burst."""
        delivery = context.delivery
        written_at = events.written_at(delivery, context.event)
        existing = await self._store.find_or_create_contact(delivery, written_at, self._burst)
        if delivery.id in existing.told:
            return
        contact = await self._contacts.complete(context, existing)
        # An existing contact may lack this message, or have it already.
        if not existing.fresh and not await self._contacts.extend(context, contact):
            await self._contacts.recreate(context, contact)  # it was deleted
        await self._store.add_event(contact, delivery.id, written_at)

    async def _assign_if_task(self, context: DeliveryContext) -> None:
        if context.event.task:
            await self._assign_once(context, await self._newest_contact(context))

    async def _on_transfer(self, context: DeliveryContext) -> None:
        department = self._department_of(context)
        if department and department.destination == self._id:
            await self._assign(context)

    async def _assign_once(
        self, context: DeliveryContext, contact: Contact, remark: str = ""
    ) -> None:
        """Create a task, unless an open task of the contact covers this event too; that one gets
        the remark."""
        if not await self._tasks.is_open(context, contact, remark):
            await self._assign_contact(context, contact)

    async def _assign(self, context: DeliveryContext) -> None:
        """Create a task for the department, on the conversation's newest contact."""
        await self._assign_contact(context, await self._newest_contact(context))

    async def _assign_contact(self, context: DeliveryContext, contact: Contact) -> None:
        if department := self._department_of(context):
            contact = await self._contacts.complete(context, contact)
            try:
                await self._tasks.assign(context, contact, department)
            except RequestRefused as refused:
                if not refused.is_missing("aanleidinggevendKlantcontact"):
                    raise
                contact = await self._contacts.recreate(context, contact)
                await self._tasks.assign(context, contact, department)

    async def _newest_contact(self, context: DeliveryContext) -> Contact:
        """Return the conversation's newest contact; a new one if this Open Klant has none yet."""
        written_at = events.written_at(context.delivery, context.event)
        return await self._store.find_or_create_contact(context.delivery, written_at, None)

    async def _on_answer(self, context: DeliveryContext) -> None:
        """Add an employee's answer: a contact that refers to the question. End the tasks of what
        was asked before it."""
        if context.event.status not in events.SENT_STATUSES:
            return
        outgoing = await self._employee_answer(context)
        question = await self._question(context, outgoing)
        if not (outgoing and question and context.delivery.message):
            return
        ids = (context.delivery.message, context.delivery.conversation)
        answer = await self._store.find_or_create_answer(*ids, question)
        if not answer.addressed:
            answer = await self._contacts.complete_answer(context, answer, outgoing, question)
            await self._tasks.end(context, self._closing_remark(context), outgoing.place)
            await self._store.mark_answered(question, outgoing.place)
            await self._store.set_linked(answer, addressed=True, linked=True)

    async def _on_undelivered_answer(self, context: DeliveryContext) -> None:
        """Say on the task that an employee's answer failed, or that its result is unknown: the
        question is still open, or again."""
        remark = events.UNDELIVERED.get(context.event.status)
        if remark is None:
            return
        answer = await self._employee_answer(context)
        if answer and (question := await self._question(context, answer)):
            remark = remark.format(context.event.reason)
            await self._assign_once(_at_place(context, answer), question, remark)

    async def _on_settled_answer(self, context: DeliveryContext) -> None:
        """Say on a task that is still open what a person found out about the answer in doubt."""
        if context.event.by is None:
            return
        answer = await self._employee_answer(context)
        if answer and (question := await self._question(context, answer)):
            remark = f"Over het antwoord: {context.event.reason}"
            await self._tasks.is_open(_at_place(context, answer), question, remark)

    async def _employee_answer(self, context: DeliveryContext) -> OutgoingRef | None:
        message = context.delivery.message
        outgoing = await self._store.outgoing_message(message) if message else None
        return outgoing if outgoing and is_answer(outgoing) else None

    async def _question(
        self, context: DeliveryContext, answer: OutgoingRef | None
    ) -> Contact | None:
        """Return the question of an answer, also of one that failed."""
        if answer is None:
            return None
        return await self._store.find_question(context.delivery.conversation, answer.place)

    async def _end_tasks(self, context: DeliveryContext) -> None:
        await self._tasks.end(context, self._closing_remark(context), context.delivery.sequence)

    def _closing_remark(self, context: DeliveryContext) -> str:
        """Return the remark that tells an employee why the task has ended."""
        event = context.event
        if context.delivery.type == event_types.STATUS_CHANGED:
            return "Beantwoord via WhatsApp."
        if context.delivery.type == event_types.CLOSED:
            return f"Gesprek gesloten. {event.reason or event.outcome or ''}"
        department = self._department_of(context)
        name = department.name if department else event.department
        return f"Doorgezet naar {name}. {event.reason}"


def _at_place(context: DeliveryContext, answer: OutgoingRef) -> DeliveryContext:
    """Return the delivery at the place of an answer: a task about it covers what was asked before,
    so it still ends if the answer was sent after all."""
    delivery = msgspec.structs.replace(context.delivery, sequence=answer.place)
    return context._replace(delivery=delivery)


def is_answer(outgoing: OutgoingRef) -> bool:
    """True for a message of an employee, except a reaction: a thumb answers no question. Pure."""
    return outgoing.author_kind == "employee" and outgoing.content.get("type") != "reaction"
