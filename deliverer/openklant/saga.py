"""A delivery to an Open Klant: calls that are each found again, whatever became of their answers.

Before a contact or a task is asked for, its number is written down; when it was answered, its id.
An attempt that goes on where another stopped looks first whether the next is there already: the
answer may have been lost, or four may have asked at once.
"""

from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import msgspec

from deliverer.answers import Answer
from deliverer.openklant import bodies
from deliverer.openklant import said as events
from deliverer.openklant.actors import Actors
from deliverer.openklant.bodies import Terms
from deliverer.openklant.book import Book, Contact, Task
from deliverer.openklant.calls import ALL_TAKEN, Calls, Json, Refused, judged
from deliverer.openklant.said import Said
from deliverer.policy import Verdict
from services.contract import Delivery
from services.town import Department, Destination

DONE = 200
UNREADABLE = Answer(status=422, calls=0, body=b"{}")
"""An event of a shape that this version does not know: parked."""
NUMBERS = 5
"""Numbers that are tried for one contact or task, where others have them: they number alike."""
TOGETHER, CONTACTS, TASKS = "maak-klantcontact", "klantcontacten", "internetaken"
PARTIES, ADDRESSES, LINKS = "betrokkenen", "digitaleadressen", "actorklantcontacten"
SUBJECTS = "onderwerpobjecten"
Body = Callable[[bodies.Known, Terms], Json]


class At(NamedTuple):
    """One delivery in hand."""

    delivery: Delivery
    said: Said
    calls: Calls


