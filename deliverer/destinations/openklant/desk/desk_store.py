"""Work of employees on our tasks, in PostgreSQL: each finding together with its command for the
router, in one transaction, so that it is found once."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any
from uuid import UUID

import msgspec

from deliverer.destinations.openklant import found_commands
from deliverer.destinations.openklant.desk.task_status import KnownTask, closing_outcome
from deliverer.destinations.openklant.found_commands import FoundCommand, build_command
from deliverer.destinations.openklant.row_seals import (
    BOUND,
    CONTACT,
    REGISTRATION,
    TASK,
    fitting,
    row_seal,
)
from deliverer.destinations.openklant.store import MARK_REMOVED, seal_action
from services.contract import Command, TransferConversation
from services.postgres.database import Connection, Pool, retry_while_unavailable
from services.postgres.outbox import Outbox
from services.postgres.shut_rows import RowShut, ShutRows
from services.sealing.columns import ACTION, EMPLOYEE, bind, unseal_json
from services.sealing.key_ring import RING
from services.stops.stopped_numbers import not_stopped

KEEP_SECONDS = 30.0
"""Time for which a step keeps its round: two time-outs of a request. A process that ended in the
middle of a round has a successor after that."""
MAX_TASKS = 20_000
"""Open tasks of one round: 10 MB. Those polled longest ago come first."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Contact of ours that employees answer, and the department that has its task."""

    event: UUID
    conversation: str
    klantcontact: UUID
    department: str | None
    seen: int
    """Last place in the conversation that its task covers."""
    rests: bool = False
    """True if its number is stopped: what employees do is found after the move."""


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """Contact that an employee registered about a question."""

    klantcontact: UUID
    question: Question
    author: str
    reached: bool
    """True if it says that the citizen was reached."""
    text: str
    """Text for the citizen; '' if it is not sent."""


