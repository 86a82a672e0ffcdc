"""Progress of contacts and tasks, in PostgreSQL. A row is stored before the call that creates the
object, and updated after the answer, so that a resumed saga knows which objects may exist."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from deliverer.destinations.openklant import found_commands
from deliverer.destinations.openklant.row_seals import (
    CONTACT,
    REGISTRATION,
    TASK,
    fits,
    fitting,
    row_seal,
)
from services import clock
from services.contract import AnyAction, Delivery
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.shut_rows import RowShut, open_rows, opening, report_shut
from services.sealing.columns import ACTION, EMPLOYEE, LEDGER, bind, seal_json, unseal_content
from services.sealing.key_ring import RING


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Contact of a burst of messages. `klantcontact` and `betrokkene` are Open Klant's ids, once
    they are known."""

    event: UUID
    """Event of its first message, and the mark by which the contact is found again."""
    conversation: str
    answers: UUID | None = None
    """Event of the question; only of an answer."""
    number: int
    """`nummer` and `referentienummer`, where Open Klant does not number by itself."""
    klantcontact: UUID | None = None
    betrokkene: UUID | None = None
    addressed: bool = False
    """True if its addresses are stored; for an answer, if its reference to the question is."""
    linked: bool = False
    told: list[UUID] = []
    """Events of the messages that it contains."""
    adding: UUID | None = None
    """Message whose text is being added."""
    adding_to: int | None = None
    """Characters of the text before that message."""
    zaak: str = ""
    """Zaak that it is linked to."""
    closed: bool = False
    """True if its conversation was closed."""
    unsettled: bool = False
    """True if a post of a short while ago has no answer, and may still be carried out."""
    fresh: bool = False
    """True if no call for it was ever made."""


class OutgoingRef(msgspec.Struct, frozen=True):
    """Outgoing message in Meta's format, and its author."""

    content: dict[str, Any]
    author_kind: str
    author: str
    place: int
    """Sequence number in the conversation at which it was accepted. It answers nothing later."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """The one task of a contact; `internetaak` is Open Klant's id, once it is known."""

    event: UUID
    """Event of its contact."""
    contact: UUID
    conversation: str
    tenant: str
    number: int
    department: str
    """Department whose work it is."""
    covers: int
    """Place in the conversation of the last message that it is about."""
    internetaak: UUID | None = None
    klantcontact: UUID | None = None
    """Open Klant's id of the contact."""
    ended: bool = False
    unsettled: bool = False
    fresh: bool = False


MAX_CONNECTIONS = 8
"""Connections of one Open Klant: half of the shared pool, so that many deliveries here leave some
for the other destinations. Five hundred statements a second need half a connection, and eight if
each takes 16 ms."""