class Taken(Exception):
    """The number is somebody else's."""


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
        self._id, self._terms, self._department = destination.id, terms, department
        self._burst = timedelta(minutes=destination.burst_minutes)
        self._book, self._asking, self._actors = book, asking, Actors()

    def judge(self, answer: Answer) -> Verdict:
        return judged(answer)

    async def hand(self, delivery: Delivery) -> Answer:
        """All that it takes; the answer is that of the call that failed, if any did."""
        try:
            at = At(delivery, events.said(delivery), self._asking())
        except msgspec.DecodeError:
            return UNREADABLE
        try:
            for step in self._steps(at):
                await step(at)
        except Refused as refused:
            return msgspec.structs.replace(refused.answer, calls=at.calls.count)
        return Answer(status=DONE, calls=at.calls.count)

    def _steps(self, at: At) -> Iterator[Callable[[At], Awaitable[None]]]:
        """What an event asks for: nothing for those of which an employee need not know."""
        match at.delivery.type:
            case events.RECEIVED:
                yield self._written
                if at.said.task:
                    yield self._assign_once
            case events.DECIDED:
                yield self._assign
            case events.TRANSFERRED:
                yield self._end
                if self._is_ours(at):
                    yield self._assign
            case events.CLOSED:
                yield self._end
            case events.STATUS_CHANGED if at.said.status in events.GONE:
                yield self._answered

    def _is_ours(self, at: At) -> bool:
        department = self._department(at.delivery.tenant, at.said.department)
        return department is not None and department.destination == self._id

    async def _written(self, at: At) -> None:
        """What a citizen wrote: a contact of its own, or one more of a burst."""
        delivery = at.delivery
        written_at = events.written_at(delivery, at.said)
        mine = (delivery.id, delivery.conversation, written_at)
        contact = await self._book.contact(*mine, self._burst)
        if delivery.id in contact.told:
            return
        was_there = contact.klantcontact is not None
        contact = await self._contact(at, contact)
        if was_there and not await self._lengthen(at, contact):
            await self._contact(at, await self._book.anew(contact))  # somebody took it away
        await self._book.told(contact, delivery.id, written_at)

    async def _lengthen(self, at: At, contact: Contact) -> bool:
        """Whether the burst's contact is there; it has this message then."""
        there = await at.calls.get(CONTACTS, str(contact.klantcontact))
        if there is None:
            return False
        if change := bodies.longer(at.delivery, at.said, there, self._terms):
            await at.calls.patch(CONTACTS, there["uuid"], change)
        return True

    async def _contact(self, at: At, contact: Contact) -> Contact:
        """Made, and everything that hangs on it."""
        doubt = not contact.fresh
        if contact.klantcontact is None:
            body = partial(bodies.contact, at.delivery, at.said)
            contact = await self._make(at, contact, body)
        if not contact.addressed:
            if contact.betrokkene:
                await self._address(at, str(contact.betrokkene), doubt)
            await self._book.passed(contact, addressed=True, linked=False)
        if not contact.linked:
            await self._link(at, str(contact.klantcontact), bodies.OURS, doubt=doubt)
            await self._book.passed(contact, addressed=True, linked=True)
        return contact

    async def _make(self, at: At, contact: Contact, body: Body) -> Contact:
        for _ in range(NUMBERS):
            try:
                made = await _once(
                    partial(self._register, at, contact, body),
                    partial(_ours, at.calls, contact),
                    doubt=not contact.fresh,
                )
            except Taken:
                contact = await self._book.anew(contact)
                continue
            return await self._book.made(contact, *_ids(made))
        raise Refused(ALL_TAKEN)

    async def _register(self, at: At, contact: Contact, body: Body) -> Json:
        known = bodies.Known(_digits(contact.number), str(contact.event))
        return await at.calls.post(TOGETHER, body(known, self._terms))

    async def _address(self, at: At, party: str, doubt: bool) -> None:
        if body := bodies.address(at.said, party):
            await _once(
                lambda: at.calls.post(ADDRESSES, body),
                lambda: at.calls.find(ADDRESSES, verstrektDoorBetrokkene__uuid=party),
                doubt=doubt,
            )

    async def _link(self, at: At, contact: str, whose: Json, *, doubt: bool) -> None:
        """Who registered it, or answered."""
        actor = await self._actors.uuid(at.calls, whose)
        await _once(
            lambda: at.calls.post(
                LINKS, {"actor": {"uuid": actor}, "klantcontact": {"uuid": contact}}
            ),
            lambda: at.calls.find(LINKS, actor__uuid=actor, klantcontact__uuid=contact),
            doubt=doubt,
        )

    async def _answered(self, at: At) -> None:
        """An employee's answer: a contact that refers to the question, and nothing left to do."""
        message, conversation = at.delivery.message, at.delivery.conversation
        written = await self._book.written(message) if message else None
        question = await self._book.question(conversation)
        if not (message and written and question and written.author_kind == "employee"):
            return
        answer = await self._book.answer(message, conversation, question)
        doubt = not answer.fresh
        if answer.klantcontact is None:
            body = partial(bodies.answer, at.delivery, written.content)
            answer = await self._make(at, answer, body)
        if not answer.linked:
            actor = bodies.employee(written.author)
            await self._link(at, str(answer.klantcontact), actor, doubt=doubt)
            await self._book.passed(answer, addressed=False, linked=True)
        if not answer.addressed:
            await self._refer(at, str(answer.klantcontact), str(question.klantcontact), doubt)
            await self._end(at)
            await self._book.answered(question)
            await self._book.passed(answer, addressed=True, linked=True)

    async def _refer(self, at: At, answer: str, question: str, doubt: bool) -> None:
        body = {"klantcontact": {"uuid": answer}, "wasKlantcontact": {"uuid": question}}
        await _once(
            lambda: at.calls.post(SUBJECTS, body),
            lambda: at.calls.find(SUBJECTS, klantcontact__uuid=answer),
            doubt=doubt,
        )

    async def _assign_once(self, at: At) -> None:
        """Work, unless what is already to be done on its contact is this too."""
        contact = await self._newest(at)
        for task in await self._book.open(at.delivery.conversation, at.delivery.id):
            if task.contact == contact.event:
                there = await at.calls.find(TASKS, referentienummer=_digits(task.number))
                if there and there["status"] != bodies.DONE:
                    return
        await self._assign(at)

    async def _newest(self, at: At) -> Contact:
        """The conversation's contact, of which this may be the first that is heard here."""
        written_at = events.written_at(at.delivery, at.said)
        return await self._book.contact(at.delivery.id, at.delivery.conversation, written_at, None)

    async def _assign(self, at: At) -> None:
        """Work for the department, on the conversation's newest contact."""
        delivery = at.delivery
        department = self._department(delivery.tenant, at.said.department)
        if department is None:
            return
        contact = await self._newest(at)
        if contact.klantcontact is None:
            contact = await self._contact(at, contact)
        task = await self._book.task(delivery.id, delivery.conversation, contact)
        if task.internetaak is None:
            await self._ask(at, task, str(contact.klantcontact), department)

    async def _ask(self, at: At, task: Task, contact: str, department: Department) -> None:
        for _ in range(NUMBERS):
            about = _digits(task.number), contact
            try:
                made = await _once(
                    partial(self._for_the, department, at, about),
                    partial(_task_of, at.calls, *about),
                    doubt=not task.fresh,
                )
            except Taken:
                task = await self._book.task_anew(task)
                continue
            await self._book.assigned(task, made["uuid"])
            return
        raise Refused(ALL_TAKEN)

    async def _for_the(self, department: Department, at: At, about: tuple[str, str]) -> Json:
        """A task of its actor's; once more where the one that we know is no longer there."""
        wanted = bodies.department(department)
        for last in (False, True):
            actor = await self._actors.uuid(at.calls, wanted)
            body = bodies.task(at.delivery, at.said, (*about, actor), self._terms)
            try:
                return await at.calls.post(TASKS, body)
            except Refused as refused:
                if last or not refused.has("does_not_exist", "toegewezenAanActor"):
                    raise
                self._actors.forget()
        raise AssertionError

    async def _end(self, at: At) -> None:
        """Whatever was still to be done is not any more: elsewhere, or answered."""
        for task in await self._book.open(at.delivery.conversation, at.delivery.id):
            number = _digits(task.number)
            there = await at.calls.find(TASKS, referentienummer=number)
            if there and (change := bodies.ended(there, self._why(at))):
                await at.calls.patch(TASKS, there["uuid"], change)
            await self._book.ended(task)

    def _why(self, at: At) -> str:
        said = at.said
        if at.delivery.type == events.STATUS_CHANGED:
            return "Beantwoord via WhatsApp."
        if at.delivery.type == events.CLOSED:
            return f"Gesprek gesloten. {said.reason or said.outcome or ''}"
        department = self._department(at.delivery.tenant, said.department)
        name = department.name if department else said.department
        return f"Doorgezet naar {name}. {said.reason}"


