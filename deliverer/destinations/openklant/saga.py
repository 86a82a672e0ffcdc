"""Saga of a delivery to an Open Klant: a series of calls, each of which can be resumed.

The number of a contact or task is stored before the call that creates it, and its id after the
answer. An attempt that resumes another first looks for the next object: the answer may have been
lost, or several attempts may have run at once.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial

import msgspec
import structlog

from deliverer.crm.response_policy import Verdict
from deliverer.destinations.openklant import events, found_commands
from deliverer.destinations.openklant.actors import Actors
from deliverer.destinations.openklant.client import (
    ODD_SHAPES,
    ROW_SHUT,
    UNEXPECTED_RESPONSE,
    OpenKlantClient,
    RequestRefused,
    judge_answer,
)
from deliverer.destinations.openklant.contacts import Contacts
from deliverer.destinations.openklant.events import PayloadOptions
from deliverer.destinations.openklant.idempotent_call import DeliveryContext
from deliverer.destinations.openklant.store import Contact, OutgoingRef, SagaStore, Task
from deliverer.destinations.openklant.tasks import Tasks
from deliverer.transport.response import Response
from services import event_types
from services.config.organisation import Department, OpenKlantDestination
from services.contract import Delivery
from services.postgres.shut_rows import RowShut

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
        self._archiver = options.archiver
        self._burst = timedelta(minutes=destination.burst_minutes)
        self._store, self._new_client, actors = store, new_client, Actors()
        self._contacts, self._tasks = (
            Contacts(options, store, actors),
            Tasks(options, store, actors),
        )
        self._steps: Mapping[str, tuple[Step, ...]] = {
            event_types.RECEIVED: (self._on_message,),
            event_types.DECIDED: (self._assign,),
            event_types.TRANSFERRED: (self._on_transfer,),
            event_types.CASE_LINKED: (self._on_case,),
            event_types.MEDIA_AVAILABLE: (self._on_file,),
            event_types.CLOSED: (self._end_tasks, self._on_close),
            event_types.REOPENED: (self._on_reopening,),
            event_types.STATUS_CHANGED: (
                self._on_answer,
                self._on_held_answer,
                self._on_undelivered_answer,
                self._on_settled_answer,
            ),
            event_types.COMMAND_REFUSED: (self._on_refusal,),
        }
        """Event type -> its steps. Events of other types are not delivered: employees do not need
        them."""
        self._refusals: Mapping[str, Callable[[DeliveryContext, str], Awaitable[None]]] = {
            "close": self._on_refused_closing,
            "reopen": self._on_refused_reopening,
            "transfer": self._on_refused_transfer,
        }

    def judge(self, answer: Response) -> Verdict:
        return judge_answer(answer)

    async def deliver(self, delivery: Delivery, *, may_join: bool = False) -> Response:
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
        except RowShut:
            return msgspec.structs.replace(ROW_SHUT, calls=context.calls.count)
        except ODD_SHAPES as error:
            kind = type(error).__name__  # its text quotes an answer of another shape
            log.error("openklant.strange", destination=self._id, record=delivery.id, reason=kind)
            return msgspec.structs.replace(UNEXPECTED_RESPONSE, calls=context.calls.count)
        return Response(status=DONE, calls=context.calls.count)

    def _department_of(self, context: DeliveryContext) -> Department | None:
        return self._department(context.delivery.tenant, context.event.department)

    def _own_department(self, context: DeliveryContext) -> Department | None:
        """Return the department of an event if it works in this Open Klant."""
        department = self._department_of(context)
        return department if department and department.destination == self._id else None

    async def _on_message(self, context: DeliveryContext) -> None:
        """Add a citizen's message: as a new contact, or to the contact that goes on."""
        contact = await self._place_message(context)
        if context.event.task:
            await self._assign_contact(context, contact)

    async def _place_message(self, context: DeliveryContext) -> Contact:
        """Return the contact that contains the message."""
        delivery = context.delivery
        written_at = events.written_at(delivery, context.event)
        find = partial(self._store.find_or_create_contact, delivery, written_at, self._burst)
        contact = await find()
        while contact.event != delivery.id and delivery.id not in contact.told:
            if await self._continue(context, contact):
                break
            await self._store.finish_contact(contact)
            contact = await find()  # another that goes on, or that of this message
        if delivery.id in contact.told:
            return contact
        contact = await self._contacts.complete(context, contact)
        await self._store.add_event(contact, delivery.id, written_at)
        return contact

    async def _continue(self, context: DeliveryContext, contact: Contact) -> bool:
        """Add the message to an existing contact. False if it was deleted, or if its task is done,
        also if that happened meanwhile: nobody would see the message."""
        is_work = context.event.task
        if is_work and not await self._tasks.is_open(context, contact):
            return False
        if not await self._contacts.extend(context, contact):
            return False
        return not is_work or await self._tasks.cover(context, contact)

    async def _on_transfer(self, context: DeliveryContext) -> None:
        """Give the open tasks to the new department; end them if it works elsewhere."""
        department = self._own_department(context)
        if department is None:
            return await self._end_tasks(context)
        remark = f"Doorgezet naar {department.name}. {context.event.reason}"
        moved = [
            await self._move(context, task, department, remark)
            for task in await self._store.open_tasks(context.delivery.conversation)
        ]
        if context.delivery.dataref:
            await self._seclude(context)
        # A task that was forwarded here may be done already.
        if not any(moved) and not self._is_from_here(context):
            await self._assign(context)

    async def _move(
        self, context: DeliveryContext, task: Task, department: Department, remark: str
    ) -> bool:
        """Give a task to a department. One that was forwarded to it here is left alone: employees
        may have done more with it since."""
        if self._is_from_here(context) and task.department == department.id:
            return await self._store.extend_task(task, context.delivery.sequence)
        return await self._tasks.move(context, task, department, remark)

    async def _seclude(self, context: DeliveryContext) -> None:
        """Make the open contacts of a conversation confidential."""
        for task in await self._store.open_tasks(context.delivery.conversation):
            if contact := await self._store.contact_of(task):
                await self._contacts.seclude(context, contact)

    def _is_from_here(self, context: DeliveryContext) -> bool:
        """True for news of what an employee did in this Open Klant."""
        by = context.event.by or {}
        return bool(by.get("token") == found_commands.SENDER.format(self._id))

    async def _on_case(self, context: DeliveryContext) -> None:
        for task in await self._store.open_tasks(context.delivery.conversation):
            if contact := await self._store.contact_of(task):
                await self._contacts.link_case(context, contact)

    async def _on_file(self, context: DeliveryContext) -> None:
        """Say on the open tasks that a file cannot be opened."""
        if context.event.state not in ("quarantined", "lost"):
            return
        remark = f"Een bestand is niet te openen. {context.event.reason}"
        for task in await self._store.open_tasks(context.delivery.conversation):
            await self._tasks.remark(context, task, remark)

    async def _assign(self, context: DeliveryContext) -> None:
        """Give the conversation's newest contact a task for the department; a new contact if that
        one's task is done."""
        contact = await self._newest_contact(context)
        if not contact.fresh and not await self._tasks.is_open(context, contact):
            contact = await self._new_contact(context)
        await self._assign_contact(context, contact)

    async def _assign_contact(self, context: DeliveryContext, contact: Contact) -> None:
        """Create the task of a contact, or let its open task cover this event."""
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

    async def _new_contact(self, context: DeliveryContext) -> Contact:
        """Return the contact of this event itself, which says where the text is."""
        written_at = events.written_at(context.delivery, context.event)
        return await self._store.create_contact(context.delivery, written_at)

    async def _on_answer(self, context: DeliveryContext) -> None:
        """Add an employee's answer: a contact that refers to the question. End the tasks of what
        was asked before it. An answer that was registered here is here already."""
        if context.event.status not in events.SENT_STATUSES:
            return
        message = context.delivery.message
        if message and await self._store.find_registered(message, "sent"):
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

    async def _on_held_answer(self, context: DeliveryContext) -> None:
        """Say on the task that an employee's answer waits until the citizen writes. A task that is
        done stays so: its conversation closes once the answer was sent."""
        if remark := events.describe_wait(context.event):
            question, _ = await self._question_in_doubt(context)
            if question and (task := await self._store.task_of(question)):
                await self._tasks.note(context, task, remark)

    async def _on_undelivered_answer(self, context: DeliveryContext) -> None:
        """Say on the task that an employee's answer failed, or that its result is unknown: the
        question is still open, or again."""
        remark = events.UNDELIVERED.get(context.event.status)
        if remark is None:
            return
        question, place = await self._question_in_doubt(context)
        if question:
            remark = remark.format(self._reason(context))
            await self._reopen(_at_place(context, place), question, remark)

    def _reason(self, context: DeliveryContext) -> str:
        """Return the reason of an event, or the address where it stands: the events of a
        confidential department have none."""
        path = context.delivery.dataref
        return f"Waarom: {self._archiver}{path}" if path else context.event.reason

    async def _question_in_doubt(self, context: DeliveryContext) -> tuple[Contact | None, int]:
        """Return the question of an answer that was not sent yet, and the answer's place. An answer
        that was registered here is known by its message."""
        message, status = context.delivery.message, context.event.status
        answer = await self._employee_answer(context)
        place = answer.place if answer else context.delivery.sequence
        if message and (question := await self._store.find_registered(message, status)):
            return question, place
        return await self._question(context, answer), place

    async def _reopen(self, context: DeliveryContext, question: Contact, remark: str) -> None:
        """Open the task of a question again, with a remark. A question that was deleted comes back
        as a new contact, if its conversation is open."""
        task = await self._store.task_of(question)
        if task is None:
            return await self._assign_contact(_with_reason(context, remark), question)
        if not await self._tasks.reopen(context, task, remark) and not question.closed:
            contact = await self._new_contact(context)
            await self._assign_contact(_with_reason(context, remark), contact)

    async def _on_settled_answer(self, context: DeliveryContext) -> None:
        """Say on a task that is still open what a person found out about the answer in doubt."""
        if context.event.by is None:
            return
        answer = await self._employee_answer(context)
        if answer and (question := await self._question(context, answer)):
            remark = f"Over het antwoord: {context.event.reason}"
            if task := await self._store.task_of(question):
                await self._tasks.remark(_at_place(context, answer.place), task, remark)

    async def _on_reopening(self, context: DeliveryContext) -> None:
        """Open the task of a conversation again that was opened again elsewhere. If that was done
        here, the task was open before, and may be done again."""
        await self._store.close_contacts(context.delivery.conversation, False)
        if self._is_from_here(context) or await self._store.open_tasks(
            context.delivery.conversation
        ):
            return
        contact = await self._newest_contact(context)
        await self._reopen(context, contact, f"Gesprek heropend. {context.event.reason}")

    async def _on_refusal(self, context: DeliveryContext) -> None:
        """Say on the task why the router refused an action that an employee did here, and undo it:
        the answer was not sent, or the task stays with its department."""
        _, _, words = context.event.reason.partition(": ")  # without the code, for programs
        reason = words or context.event.reason
        if message := context.delivery.message:
            if question := await self._store.find_registered(message, "failed"):
                remark = events.UNDELIVERED["failed"].format(reason)
                await self._reopen(context, question, remark)
        elif handle := self._refusals.get(context.event.order):
            await handle(context, reason)

    async def _on_refused_closing(self, context: DeliveryContext, reason: str) -> None:
        if not context.event.reason.startswith(events.ASKED_MEANWHILE):
            contact = await self._newest_contact(context)
            await self._reopen(context, contact, f"Het gesprek is niet gesloten. {reason}")

    async def _on_refused_reopening(self, context: DeliveryContext, reason: str) -> None:
        for task in await self._store.open_tasks(context.delivery.conversation):
            remark = f"Het gesprek zelf blijft gesloten. {reason}"
            await self._tasks.remark(context, task, remark)

    async def _on_refused_transfer(self, context: DeliveryContext, reason: str) -> None:
        department, remark = self._own_department(context), f"Niet doorgezet. {reason}"
        for task in await self._store.open_tasks(context.delivery.conversation):
            if department and task.department != department.id:
                await self._tasks.move(context, task, department, remark)
            else:  # an employee took it, or its department works elsewhere
                await self._tasks.remark(context, task, remark)

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

    async def _on_close(self, context: DeliveryContext) -> None:
        await self._store.close_contacts(context.delivery.conversation, True)

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


def _at_place(context: DeliveryContext, place: int) -> DeliveryContext:
    """Return the delivery at the place of an answer: a task about it covers what was asked before,
    so it still ends if the answer was sent after all."""
    delivery = msgspec.structs.replace(context.delivery, sequence=place)
    return context._replace(delivery=delivery)


def _with_reason(context: DeliveryContext, reason: str) -> DeliveryContext:
    """Return the delivery with this reason for its task."""
    return context._replace(event=msgspec.structs.replace(context.event, reason=reason))


def is_answer(outgoing: OutgoingRef) -> bool:
    """True for a message of an employee, except a reaction: a thumb answers no question. Pure."""
    return outgoing.author_kind == "employee" and outgoing.content.get("type") != "reaction"
