"""Progress of contacts and tasks, in PostgreSQL. A row is stored before the call that creates the
object, and updated after the answer, so that a resumed saga knows which objects may exist."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from services.contract import Delivery
from services.postgres.database import Pool, retry_while_unavailable


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Contact of a burst of messages. `klantcontact` and `betrokkene` are Open Klant's ids, once
    they are known."""

    event: UUID
    """Event of its first message."""
    number: int
    """`referentienummer`, to find the contact again."""
    klantcontact: UUID | None = None
    betrokkene: UUID | None = None
    addressed: bool = False
    """True if its address is stored; for an answer, if its reference to the question is."""
    linked: bool = False
    told: list[UUID] = []
    """Events of the messages that it contains."""
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
    """Task about a contact; `internetaak` is Open Klant's id, once it is known."""

    event: UUID
    """Event that created the task."""
    contact: UUID
    """Event of its contact."""
    number: int
    internetaak: UUID | None = None
    klantcontact: UUID | None = None
    """Open Klant's id of that contact."""
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
        """Return the contact of this event: its own, or that of its burst; else a new one with a
        new number. With `burst` None, the newest of the conversation."""
        parameters = (self._destination, event.id, event.conversation, at)
        for row in await self._rows(_FIND_CONTACT, *parameters, burst):
            return Contact(**row)
        return Contact(**await self._one(_INSERT_CONTACT, *parameters, event.sequence), fresh=True)

    async def set_created(
        self, contact: Contact, klantcontact: UUID, betrokkene: UUID | None
    ) -> Contact:
        ids = klantcontact, betrokkene
        await self._rows(_SET_CREATED, self._destination, contact.event, *ids)
        return msgspec.structs.replace(contact, klantcontact=klantcontact, betrokkene=betrokkene)

    async def set_linked(self, contact: Contact, *, addressed: bool, linked: bool) -> None:
        await self._rows(_SET_LINKED, self._destination, contact.event, addressed, linked)

    async def outgoing_message(self, message: UUID) -> OutgoingRef | None:
        """Return an outgoing message of an employee or of Postkamer."""
        for row in await self._rows(_OUTGOING_MESSAGE, message):
            return OutgoingRef(**row | {"content": msgspec.json.decode(row["content"])})
        return None

    async def find_question(self, conversation: str, before: int) -> Contact | None:
        """Return the newest contact of a citizen that Open Klant has and that began before this
        place in the conversation."""
        for row in await self._rows(_FIND_QUESTION, self._destination, conversation, before):
            return Contact(**row)
        return None

    async def find_or_create_answer(
        self, message: UUID, conversation: str, question: Contact
    ) -> Contact:
        """Return the contact of this answer; a new one with a new number if there is none."""
        for row in await self._rows(_FIND_ANSWER, self._destination, message):
            return Contact(**row)
        parameters = (self._destination, message, conversation, question.event)
        return Contact(**await self._one(_INSERT_ANSWER, *parameters), fresh=True)

    async def mark_answered(self, question: Contact, before: int) -> None:
        """Mark the question as answered, unless an open task covers something after this place."""
        await self._rows(_MARK_ANSWERED, self._destination, question.event, before)

    async def add_event(self, contact: Contact, event: UUID, at: datetime) -> None:
        """Store that the contact contains this message, written at `at`."""
        await self._rows(_ADD_EVENT, self._destination, contact.event, event, at)

    async def renumber(self, contact: Contact) -> Contact:
        """Give a contact a new number and no ids, because it was deleted or its number is taken."""
        row = await self._one(_RENUMBER_CONTACT, self._destination, contact.event)
        return Contact(**row, fresh=True)

    async def find_or_create_task(self, event: Delivery, contact: Contact, department: str) -> Task:
        """Return the task of this event; a new one with a new number if there is none."""
        parameters = (self._destination, event.id, event.conversation, contact.event)
        for row in await self._rows(_FIND_TASK, *parameters[:2]):
            return Task(**row)
        new = await self._one(_INSERT_TASK, *parameters, department, event.sequence)
        return Task(**new, fresh=True)

    async def set_assigned(self, task: Task, internetaak: str) -> None:
        await self._rows(_SET_ASSIGNED, self._destination, task.event, UUID(internetaak))

    async def renumber_task(self, task: Task) -> Task:
        return Task(**await self._one(_RENUMBER_TASK, self._destination, task.event), fresh=True)

    async def open_tasks(self, conversation: str, except_event: UUID) -> list[Task]:
        """Return the open tasks of a conversation, except that of this event itself."""
        rows = await self._rows(_OPEN_TASKS, self._destination, conversation, except_event)
        return [Task(**row) for row in rows]

    async def extend_task(self, task: Task, sequence: int) -> bool:
        """Extend an open task to cover the conversation up to this place. False if it has ended."""
        return bool(await self._rows(_EXTEND_TASK, self._destination, task.event, sequence))

    async def start_ending(self, event: Delivery, before: int) -> list[Task]:
        """Mark and return the open tasks that cover nothing after this place, before we end them in
        Open Klant: if the poller finds one done from here on, we may have ended it ourselves."""
        parameters = (self._destination, event.conversation, event.id, before)
        rows = await self._rows(_START_ENDING, *parameters)
        return sorted((Task(**row) for row in rows), key=lambda task: task.event)

    async def mark_ended(self, task: Task) -> None:
        await self._rows(_MARK_ENDED, self._destination, task.event)

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


