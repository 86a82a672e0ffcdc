"""How far each contact and task has come, in PostgreSQL: written down before it is asked for and
after it was answered, so that whoever goes on knows what may be there already."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from services.contract import Delivery
from services.postgres.database import Pool, retry_while_unavailable


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A burst of a conversation. `klantcontact` and `betrokkene` are Open Klant's, once they are
    known."""

    event: UUID
    """Of its first message."""
    number: int
    """`referentienummer`: by what it is found again."""
    klantcontact: UUID | None = None
    betrokkene: UUID | None = None
    addressed: bool = False
    """Whether its address is there; of an answer, that it refers to the question."""
    linked: bool = False
    told: list[UUID] = []
    """Events of the messages that it has."""
    fresh: bool = False
    """Whether nothing of it was ever asked for."""


class OutgoingRef(msgspec.Struct, frozen=True):
    """A message of ours, as it went to Meta, and who wrote it."""

    content: dict[str, Any]
    author_kind: str
    author: str
    place: int
    """In the conversation, where it was accepted: what came in after that it does not answer."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Work on a contact; `internetaak` is Open Klant's, once it is known."""

    event: UUID
    """By which it became work."""
    contact: UUID
    """Event of the contact that it hangs on."""
    number: int
    internetaak: UUID | None = None
    klantcontact: UUID | None = None
    """Open Klant's of that contact."""
    fresh: bool = False


CONNECTIONS = 8
"""Of the pool that all destinations share, at once: half of it, so that however many deliveries are
under way here, the others find one. Some five hundred statements a second take half a one, and
eight of them where each waits for 16 ms."""


class SagaStore:
    """Of one destination."""

    def __init__(self, pool: Pool, destination: str) -> None:
        self._pool, self._destination = pool, destination
        self._semaphore = asyncio.Semaphore(CONNECTIONS)

    async def contact(self, event: Delivery, at: datetime, burst: timedelta | None) -> Contact:
        """The one of this message: its own, or that of the burst in which it comes; else a new one
        with a number of its own. `burst` None: whichever is the newest of the conversation."""
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

    async def written(self, message: UUID) -> OutgoingRef | None:
        """What an employee, or anything else of ours, wrote."""
        for row in await self._rows(_OUTGOING_MESSAGE, message):
            return OutgoingRef(**row | {"content": msgspec.json.decode(row["content"])})
        return None

    async def question(self, conversation: str, before: int) -> Contact | None:
        """The newest that a citizen began to ask before this place, and Open Klant has."""
        for row in await self._rows(_FIND_QUESTION, self._destination, conversation, before):
            return Contact(**row)
        return None

    async def answer(self, message: UUID, conversation: str, question: Contact) -> Contact:
        """The contact of an answer to it, with a number of its own."""
        for row in await self._rows(_FIND_ANSWER, self._destination, message):
            return Contact(**row)
        given = (self._destination, message, conversation, question.event)
        return Contact(**await self._one(_INSERT_ANSWER, *parameters), fresh=True)

    async def answered(self, question: Contact, before: int) -> None:
        """By what was written at this place; unless something in it was asked after that."""
        await self._rows(_MARK_ANSWERED, self._destination, question.event, before)

    async def add_event(self, contact: Contact, event: UUID, at: datetime) -> None:
        """It has this message, written then."""
        await self._rows(_ADD_EVENT, self._destination, contact.event, event, at)

    async def renumber(self, contact: Contact) -> Contact:
        """With another number and nothing made: somebody took it away, or the number was taken."""
        return Contact(**await self._one(_RENUMBER_CONTACT, self._destination, contact.event), fresh=True)

    async def task(self, event: Delivery, contact: Contact, department: str) -> Task:
        """That of this event, with a number of its own."""
        parameters = (self._destination, event.id, event.conversation, contact.event)
        for row in await self._rows(_FIND_TASK, *parameters[:2]):
            return Task(**row)
        new = await self._one(_INSERT_TASK, *parameters, department, event.sequence)
        return Task(**new, fresh=True)

    async def assigned(self, task: Task, internetaak: str) -> None:
        await self._rows(_SET_ASSIGNED, self._destination, task.event, UUID(internetaak))

    async def task_anew(self, task: Task) -> Task:
        return Task(**await self._one(_RENUMBER_TASK, self._destination, task.event), fresh=True)

    async def open(self, conversation: str, except_event: UUID) -> list[Task]:
        """What is left to do of a conversation, but for what this event itself asks for."""
        rows = await self._rows(_OPEN_TASKS, self._destination, conversation, except_event)
        return [Task(**row) for row in rows]

    async def covers(self, task: Task, sequence: int) -> bool:
        """Whether it is still to be done; then it is about what stands here in the conversation,
        too."""
        return bool(await self._rows(_EXTEND_TASK, self._destination, task.event, sequence))

    async def ending(self, event: Delivery, before: int) -> list[Task]:
        """What is `open` and about nothing after this place, of which we are about to say there
        that it is done: found so from here on, it need not have been anybody else."""
        parameters = (self._destination, event.conversation, event.id, before)
        rows = await self._rows(_START_ENDING, *parameters)
        return sorted((Task(**row) for row in rows), key=lambda task: task.event)

    async def ended(self, task: Task) -> None:
        await self._rows(_MARK_ENDED, self._destination, task.event)

    async def _one(self, statement: str, *parameters: object) -> dict[str, Any]:
        [row] = await self._rows(statement, *parameters)
        return row

    async def _rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """However long the database is away: whoever waits has nothing else to do."""
        return await retry_while_unavailable(partial(self._fetch, statement, *parameters), "register")

    async def _fetch(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        async with self._semaphore:
            return [dict(row) for row in await self._pool.fetch(statement, *parameters)]


MESSAGES = 200
"""Of one contact; its text holds fewer."""
_CONTACT = "event, number, klantcontact, betrokkene, addressed, linked, told"

# A repeat finds its own first; a message belongs to the newest burst, unless it comes too long
# after what was heard last.
_FIND_CONTACT = f"""
select {_CONTACT} from deliverer.klantcontact
where destination = $1 and conversation = $3 and answers is null
    and (event = $2 or $2 = any(told) or $5::interval is null
        or heard_at >= $4::timestamptz - $5::interval and cardinality(told) < {MESSAGES}
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
