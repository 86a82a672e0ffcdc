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
    verdict_for,
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
        terms: PayloadOptions,
        department: Callable[[str, str], Department | None],
        book: SagaStore,
        asking: Callable[[], OpenKlantClient],
    ) -> None:
        self._id, self._department = destination.id, department
        self._burst = timedelta(minutes=destination.burst_minutes)
        self._book, self._asking, actors = book, asking, Actors()
        self._contacts, self._tasks = Contacts(terms, book, actors), Tasks(terms, book, actors)
        self._steps: Mapping[str, tuple[Step, ...]] = {
            events.RECEIVED: (self._on_message, self._assign_if_task),
            events.DECIDED: (self._assign,),
            events.TRANSFERRED: (self._end, self._on_transfer),
            events.CLOSED: (self._end,),
            events.STATUS_CHANGED: (self._on_answer, self._failed),
        }
        """Type of an event -> what it asks for; an employee need not know of the others."""

    def judge(self, answer: Response) -> Verdict:
        return verdict_for(answer)

    async def deliver(self, delivery: Delivery) -> Response:
        """All that it takes; the answer is that of the call that failed, if any did."""
        try:
            at = DeliveryContext(delivery, events.parse_event(delivery), self._asking())
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
        return self._department(at.delivery.tenant, at.said.department)

    async def _on_message(self, at: DeliveryContext) -> None:
        """What a citizen wrote: a contact of its own, or one more of a burst."""
        delivery = at.delivery
        written_at = events.written_at(delivery, at.said)
        before = await self._book.contact(delivery, written_at, self._burst)
        if delivery.id in before.told:
            return
        contact = await self._contacts.whole(at, before)
        # One that was begun may be of another message, or there with this one already.
        if not before.fresh and not await self._contacts.lengthened(at, contact):
            await self._contacts.again(at, contact)  # it was taken away
        await self._book.add_event(contact, delivery.id, written_at)

    async def _assign_if_task(self, at: DeliveryContext) -> None:
        if at.said.task:
            await self._assign_once(at, await self._newest(at))

    async def _on_transfer(self, at: DeliveryContext) -> None:
        department = self._department_of(at)
        if department and department.destination == self._id:
            await self._assign(at)

    async def _assign_once(self, at: DeliveryContext, contact: Contact) -> None:
        """Work, unless what is already to be done about its contact is this too."""
        if not await self._tasks.is_open(at, contact):
            await self._to_the_department(at, contact)

    async def _assign(self, at: DeliveryContext) -> None:
        """Work for the department, on the conversation's newest contact."""
        await self._to_the_department(at, await self._newest(at))

    async def _to_the_department(self, at: DeliveryContext, contact: Contact) -> None:
        if department := self._department_of(at):
            contact = await self._contacts.whole(at, contact)
            try:
                await self._tasks.assigned(at, contact, department)
            except RequestRefused as refused:
                if not refused.lacks("aanleidinggevendKlantcontact"):
                    raise
                contact = await self._contacts.again(at, contact)
                await self._tasks.assigned(at, contact, department)

    async def _newest(self, at: DeliveryContext) -> Contact:
        """The conversation's contact, of which this may be the first that is heard here."""
        written_at = events.written_at(at.delivery, at.said)
        return await self._book.contact(at.delivery, written_at, None)

    async def _on_answer(self, at: DeliveryContext) -> None:
        """An employee's answer: a contact that refers to the question, and nothing left to do of
        what was asked before it."""
        if at.said.status not in events.GONE:
            return
        written = await self._by_an_employee(at)
        question = await self._question(at, written)
        if not (written and question and at.delivery.message):
            return
        mine = (at.delivery.message, at.delivery.conversation)
        answer = await self._book.answer(*mine, question)
        if not answer.addressed:
            answer = await self._contacts.answering(at, answer, written, question)
            await self._tasks.end(at, self._why(at), written.place)
            await self._book.answered(question, written.place)
            await self._book.set_linked(answer, addressed=True, linked=True)

    async def _failed(self, at: DeliveryContext) -> None:
        """An employee's answer did not arrive: it is to be done still, or again."""
        if at.said.status != events.FAILED:
            return
        if question := await self._question(at, await self._by_an_employee(at)):
            await self._assign_once(at, question)

    async def _by_an_employee(self, at: DeliveryContext) -> OutgoingRef | None:
        message = at.delivery.message
        written = await self._book.written(message) if message else None
        return written if written and is_answer(written) else None

    async def _question(self, at: DeliveryContext, written: OutgoingRef | None) -> Contact | None:
        """What it answers, or would have."""
        if written is None:
            return None
        return await self._book.question(at.delivery.conversation, written.place)

    async def _end(self, at: DeliveryContext) -> None:
        await self._tasks.end(at, self._why(at), at.delivery.sequence)

    def _why(self, at: DeliveryContext) -> str:
        """What was to be done is not any more: for whoever looks at it."""
        said = at.said
        if at.delivery.type == events.STATUS_CHANGED:
            return "Beantwoord via WhatsApp."
        if at.delivery.type == events.CLOSED:
            return f"Gesprek gesloten. {said.reason or said.outcome or ''}"
        department = self._department_of(at)
        name = department.name if department else said.department
        return f"Doorgezet naar {name}. {said.reason}"


def is_answer(written: OutgoingRef) -> bool:
    """Whether an employee says something; a thumb under a question says nothing to it. Pure."""
    return written.author_kind == "employee" and written.content.get("type") != "reaction"