async def _once(
    post: Callable[[], Awaitable[Json]],
    find: Callable[[], Awaitable[Json | None]],
    *,
    doubt: bool,
) -> Json:
    """It, there once: looked for first where it may be there, and where the answer leaves doubt."""
    if doubt and (there := await find()):
        return there
    try:
        return await post()
    except Refused as refused:
        if refused.is_doubtful and (there := await find()):
            return there
        raise


async def _ours(calls: Calls, contact: Contact) -> Json | None:
    """The contact of this number, and its party; Taken where it is not the one that we made."""
    there = await calls.find(CONTACTS, referentienummer=_digits(contact.number))
    if there is None:
        return None
    if (there.get("metadata") or {}).get("gebeurtenis") != str(contact.event):
        raise Taken
    party = await calls.find(PARTIES, hadKlantcontact__uuid=there["uuid"])
    return {"klantcontact": there, "betrokkene": party}


async def _task_of(calls: Calls, number: str, contact: str) -> Json | None:
    """The task of this number; Taken where it is of no contact of ours."""
    there = await calls.find(TASKS, referentienummer=number)
    if there and there["aanleidinggevendKlantcontact"]["uuid"] != contact:
        raise Taken
    return there


def _ids(made: Json) -> tuple[UUID, UUID | None]:
    """Of a contact and its party, if nobody took that away."""
    party = made["betrokkene"]
    return UUID(made["klantcontact"]["uuid"]), UUID(party["uuid"]) if party else None


def _digits(number: int) -> str:
    return f"{number:010}"
