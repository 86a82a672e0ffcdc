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
from deliverer.destinations.openklant.client import STRANGE, Calls, Refused, judged
from deliverer.destinations.openklant.contacts import Contacts
from deliverer.destinations.openklant.idempotent_call import At
from deliverer.destinations.openklant.payloads import Terms
from deliverer.destinations.openklant.store import Book, Contact, Written
from deliverer.destinations.openklant.tasks import Tasks
from deliverer.transport.response import Answer
from services.config.organisation import Department, Destination
from services.contract import Delivery

DONE = 200
UNREADABLE = Answer(status=422, calls=0, body=b"{}")
"""An event of a shape that this version does not know: parked."""

Step = Callable[[At], Awaitable[None]]

log = structlog.get_logger()


class OpenKlant:
    """One destination. `department` finds a municipality's by its id."""

    def __init__(
        self,
        destination: Destination,
        terms: Terms,
        department: Callable[[str, str], Department | None],
        book: Book,
        asking: Callable[[], Calls],
    ) -> None:
        self._id, self._department = destination.id, department
        self._burst = timedelta(minutes=destination.burst_minutes)
        self._book, self.asking, actors = book, asking, Actors()
        self._contacts, self._tasks = Contacts(terms, book, actors), Tasks(terms, book, actors)
        self._steps: Mapping[str, tuple[Step, ...]] = {
            events.RECEIVED: (self._written, self._work),
            events.DECIDED: (self._assign,),
            events.TRANSFERRED: (self._end, self._arrived),
            events.CLOSED: (self._end,),
            events.STATUS_CHANGED: (self._answered, self._failed),
        }
        """Type of an event -> what it asks for; an employee need not know of the others."""

    def judge(self, answer: Answer) -> Verdict:
        return judged(answer)

    async def hand(self, delivery: Delivery) -> Answer:
        """All that it takes; the answer is that of the call that failed, if any did."""
        try:
            at = At(delivery, events.said(delivery), self.asking())
        except msgspec.DecodeError:
            return UNREADABLE
        try:
            for step in self._steps.get(delivery.type, ()):
                await step(at)
        except Refused as refused:
            return msgspec.structs.replace(refused.answer, calls=at.calls.count)
        except (LookupError, TypeError, ValueError) as error:  # of what stands in an answer
            kind = type(error).__name__  # not its words: they quote
            log.error("openklant.strange", destination=self._id, record=delivery.id, reason=kind)
            return msgspec.structs.replace(STRANGE, calls=at.calls.count)
        return Answer(status=DONE, calls=at.calls.count)

    def _department_of(self, at: At) -> Department | None:
        return self._department(at.delivery.tenant, at.said.department)

    async def _written(self, at: At) -> None:
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
        await self._book.told(contact, delivery.id, written_at)

    async def _work(self, at: At) -> None:
        if at.said.task:
            await self._assign_once(at, await self._newest(at))

    async def _arrived(self, at: At) -> None:
        department = self._department_of(at)
        if department and department.destination == self._id:
            await self._assign(at)

    async def _assign_once(self, at: At, contact: Contact) -> None:
        """Work, unless what is already to be done about its contact is this too."""
        if not await self._tasks.is_open(at, contact):
            await self._to_the_department(at, contact)

    async def _assign(self, at: At) -> None:
        """Work for the department, on the conversation's newest contact."""
        await self._to_the_department(at, await self._newest(at))

    async def _to_the_department(self, at: At, contact: Contact) -> None:
        if department := self._department_of(at):
            contact = await self._contacts.whole(at, contact)
            try:
                await self._tasks.assigned(at, contact, department)
            except Refused as refused:
                if not refused.lacks("aanleidinggevendKlantcontact"):
                    raise
                contact = await self._contacts.again(at, contact)
                await self._tasks.assigned(at, contact, department)

    async def _newest(self, at: At) -> Contact:
        """The conversation's contact, of which this may be the first that is heard here."""
        written_at = events.written_at(at.delivery, at.said)
        return await self._book.contact(at.delivery, written_at, None)

    async def _answered(self, at: At) -> None:
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
            await self._book.passed(answer, addressed=True, linked=True)

    async def _failed(self, at: At) -> None:
        """An employee's answer did not arrive: it is to be done still, or again."""
        if at.said.status != events.FAILED:
            return
        if question := await self._question(at, await self._by_an_employee(at)):
            await self._assign_once(at, question)

    async def _by_an_employee(self, at: At) -> Written | None:
        message = at.delivery.message
        written = await self._book.written(message) if message else None
        return written if written and is_answer(written) else None

    async def _question(self, at: At, written: Written | None) -> Contact | None:
        """What it answers, or would have."""
        if written is None:
            return None
        return await self._book.question(at.delivery.conversation, written.place)

    async def _end(self, at: At) -> None:
        await self._tasks.end(at, self._why(at), at.delivery.sequence)

    def _why(self, at: At) -> str:
        """What was to be done is not any more: for whoever looks at it."""
        said = at.said
        if at.delivery.type == events.STATUS_CHANGED:
            return "Beantwoord via WhatsApp."
        if at.delivery.type == events.CLOSED:
            return f"Gesprek gesloten. {said.reason or said.outcome or ''}"
        department = self._department_of(at)
        name = department.name if department else said.department
        return f"Doorgezet naar {name}. {said.reason}"


def is_answer(written: Written) -> bool:
    """Whether an employee says something; a thumb under a question says nothing to it. Pure."""
    return written.author_kind == "employee" and written.content.get("type") != "reaction"
