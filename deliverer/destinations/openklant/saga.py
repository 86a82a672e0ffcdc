"""A delivery to an Open Klant: calls that are each found again, whatever became of their answers.

Before a contact or a task is asked for, its number is written down; when it was answered, its id.
An attempt that goes on where another stopped looks first whether the next is there already: the
answer may have been lost, or four may have asked at once.
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
from services.config.organisation import Department, OpenKlantDestination
from services.contract import Delivery

DONE = 200
UNREADABLE = Response(status=422, calls=0, body=b"{}")
"""An event of a shape that this version does not know: parked."""

Step = Callable[[DeliveryContext], Awaitable[None]]

log = structlog.get_logger()


class OpenKlantReceiver:
    """One destination. `department` finds a municipality's by its id."""

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
        self._contacts, self._tasks = Contacts(options, store, actors), Tasks(options, store, actors)
        self._steps: Mapping[str, tuple[Step, ...]] = {
            events.RECEIVED: (self._on_message, self._assign_if_task),
            events.DECIDED: (self._assign,),
            events.TRANSFERRED: (self._end_tasks, self._on_transfer),
            events.CLOSED: (self._end_tasks,),
            events.STATUS_CHANGED: (self._on_answer, self._on_failed_answer),
        }
        """Type of an event -> what it asks for; an employee need not know of the others."""

    def judge(self, answer: Response) -> Verdict:
        return judge_answer(answer)

    async def deliver(self, delivery: Delivery) -> Response:
        """All that it takes; the answer is that of the call that failed, if any did."""
        try:
            at = DeliveryContext(delivery, events.parse_event(delivery), self._new_client())
        except msgspec.DecodeError:
            return UNREADABLE
        try:
            for step in self._steps.get(delivery.type, ()):
                await step(at)
        except RequestRefused as refused:
            return msgspec.structs.replace(refused.answer, calls=at.calls.count)
        except (LookupError, TypeError, ValueError) as error:  # of what stands in an answer
            kind = type(error).__name__  # not its words: they quote
            log.error("openklant.strange", destination=self._id, record=delivery.id, reason=kind)
            return msgspec.structs.replace(UNEXPECTED_RESPONSE, calls=at.calls.count)
        return Response(status=DONE, calls=at.calls.count)

    def _department_of(self, at: DeliveryContext) -> Department | None:
        return self._department(at.delivery.tenant, at.event.department)

    async def _on_message(self, at: DeliveryContext) -> None:
        """What a citizen wrote: a contact of its own, or one more of a burst."""
        delivery = at.delivery
        written_at = events.written_at(delivery, at.event)
        existing = await self._store.contact(delivery, written_at, self._burst)
        if delivery.id in existing.told:
            return
        contact = await self._contacts.complete(at, existing)
        # One that was begun may be of another message, or there with this one already.
        if not existing.fresh and not await self._contacts.extend(at, contact):
            await self._contacts.recreate(at, contact)  # it was taken away
        await self._store.add_event(contact, delivery.id, written_at)

    async def _assign_if_task(self, at: DeliveryContext) -> None:
        if at.event.task:
            await self._assign_once(at, await self._newest_contact(at))

    async def _on_transfer(self, at: DeliveryContext) -> None:
        department = self._department_of(at)
        if department and department.destination == self._id:
            await self._assign(at)

    async def _assign_once(self, at: DeliveryContext, contact: Contact) -> None:
        """Work, unless what is already to be done about its contact is this too."""
        if not await self._tasks.is_open(at, contact):
            await self._assign_contact(at, contact)

    async def _assign(self, at: DeliveryContext) -> None:
        """Work for the department, on the conversation's newest contact."""
        await self._assign_contact(at, await self._newest_contact(at))

    async def _assign_contact(self, at: DeliveryContext, contact: Contact) -> None:
        if department := self._department_of(at):
            contact = await self._contacts.complete(at, contact)
            try:
                await self._tasks.assigned(at, contact, department)
            except RequestRefused as refused:
                if not refused.is_missing("aanleidinggevendKlantcontact"):
                    raise
                contact = await self._contacts.recreate(at, contact)
                await self._tasks.assigned(at, contact, department)

    async def _newest_contact(self, at: DeliveryContext) -> Contact:
        """The conversation's contact, of which this may be the first that is heard here."""
        written_at = events.written_at(at.delivery, at.event)
        return await self._store.contact(at.delivery, written_at, None)

    async def _on_answer(self, at: DeliveryContext) -> None:
        """An employee's answer: a contact that refers to the question, and nothing left to do of
        what was asked before it."""
        if at.event.status not in events.SENT_STATUSES:
            return
        written = await self._employee_answer(at)
        question = await self._question(at, outgoing)
        if not (outgoing and question and at.delivery.message):
            return
        mine = (at.delivery.message, at.delivery.conversation)
        answer = await self._store.answer(*ids, question)
        if not answer.addressed:
            answer = await self._contacts.complete_answer(at, answer, outgoing, question)
            await self._tasks.end(at, self._closing_remark(at), outgoing.place)
            await self._store.answered(question, outgoing.place)
            await self._store.set_linked(answer, addressed=True, linked=True)

    async def _on_failed_answer(self, at: DeliveryContext) -> None:
        """An employee's answer did not arrive: it is to be done still, or again."""
        if at.event.status != events.FAILED:
            return
        if question := await self._question(at, await self._employee_answer(at)):
            await self._assign_once(at, question)

    async def _employee_answer(self, at: DeliveryContext) -> OutgoingRef | None:
        message = at.delivery.message
        outgoing = await self._store.written(message) if message else None
        return outgoing if outgoing and is_answer(outgoing) else None

    async def _question(self, at: DeliveryContext, answer: OutgoingRef | None) -> Contact | None:
        """What it answers, or would have."""
        if answer is None:
            return None
        return await self._store.question(at.delivery.conversation, answer.place)

    async def _end_tasks(self, at: DeliveryContext) -> None:
        await self._tasks.end(at, self._closing_remark(at), at.delivery.sequence)

    def _closing_remark(self, at: DeliveryContext) -> str:
        """What was to be done is not any more: for whoever looks at it."""
        event = at.event
        if at.delivery.type == events.STATUS_CHANGED:
            return "Beantwoord via WhatsApp."
        if at.delivery.type == events.CLOSED:
            return f"Gesprek gesloten. {event.reason or event.outcome or ''}"
        department = self._department_of(at)
        name = department.name if department else event.department
        return f"Doorgezet naar {name}. {event.reason}"


def is_answer(outgoing: OutgoingRef) -> bool:
    """Whether an employee says something; a thumb under a question says nothing to it. Pure."""
    return outgoing.author_kind == "employee" and outgoing.content.get("type") != "reaction"