MAX_MESSAGES = 200
"""Messages of one contact. Its text has room for fewer."""
_CONTACT = "event, number, klantcontact, betrokkene, addressed, linked, told"

# A repeated event finds its own contact first. A message belongs to the newest burst, unless too
# much time has passed since the last message of that burst.
_FIND_CONTACT = f"""
select {_CONTACT} from deliverer.klantcontact
where destination = $1 and conversation = $3 and answers is null
    and (event = $2 or $2 = any(told) or $5::interval is null
        or heard_at >= $4::timestamptz - $5::interval and cardinality(told) < {MAX_MESSAGES}
            and not answered)
order by event = $2 or $2 = any(told) desc, heard_at desc, event desc limit 1
"""
_INSERT_CONTACT = f"""
insert into deliverer.klantcontact (destination, event, conversation, heard_at, place)
values ($1, $2, $3, $4, $5)
on conflict (destination, event) do update set event = excluded.event
returning {_CONTACT}
"""
_SET_CREATED = """
update deliverer.klantcontact set klantcontact = $3, betrokkene = $4
where destination = $1 and event = $2
"""
_SET_LINKED = """
update deliverer.klantcontact set addressed = addressed or $3, linked = linked or $4
where destination = $1 and event = $2
"""
_ADD_EVENT = """
update deliverer.klantcontact
set told = array_append(told, $3::uuid), heard_at = greatest(heard_at, $4)
where destination = $1 and event = $2 and $3::uuid <> all(told)
"""
_RENUMBER_CONTACT = f"""
update deliverer.klantcontact
set number = nextval('deliverer.referentienummer'), klantcontact = null, betrokkene = null,
    addressed = false, linked = false
where destination = $1 and event = $2
returning {_CONTACT}
"""
_OUTGOING_MESSAGE = "select content, author_kind, author, place from deliverer.ledger where id = $1"
_FIND_QUESTION = f"""
select {_CONTACT} from deliverer.klantcontact
where destination = $1 and conversation = $2 and answers is null and klantcontact is not null
    and place <= $3
order by heard_at desc, event desc limit 1
"""
_FIND_ANSWER = f"""
select {_CONTACT} from deliverer.klantcontact where destination = $1 and event = $2
"""
_INSERT_ANSWER = f"""
insert into deliverer.klantcontact (destination, event, conversation, answers, heard_at)
values ($1, $2, $3, $4, now())
on conflict (destination, event) do update set event = excluded.event
returning {_CONTACT}
"""
_MARK_ANSWERED = """
update deliverer.klantcontact k set answered = true
where destination = $1 and event = $2 and not exists (
    select from deliverer.internetaak t
    where t.destination = $1 and t.conversation = k.conversation and t.contact = $2
        and not t.ended and t.covers > $3)
"""
_TASK_COLUMNS = """t.event, t.contact, t.number, t.internetaak, (select k.klantcontact
    from deliverer.klantcontact k where (k.destination, k.event) = (t.destination, t.contact))"""
_FIND_TASK = f"""
select {_TASK_COLUMNS} from deliverer.internetaak t where destination = $1 and event = $2
"""
_INSERT_TASK = f"""
insert into deliverer.internetaak as t (destination, event, conversation, contact, department,
    covers)
values ($1, $2, $3, $4, $5, $6)
on conflict (destination, event) do update set event = excluded.event
returning {_TASK_COLUMNS}
"""
_SET_ASSIGNED = """
update deliverer.internetaak set internetaak = $3 where destination = $1 and event = $2
"""
_RENUMBER_TASK = f"""
update deliverer.internetaak t set number = nextval('deliverer.referentienummer')
where destination = $1 and event = $2
returning {_TASK_COLUMNS}
"""
_OPEN_TASKS = f"""
select {_TASK_COLUMNS} from deliverer.internetaak t
where destination = $1 and conversation = $2 and event <> $3 and not ended
order by event
"""
_EXTEND_TASK = """
update deliverer.internetaak set covers = greatest(covers, $3), ending = false
where destination = $1 and event = $2 and not ended
returning event
"""
_START_ENDING = f"""
update deliverer.internetaak t set ending = true
where destination = $1 and conversation = $2 and event <> $3 and not ended and covers <= $4
returning {_TASK_COLUMNS}
"""
_MARK_ENDED = "update deliverer.internetaak set ended = true where destination = $1 and event = $2"