class SagaStore:
    """Progress at one destination."""

    def __init__(self, pool: Pool, destination: str) -> None:
        self._pool, self._destination = pool, destination
        self._semaphore = asyncio.Semaphore(MAX_CONNECTIONS)

    async def find_or_create_contact(
        self, event: Delivery, at: datetime, burst: timedelta | None
    ) -> Contact:
        """Return the contact of this event: its own, or the conversation's newest if that goes on;
        else a new one with a new number. A contact goes on while its task is open, and within a
        burst. With `burst` None, the newest of the conversation."""
        parameters = (self._destination, event.id, event.conversation, at)
        for row in await self._rows(_FIND_CONTACT, *parameters, burst):
            return Contact(**self._open(CONTACT, row))
        return await self.create_contact(event, at)

    async def create_contact(self, event: Delivery, at: datetime) -> Contact:
        """Return the contact of this event itself; new, with a new number, if there is none."""
        seal = self._seal(CONTACT, event=event.id, conversation=event.conversation)
        parameters = (self._destination, event.id, event.conversation, at, event.sequence, seal)
        return Contact(**self._open(CONTACT, await self._one(_INSERT_CONTACT, *parameters)))

    async def contact_of(self, task: Task) -> Contact | None:
        return await self._contact(task.event)

    async def set_created(
        self, contact: Contact, klantcontact: UUID, betrokkene: UUID | None
    ) -> Contact:
        ids = klantcontact, betrokkene
        created = msgspec.structs.replace(contact, klantcontact=klantcontact, betrokkene=betrokkene)
        seal = self._seal(CONTACT, **msgspec.structs.asdict(created))
        await self._rows(_SET_CREATED, self._destination, contact.event, *ids, seal)
        return created

    async def add_addresses(self, contact: Contact, addresses: Sequence[str]) -> None:
        """Store Open Klant's ids of the contact's addresses, by which they are deleted one day."""
        await self._rows(
            _ADD_ADDRESSES, self._destination, contact.event, list(map(UUID, addresses))
        )

    async def set_linked(self, contact: Contact, *, addressed: bool, linked: bool) -> Contact:
        await self._rows(_SET_LINKED, self._destination, contact.event, addressed, linked)
        return msgspec.structs.replace(contact, addressed=addressed, linked=linked)

    async def set_posting(self, row: Contact | Task, posting: bool) -> None:
        """Store that a post was made whose answer is still to come, or that it came."""
        table = "klantcontact" if isinstance(row, Contact) else "internetaak"
        await self._rows(_SET_POSTING.format(table), self._destination, row.event, posting)

    async def set_zaak(self, contact: Contact, zaak: str) -> Contact:
        await self._rows(_SET_ZAAK, self._destination, contact.event, zaak)
        return msgspec.structs.replace(contact, zaak=zaak)

    async def start_adding(self, contact: Contact, message: UUID, characters: int) -> None:
        """Store that the text of a message is added to one of so many characters."""
        await self._rows(_START_ADDING, self._destination, contact.event, message, characters)

    async def add_event(self, contact: Contact, event: UUID, at: datetime) -> None:
        """Store that the contact contains this message, written at `at`."""
        await self._rows(_ADD_EVENT, self._destination, contact.event, event, at)

    async def finish_contact(self, contact: Contact) -> None:
        """Let the citizen's next message begin another contact."""
        await self._rows(_FINISH_CONTACT, self._destination, contact.event)

    async def close_contacts(self, conversation: str, closed: bool) -> None:
        """Store that the conversation of these contacts was closed, or is open again."""
        await self._rows(_CLOSE_CONTACTS, self._destination, conversation, closed)

    async def renumber(self, contact: Contact) -> Contact:
        """Give a contact a new number and no ids, because it was deleted or its number is taken.
        Its task went with it."""
        gone = {"klantcontact": None, "betrokkene": None, "internetaak": None}
        task = await self.task_of(contact)
        seals = (
            self._seal(CONTACT, **msgspec.structs.asdict(contact) | gone),
            self._seal(TASK, **msgspec.structs.asdict(task) | gone) if task else None,
        )
        row = await self._one(_RENUMBER_CONTACT, self._destination, contact.event, *seals)
        return Contact(**self._open(CONTACT, row))

    async def outgoing_message(self, message: UUID) -> OutgoingRef | None:
        """Return an outgoing message of an employee or of Postkamer. Raises RowShut."""
        rows = await self._rows(_OUTGOING_MESSAGE, message)
        open_all = partial(open_rows, rows, _read_outgoing)
        opened, shut = await retry_while_unavailable(open_all, "register")
        if shut:
            report_shut("deliverer.ledger", message)
            raise RowShut("deliverer.ledger", message)
        return opened[0] if opened else None

    async def find_question(self, conversation: str, before: int) -> Contact | None:
        """Return the newest contact of a citizen that Open Klant has and that began before this
        place in the conversation."""
        for row in await self._rows(_FIND_QUESTION, self._destination, conversation, before):
            return Contact(**self._open(CONTACT, row))
        return None

    async def find_registered(self, message: UUID, outcome: str) -> Contact | None:
        """Return the contact about which an employee registered this message in Open Klant, and
        store its outcome: `sent` lets the closing that waits for it go, `failed` drops it. A
        closing that is found after `unknown` does not wait: the question was open again."""
        rows = await self._rows(_SETTLE_REGISTRATION, self._destination, message, outcome)
        if not rows:
            return None
        # One that was put beside it by hand does not fit, and the other one counts.
        row = max(rows, key=partial(fits, REGISTRATION, self._destination))
        return await self._contact(self._open(REGISTRATION, row)["contact"])

    async def find_or_create_answer(
        self, message: UUID, conversation: str, question: Contact
    ) -> Contact:
        """Return the contact of this answer; a new one with a new number if there is none."""
        if answer := await self._contact(message):
            return answer
        ids = {"event": message, "conversation": conversation, "answers": question.event}
        parameters = (self._destination, *ids.values(), self._seal(CONTACT, **ids))
        return Contact(**self._open(CONTACT, await self._one(_INSERT_ANSWER, *parameters)))

    async def mark_answered(self, question: Contact, before: int) -> None:
        """Mark the question as answered, unless its open task covers something after this place."""
        await self._rows(_MARK_ANSWERED, self._destination, question.event, before)

    async def task_of(self, contact: Contact) -> Task | None:
        for row in await self._rows(_FIND_TASK, self._destination, contact.event):
            return Task(**self._open(TASK, row))
        return None

    async def find_or_create_task(self, event: Delivery, contact: Contact, department: str) -> Task:
        """Return the task of this contact; a new one with a new number if there is none."""
        if task := await self.task_of(contact):
            return task
        ids = {"conversation": event.conversation, "tenant": event.tenant}
        seal = self._seal(TASK, event=contact.event, contact=contact.event, **ids)
        parameters = (self._destination, contact.event, *ids.values(), department, event.sequence)
        return Task(**self._open(TASK, await self._one(_INSERT_TASK, *parameters, seal)))

    async def set_assigned(self, task: Task, internetaak: str, actors: Sequence[str]) -> None:
        id = UUID(internetaak)
        seal = self._seal(TASK, **msgspec.structs.asdict(task) | {"internetaak": id})
        parameters = (task.event, id, sorted(map(UUID, actors)), seal)
        await self._rows(_SET_ASSIGNED, self._destination, *parameters)

    async def renumber_task(self, task: Task) -> Task:
        row = await self._one(_RENUMBER_TASK, self._destination, task.event)
        return Task(**self._open(TASK, row))

    async def open_tasks(self, conversation: str) -> list[Task]:
        """Return the open tasks of a conversation, the oldest first."""
        return await self._tasks(_OPEN_TASKS, conversation)

    async def extend_task(self, task: Task, sequence: int) -> bool:
        """Extend an open task to cover the conversation up to this place. False if it has ended."""
        return bool(await self._rows(_EXTEND_TASK, self._destination, task.event, sequence))

    async def start_moving(self, task: Task, department: str, actors: Sequence[str]) -> None:
        """Store the department and actors that the task gets, before Open Klant hears of them."""
        new = department, sorted(map(UUID, actors))
        await self._rows(_START_MOVING, self._destination, task.event, *new)

    async def start_reopening(self, task: Task) -> None:
        """Store that the task is open again, before Open Klant hears of it."""
        await self._rows(_START_REOPENING, self._destination, task.event)

    async def mark_reopened(self, task: Task) -> None:
        await self._rows(_MARK_REOPENED, self._destination, task.event)

    async def start_ending(self, event: Delivery, before: int) -> list[Task]:
        """Mark open tasks of the conversation that cover nothing after this place as ending, before
        Open Klant hears of it, and return them, the oldest first."""
        return await self._tasks(_START_ENDING, event.conversation, before)

    async def mark_ended(self, task: Task) -> None:
        """Mark a task as ended; the citizen's next message begins another contact."""
        await self._rows(_MARK_ENDED, self._destination, task.event)

    async def mark_removed(self, task: Task) -> None:
        """Put on the record, once, that the task was deleted in Open Klant."""
        id = clock.new_id()
        action = seal_action(found_commands.removal(), id, self._destination, task.conversation)
        await self._rows(MARK_REMOVED, self._destination, task.event, id, action)

    def _seal(self, table: str, **row: Any) -> bytes:
        """Return the hash of a row; columns that are not named are null."""
        return row_seal(table, self._destination, defaultdict(lambda: None, row))

    def _open(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row that fits its hash. Raises RowShut."""
        key = row["klantcontact" if table == REGISTRATION else "event"]
        try:
            with opening(table, key):
                return fitting(table, self._destination, row)
        except RowShut:
            report_shut(table, key)
            raise

    async def _contact(self, event: UUID) -> Contact | None:
        for row in await self._rows(_CONTACT_OF_EVENT, self._destination, event):
            return Contact(**self._open(CONTACT, row))
        return None

    async def _tasks(self, statement: str, *parameters: object) -> list[Task]:
        """Return the tasks that fit, the oldest first. One that does not is not acted on."""
        rows = await self._rows(statement, self._destination, *parameters)
        tasks = []
        for row in rows:
            with suppress(RowShut):
                tasks.append(Task(**self._open(TASK, row)))
        return sorted(tasks, key=lambda task: task.event)

    async def _one(self, statement: str, *parameters: object) -> dict[str, Any]:
        [row] = await self._rows(statement, *parameters)
        return row

    async def _rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Run a statement; wait for as long as the database is unavailable."""
        return await retry_while_unavailable(
            partial(self._fetch, statement, *parameters), "register"
        )

    async def _fetch(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        async with self._semaphore:
            return [dict(row) for row in await self._pool.fetch(statement, *parameters)]


def _read_outgoing(row: dict[str, Any]) -> OutgoingRef:
    author = RING.unseal_text(row["author"], EMPLOYEE, bind(row["id"]))
    return OutgoingRef(unseal_content(row), row["author_kind"], author, row["place"])


def seal_action(action: AnyAction, id: UUID, destination: str, conversation: str) -> str:
    """Return the action of a row of deliverer.found_command, bound to it and to where it goes."""
    bound = bind(id, destination, conversation)
    return seal_json(msgspec.json.encode(action).decode(), ACTION, bound)


MAX_MESSAGES = 200
"""Messages of one contact. Its text has room for fewer."""
_CONTACT = """k.event, k.conversation, k.answers, k.seal, k.number, k.klantcontact, k.betrokkene,
    k.addressed, k.linked, k.told, k.adding, k.adding_to, k.zaak, k.closed,
    coalesce(k.posted_at > now() - interval '120 s', false) as unsettled"""
# True for a row that this statement inserted, false for one that it found.
_FRESH = "(xmax = 0) as fresh"
# The task was deleted there: a note for the record, once. The next message begins a new contact.
MARK_REMOVED = """
with removed as (
    update deliverer.internetaak
    set removed = true, ended = true, ended_at = coalesce(ended_at, now())
    where destination = $1 and event = $2 and not removed
    returning destination, conversation, department, contact),
contact as (
    update deliverer.klantcontact k set answered = true from removed r
    where (k.destination, k.event) = (r.destination, r.contact))
insert into deliverer.found_command (id, destination, conversation, department, action)
select $3, destination, conversation, department, $4::jsonb from removed
"""
_SET_POSTING = """
update deliverer.{} set posted_at = case when $3 then now() end
where destination = $1 and event = $2
"""

# A repeated event finds its own contact first. A contact that Open Klant never got is that of its
# own event alone.
_FIND_CONTACT = f"""
select {_CONTACT} from deliverer.klantcontact k
where destination = $1 and conversation = $3 and answers is null
    and (event = $2 or $2 = any(told)
        or klantcontact is not null and ($5::interval is null
            or not answered and cardinality(told) < {MAX_MESSAGES}
                and (heard_at >= $4::timestamptz - $5::interval or exists (
                    select from deliverer.internetaak t
                    where (t.destination, t.event) = (k.destination, k.event)
                        and not t.ended and not t.ending))))
order by event = $2 or $2 = any(told) desc, heard_at desc, event desc limit 1
"""
_INSERT_CONTACT = f"""
insert into deliverer.klantcontact as k (destination, event, conversation, heard_at, place, seal)
values ($1, $2, $3, $4, $5, $6)
on conflict (destination, event) do update set event = excluded.event
returning {_CONTACT}, {_FRESH}
"""
_SET_CREATED = """
update deliverer.klantcontact set klantcontact = $3, betrokkene = $4, posted_at = null, seal = $5
where destination = $1 and event = $2
"""
_SET_LINKED = """
update deliverer.klantcontact set addressed = addressed or $3, linked = linked or $4
where destination = $1 and event = $2
"""
_ADD_ADDRESSES = """
update deliverer.klantcontact set addresses = addresses || $3::uuid[]
where destination = $1 and event = $2
"""
_SET_ZAAK = """
update deliverer.klantcontact set zaak = $3 where destination = $1 and event = $2
"""
_START_ADDING = """
update deliverer.klantcontact set adding = $3, adding_to = $4
where destination = $1 and event = $2
"""
_ADD_EVENT = """
update deliverer.klantcontact
set told = array_append(told, $3::uuid), heard_at = greatest(heard_at, $4)
where destination = $1 and event = $2 and $3::uuid <> all(told)
"""
_FINISH_CONTACT = """
update deliverer.klantcontact set answered = true where destination = $1 and event = $2
"""
_CLOSE_CONTACTS = """
update deliverer.klantcontact set closed = $3
where destination = $1 and conversation = $2 and answers is null and closed <> $3
"""
_RENUMBER_CONTACT = f"""
with task as (
    update deliverer.internetaak
    set internetaak = null, actors = null, actors_before = null, ended = false, ending = false,
        removed = false, seal = $4,
        number = nextval('deliverer.referentienummer')
    where destination = $1 and event = $2 and $4::bytea is not null)
update deliverer.klantcontact k
set number = nextval('deliverer.referentienummer'), klantcontact = null, betrokkene = null,
    addressed = false, linked = false, zaak = '', adding = null, adding_to = null, seal = $3
where destination = $1 and event = $2
returning {_CONTACT}
"""
_OUTGOING_MESSAGE = f"""
select content, author_kind, author, place, {", ".join(LEDGER)} from deliverer.ledger where id = $1
"""
_FIND_QUESTION = f"""
select {_CONTACT} from deliverer.klantcontact k
where destination = $1 and conversation = $2 and answers is null and klantcontact is not null
    and place <= $3
order by heard_at desc, event desc limit 1
"""
_SETTLE_REGISTRATION = """
with registration as (
    update deliverer.registration
    set settled = case when $3 in ('sent', 'failed') or $3 = 'unknown' and settled = '' then $3
        else settled end
    where destination = $1 and message = $2
    returning klantcontact, contact, message, seal),
dropped as (
    delete from deliverer.found_command where waits_for = $2 and $3 = 'failed')
select * from registration
"""
_CONTACT_OF_EVENT = f"""
select {_CONTACT} from deliverer.klantcontact k where destination = $1 and event = $2
"""
_INSERT_ANSWER = f"""
insert into deliverer.klantcontact as k (destination, event, conversation, answers, heard_at, seal)
values ($1, $2, $3, $4, now(), $5)
on conflict (destination, event) do update set event = excluded.event
returning {_CONTACT}, {_FRESH}
"""
_MARK_ANSWERED = """
update deliverer.klantcontact k set answered = true
where destination = $1 and event = $2 and not exists (
    select from deliverer.internetaak t
    where t.destination = $1 and t.event = $2 and not t.ended and t.covers > $3)
"""
_TASK = """t.event, t.contact, t.conversation, t.tenant, t.seal, t.number, t.department, t.covers,
    t.internetaak, t.ended,
    coalesce(t.posted_at > now() - interval '120 s', false) as unsettled,
    (select k.klantcontact from deliverer.klantcontact k
        where (k.destination, k.event) = (t.destination, t.event)) as klantcontact"""
_FIND_TASK = f"""
select {_TASK} from deliverer.internetaak t where destination = $1 and event = $2
"""
_INSERT_TASK = f"""
insert into deliverer.internetaak as t (destination, event, contact, conversation, tenant,
    department, covers, seal)
values ($1, $2, $2, $3, $4, $5, $6, $7)
on conflict (destination, event) do update set event = excluded.event
returning {_TASK}, {_FRESH}
"""
_SET_ASSIGNED = """
update deliverer.internetaak set internetaak = $3, actors = $4, posted_at = null, seal = $5
where destination = $1 and event = $2
"""
_RENUMBER_TASK = f"""
update deliverer.internetaak t set number = nextval('deliverer.referentienummer')
where destination = $1 and event = $2
returning {_TASK}
"""
_OPEN_TASKS = f"""
select {_TASK} from deliverer.internetaak t
where destination = $1 and conversation = $2 and not ended
"""
_EXTEND_TASK = """
update deliverer.internetaak set covers = greatest(covers, $3), ending = false
where destination = $1 and event = $2 and not ended
returning event
"""
_START_MOVING = """
update deliverer.internetaak
set department = $3, employee = '',
    actors_before = case when actors = $4 then actors_before else actors end, actors = $4
where destination = $1 and event = $2
"""
# The contact goes on: the citizen's next message is about this question.
_START_REOPENING = """
with contact as (
    update deliverer.klantcontact set answered = false where destination = $1 and event = $2)
update deliverer.internetaak
set ended = false, ending = false, ended_at = null, handled_at = null, reopening = true,
    changing_at = now(), reopened_at = now()
where destination = $1 and event = $2
"""
_MARK_REOPENED = """
update deliverer.internetaak set reopening = false, reopened_at = now()
where destination = $1 and event = $2 and reopening
"""
_START_ENDING = f"""
update deliverer.internetaak t set ending = true, changing_at = now()
where destination = $1 and conversation = $2 and not ended and covers <= $3
returning {_TASK}
"""
_MARK_ENDED = """
with contact as (
    update deliverer.klantcontact set answered = true where destination = $1 and event = $2)
update deliverer.internetaak set ended = true, ended_at = now()
where destination = $1 and event = $2
"""