class DeskStore:
    def __init__(self, pool: Pool, destination: str) -> None:
        self._pool, self._destination = pool, destination
        self._shut = {
            table: ShutRows(table, itemgetter(columns[0])) for table, columns in BOUND.items()
        }

    async def claim_round(self, every: float) -> datetime | None:
        """Claim a round and return its start. One process has a round, once in `every` seconds;
        nobody has one while an operator has paused the destination."""
        started: datetime | None = await self._value(_CLAIM_ROUND, every)
        return started

    async def keep_round(self) -> None:
        """Keep a round that takes long from being taken by another process."""
        await self._rows(_KEEP_ROUND, KEEP_SECONDS)

    async def finish_round(self) -> None:
        """Let the next round begin, here or in another process, when it is due."""
        await self._rows(_FINISH_ROUND)

    async def answers_since(self, channel: str) -> datetime:
        """Return since when answers are sent that are registered with this channel: since it was
        configured."""
        since: datetime = await self._value(_ANSWERS_SINCE, channel)
        return since

    async def known_tasks(self, listed: Sequence[str], started: datetime) -> list[KnownTask]:
        """Return our open tasks, and those of the listed ones that had ended before the round;
        those of stopped numbers rest."""
        ids = list(map(UUID, listed))
        rows = await self._fitting(TASK, await self._rows(_KNOWN_TASKS, started, ids))
        rows = [{name: row[name] for name in row if name != "contact"} for row in rows]
        opened = await self._shut[TASK].open_others(rows, self._read_task)
        known = {task.event for task in opened}
        # Without its employee a task that moved is told once more, and nothing else changes.
        others = [{**row, "employee": ""} for row in rows if row["event"] not in known]
        return [*opened, *(KnownTask(**row) for row in others)]

    def _read_task(self, row: Mapping[str, Any]) -> KnownTask:
        bound = bind(self._destination, row["event"])
        return KnownTask(**{**row, "employee": RING.unseal_text(row["employee"], EMPLOYEE, bound)})

    async def mark_listed(self, started: datetime) -> None:
        """Store that the whole list of open tasks was read, and those that it lacks were polled."""
        await self._rows(_MARK_LISTED, started)

    async def mark_polled(self, task: KnownTask) -> None:
        await self._rows(_MARK_POLLED, task.event)

    async def mark_refused(self, task: KnownTask) -> None:
        """Move a refused task behind the others, without marking it as polled."""
        await self._rows(_MARK_REFUSED, task.event)

    async def learn_actors(self, task: KnownTask, actors: Sequence[str]) -> None:
        """Store the actors that a task has, when we did not know them or our change has arrived."""
        await self._rows(_LEARN_ACTORS, task.event, list(map(UUID, actors)))

    async def mark_moved(
        self, task: KnownTask, actors: Sequence[str], command: FoundCommand | None, *, stray: bool
    ) -> bool:
        """Store the actors that employees gave a task, with the transfer if it means one. False if
        we changed the task meanwhile. `stray`: they are no department of ours."""
        department, employee = task.department, task.employee
        if command and isinstance(command.action, TransferConversation):
            department, employee = command.action.to_department, command.action.employee
        sealed = RING.seal_text(employee, EMPLOYEE, bind(self._destination, task.event))
        change = (list(map(UUID, actors)), department, sealed, task.actors, stray)
        return await self._change(_MARK_MOVED, task, change, command)

    async def mark_reopened(self, task: KnownTask, command: FoundCommand) -> bool:
        """Store that an employee opened a task again. False if it is open already."""
        return await self._change(_MARK_REOPENED, task, (), command)

    async def mark_removed(self, task: KnownTask, id: UUID) -> None:
        """Put on the record, once, that a task was deleted there."""
        action = seal_action(found_commands.removal(), id, self._destination, task.conversation)
        await self._rows(MARK_REMOVED, task.event, id, action)

    async def mark_done(self, task: KnownTask, id: UUID, outcome: str, started: datetime) -> bool:
        """Mark a task as done by an employee, unless we ended it or are ending it. True if its
        conversation has no open task left; its closing then waits for the answers on their way.

        A task that was opened again since the round started is left for the next one."""
        closing = (id, task, outcome, started)
        return await self._in_transaction(partial(self._mark_done, closing))

    async def _mark_done(
        self, closing: tuple[UUID, KnownTask, str, datetime], connection: Connection
    ) -> bool:
        id, task, outcome, started = closing
        conversation = self._destination, task.conversation
        # Of two concurrent transactions on one conversation, the second sees the first's work.
        await connection.execute(_LOCK_CONVERSATION, *conversation)
        if not await connection.fetchval(_MARK_HANDLED, self._destination, task.event, started):
            return False
        found = await connection.fetchrow(_LAST_TASK, *conversation)
        if found is None:
            return False
        action = seal_action(found_commands.closing(outcome, found["seen"]), id, *conversation)
        parameters = (id, *conversation, found["department"], "", action, found["waits_for"])
        return bool(await connection.fetchval(_INSERT_COMMAND, *parameters))

    async def find_question(self, klantcontact: str) -> Question | None:
        """Return our contact with this id, or the one that a known registration is about. Raises
        RowShut if the row that says so does not fit its hash."""
        id = UUID(klantcontact)
        if contact := await self._one_fitting(CONTACT, _CONTACT_THERE, id):
            event = contact["answers"] or contact["event"]
        elif registration := await self._one_fitting(REGISTRATION, _REGISTRATION_THERE, id):
            event = registration["contact"]
        else:
            return None
        question = await self._one_fitting(CONTACT, _QUESTION, event)
        names = Question.__struct_fields__
        return Question(**{name: question[name] for name in names}) if question else None

    async def known_registrations(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of these contacts that were read before, or that are our own. One whose row
        does not fit its hash is told, and is not read."""
        known = set[str]()
        uuids = list(map(UUID, ids))
        for table, statement in _KNOWN.items():
            rows = await self._rows(statement, uuids)
            await self._fitting(table, rows)
            known |= {str(row["klantcontact"]) for row in rows}
        return frozenset(known)

    async def read_outcome(self, task: KnownTask) -> str:
        """Return the truth about a task that is done, from what was registered about its last
        question: since it was opened again, and about all that its task covers."""
        for row in await self._rows(_READ_OUTCOME, task.event):
            return closing_outcome(is_answered=row["answered"], is_reached=row["reached"])
        return closing_outcome(is_answered=False, is_reached=False)

    async def pass_over(self, klantcontact: str) -> None:
        """Store that a contact is about none of ours."""
        row = {"klantcontact": UUID(klantcontact), "contact": None, "message": None}
        await self._rows(_PASS_OVER, row["klantcontact"], self._seal(row))

    async def add_registration(self, found: Registration, id: UUID) -> bool:
        """Store a contact that an employee registered; one with a text becomes a message with this
        id. False if it is known already."""
        return await self._in_transaction(partial(self._add_registration, found, id))

    async def _add_registration(
        self, found: Registration, id: UUID, connection: Connection
    ) -> bool:
        question, message = found.question, id if found.text else None
        ids = {"klantcontact": found.klantcontact, "contact": question.event, "message": message}
        row = (*ids.values(), found.reached, question.seen, self._seal(ids))
        if not await connection.fetchval(_ADD_REGISTRATION, self._destination, *row):
            return False
        if message:
            parameters = (id, self._destination, question.conversation, question.department)
            where = id, self._destination, question.conversation
            action = seal_action(found_commands.answer(found.text, question.seen), *where)
            author = RING.seal_text(found.author, EMPLOYEE, bind(*where))
            await connection.fetchval(_INSERT_COMMAND, *parameters, author, action, None)
        return True

    async def unpolled_seconds(self) -> float:
        """Return the seconds since the poll of the task that was polled longest ago; 0 if there is
        none."""
        seconds: float = await self._value(_UNPOLLED_SECONDS)
        return seconds

    def _seal(self, registration: Mapping[str, Any]) -> bytes:
        return row_seal(REGISTRATION, self._destination, registration)

    async def _fitting(self, table: str, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the rows that fit their hash; the others are told, and are not acted on."""
        return await self._shut[table].open_others(rows, partial(fitting, table, self._destination))

    async def _one_fitting(self, table: str, statement: str, id: UUID) -> dict[str, Any] | None:
        """Return a row that fits; None if there is no row. Raises RowShut if none of them fits."""
        rows = await self._rows(statement, id)
        for row in await self._fitting(table, rows):
            return row
        if rows:
            raise RowShut(table, id)
        return None

    async def _change(
        self,
        statement: str,
        task: KnownTask,
        change: tuple[object, ...],
        command: FoundCommand | None,
    ) -> bool:
        """Change a task and store the command for it, or neither."""

        async def store(connection: Connection) -> bool:
            if not await connection.fetchval(statement, self._destination, task.event, *change):
                return False
            if command:
                await connection.fetchval(_INSERT_COMMAND, *_row(command))
            return True

        return await self._in_transaction(store)

    async def _in_transaction(self, work: Callable[[Connection], Awaitable[bool]]) -> bool:
        """Run work in a transaction; wait for as long as the database is unavailable."""

        async def run() -> bool:
            async with self._pool.acquire() as connection, connection.transaction():
                return await work(connection)

        return await retry_while_unavailable(run, "desk")

    async def _value(self, statement: str, *parameters: object) -> Any:
        """Return the first value of a statement's first row."""
        for row in await self._rows(statement, *parameters):
            return row[0]
        return None

    async def _rows(self, statement: str, *parameters: object) -> list[Any]:
        fetch = partial(self._pool.fetch, statement, self._destination, *parameters)
        rows: list[Any] = await retry_while_unavailable(fetch, "desk")
        return rows


def command_outbox(pool: Pool) -> Outbox[Command]:
    """Return the commands for the router, in order. Those published are deleted."""

    shut = ShutRows("deliverer.found_command")

    async def fetch_unpublished(limit: int, suspended: Sequence[str]) -> list[Command]:
        rows = await pool.fetch(_UNPUBLISHED, limit, suspended, shut.passed_over())
        return await shut.open_others(rows, lambda row: build_command(_read_command(dict(row))))

    async def delete_published(commands: Sequence[Command]) -> None:
        await pool.execute(_DELETE_PUBLISHED, [command.id for command in commands])

    return Outbox("found commands", fetch_unpublished, delete_published, waits=_WAITS)


def _read_command(row: dict[str, Any]) -> FoundCommand:
    bound = bind(row["id"], row["destination"], row["conversation"])
    employee = RING.unseal_text(row["employee"], EMPLOYEE, bound)
    action = unseal_json(row["action"], ACTION, bound)
    return found_commands.read_command(row | {"employee": employee, "action": action})


def _row(command: FoundCommand) -> tuple[Any, ...]:
    where = command.id, command.destination, command.conversation
    employee = RING.seal_text(command.employee, EMPLOYEE, bind(*where))
    action = seal_action(command.action, *where)
    return *where, command.department, employee, action, command.waits_for


_CLAIM_ROUND = """
insert into deliverer.look as l (destination, next_at, due_at)
select $1, now() + make_interval(secs => $2), now() + make_interval(secs => $2)
where not exists (select from deliverer.pause where destination = $1)
on conflict (destination) do update set next_at = excluded.next_at, due_at = excluded.due_at
    where l.next_at <= now()
returning now()
"""
_KEEP_ROUND = """
update deliverer.look set next_at = greatest(next_at, now() + make_interval(secs => $2))
where destination = $1
"""
_FINISH_ROUND = """
update deliverer.look set next_at = due_at where destination = $1
"""
# A channel that was not read for a week begins anew: nobody expects such old answers to be sent.
_ANSWERS_SINCE = """
update deliverer.look set answer_channel = $2, answers_read_at = now(),
    answers_since = case when answer_channel = $2 and answers_read_at > now() - interval '7 days'
        then answers_since else now() end
where destination = $1 returning answers_since
"""
# Our own change of a task is on its way. One of an hour ago was given up: its delivery is parked.
_IS_CHANGING = """((ending and not ended or reopening)
    and coalesce(changing_at, now()) > now() - interval '1 hour')"""
# A task that is being ended, opened or created now is left for the next round.
_KNOWN_TASKS = f"""
select t.event, t.contact, t.conversation, t.tenant, t.internetaak, t.seal, t.department,
    t.employee, t.covers, t.actors, t.actors_before, t.ended, t.stray,
    (select k.klantcontact from deliverer.klantcontact k
        where (k.destination, k.event) = (t.destination, t.contact)) as klantcontact
from deliverer.internetaak t
where destination = $1 and internetaak is not null and not {_IS_CHANGING}
    and {not_stopped("split_part(t.conversation, '-', 1)")}
    and (not ended and looked_at < $2
        or ended and ended_at < $2 and internetaak = any($3::uuid[]))
order by asked_at limit {MAX_TASKS}
"""
_MARK_LISTED = "update deliverer.look set listed_at = $2 where destination = $1"
_MARK_POLLED = """
update deliverer.internetaak set looked_at = now(), asked_at = now(), refused = false
where destination = $1 and event = $2
"""
_MARK_REFUSED = """
update deliverer.internetaak set asked_at = now(), refused = true
where destination = $1 and event = $2
"""
_LEARN_ACTORS = """
update deliverer.internetaak set actors = $3, actors_before = null
where destination = $1 and event = $2 and (actors is null or actors = $3)
"""
_MARK_MOVED = f"""
update deliverer.internetaak
set actors = $3, actors_before = null, department = $4, employee = $5, stray = $7
where destination = $1 and event = $2 and not ended and not {_IS_CHANGING}
    and actors is not distinct from $6
returning true
"""
_MARK_REOPENED = """
with reopened as (
    update deliverer.internetaak
    set ended = false, ending = false, ended_at = null, handled_at = null, asked_at = now(),
        looked_at = now(), reopened_at = now()
    where destination = $1 and event = $2 and ended
    returning contact),
contact as (
    update deliverer.klantcontact set answered = false
    where destination = $1 and event in (select contact from reopened))
select true from reopened
"""
_LOCK_CONVERSATION = """
select event from deliverer.internetaak
where destination = $1 and conversation = $2 and not ended
order by event for update
"""
_MARK_HANDLED = f"""
with handled as (
    update deliverer.internetaak set ended = true, handled_at = now(), ended_at = now()
    where destination = $1 and event = $2 and not ended and not {_IS_CHANGING}
        and (reopened_at is null or reopened_at < $3)
    returning contact),
contact as (
    update deliverer.klantcontact set answered = true
    where destination = $1 and event in (select contact from handled))
select true from handled
"""
# The department of the newest task, the last place in the conversation that any task covers, and
# the last answer whose result is not known.
_LAST_TASK = """
select (array_agg(t.department order by t.covers desc))[1] as department,
    coalesce(max(t.covers) filter (where not t.removed), 0) as seen,
    (select r.message from deliverer.registration r, deliverer.klantcontact k
        where r.destination = $1 and k.destination = $1 and k.conversation = $2
            and r.contact = k.event and r.message is not null and r.settled = ''
        order by r.found_at desc, r.message desc limit 1) as waits_for
from deliverer.internetaak t where t.destination = $1 and t.conversation = $2
having bool_and(t.ended or t.ending)
"""
_INSERT_COMMAND = """
insert into deliverer.found_command (id, destination, conversation, department, employee, action,
    waits_for)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (id) do nothing
returning true
"""
_CONTACT = ", ".join(f"k.{name}" for name in (*BOUND[CONTACT], "seal"))
_CONTACT_THERE = f"""
select {_CONTACT} from deliverer.klantcontact k where destination = $1 and klantcontact = $2
order by answers nulls first
"""
_REGISTRATION_THERE = """
select klantcontact, contact, message, seal from deliverer.registration
where destination = $1 and klantcontact = $2 and contact is not null
"""
_QUESTION = f"""
select {_CONTACT}, t.department, coalesce(t.covers, 0) as seen,
    not {not_stopped("split_part(k.conversation, '-', 1)")} as rests
from deliverer.klantcontact k left join deliverer.internetaak t using (destination, event)
where destination = $1 and event = $2 and k.answers is null
"""
_KNOWN = {
    CONTACT: f"""
select {_CONTACT} from deliverer.klantcontact k
where destination = $1 and klantcontact = any($2::uuid[])
""",
    REGISTRATION: """
select klantcontact, contact, message, seal from deliverer.registration
where destination = $1 and klantcontact = any($2::uuid[])
""",
}
_READ_OUTCOME = """
select coalesce(bool_or(r.message is not null and r.settled in ('', 'sent')), false) as answered,
    coalesce(bool_or(r.reached and r.message is null), false) as reached
from deliverer.internetaak t join deliverer.registration r
    on r.destination = t.destination and r.contact = t.contact
where t.destination = $1 and t.event = $2 and r.seen >= t.covers
    and (t.reopened_at is null or r.found_at > t.reopened_at)
"""
_PASS_OVER = """
insert into deliverer.registration (destination, klantcontact, seal) values ($1, $2, $3)
on conflict do nothing
"""
_ADD_REGISTRATION = """
insert into deliverer.registration (destination, klantcontact, contact, message, reached, seen,
    seal)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict do nothing
returning true
"""
_UNPOLLED_SECONDS = f"""
select coalesce(extract(epoch from now() - min(case when t.refused then t.looked_at
    else greatest(t.looked_at, l.listed_at) end)), 0)::float8
from deliverer.internetaak t left join deliverer.look l using (destination)
where t.destination = $1 and not ended and not ending and internetaak is not null
    and {not_stopped("split_part(t.conversation, '-', 1)")}
"""
# A closing may be stored just after its answer was settled, by a transaction that did not see it.
_UNPUBLISHED = f"""
select id, destination, conversation, department, employee, action, waits_for, found_at
from deliverer.found_command
where split_part(conversation, '-', 1) <> all($2::text[]) and id <> all($3::uuid[])
    and {not_stopped("split_part(conversation, '-', 1)")}
    and (waits_for is null or exists (
    select from deliverer.registration where message = waits_for and settled = 'sent'))
order by position limit $1
"""
_WAITS = "select true from deliverer.found_command order by position limit 1"
_DELETE_PUBLISHED = "delete from deliverer.found_command where id = any($1::uuid[])"
