"""Poll times of tasks, and closings for the router, in PostgreSQL."""

from collections.abc import Sequence
from uuid import UUID

from deliverer.destinations.openklant.task_status import Closing, PolledTask, close_command
from services.contract import Command
from services.postgres.database import Pool
from services.postgres.outbox import Outbox

TASKS_PER_ROUND = 200
"""Tasks of one round."""


class ClosingStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim_due(self, destination: str, every: float) -> list[PolledTask]:
        """Claim a round: return the tasks that were polled longest ago. One process has a round,
        once in `every` seconds. No tasks while an operator has paused the destination."""
        if not await self._pool.fetchval(_CLAIM_ROUND, destination, every):
            return []
        rows = await self._pool.fetch(_DUE, destination, TASKS_PER_ROUND)
        return [PolledTask(**row) for row in rows]

    async def mark_polled(self, destination: str, task: PolledTask) -> None:
        await self._pool.execute(_MARK_POLLED, destination, task.event)

    async def mark_refused(self, destination: str, task: PolledTask) -> None:
        """Move a refused task behind the others, without marking it as polled."""
        await self._pool.execute(_MARK_REFUSED, destination, task.event)

    async def mark_done(self, destination: str, task: PolledTask, id: UUID) -> bool:
        """Mark a task as done by an employee, unless we ended it or are ending it. Return True if
        its conversation has no open tasks left; the closing for the router then has this id."""
        async with self._pool.acquire() as connection, connection.transaction():
            # Of two concurrent transactions on one conversation, the second sees the first's work.
            await connection.execute(_LOCK_CONVERSATION, destination, task.conversation)
            if not await connection.fetchval(_MARK_HANDLED, destination, task.event):
                return False
            parameters = (id, destination, task.conversation)
            return bool(await connection.fetchval(_INSERT_CLOSING, *parameters))

    async def unpolled_seconds(self, destination: str) -> float:
        """Return the seconds since the poll of the task that was polled longest ago; 0 if there is
        none."""
        seconds: float = await self._pool.fetchval(_UNPOLLED_SECONDS, destination)
        return seconds

    @property
    def outbox(self) -> Outbox[Command]:
        """Commands to close, for the router. Those published are deleted."""
        return Outbox("closings", self._fetch_unpublished, self._delete_published)

    async def _fetch_unpublished(self, limit: int, suspended: Sequence[str]) -> list[Command]:
        rows = await self._pool.fetch(_UNPUBLISHED, limit, suspended)
        return [close_command(Closing(**row)) for row in rows]

    async def _delete_published(self, commands: Sequence[Command]) -> None:
        await self._pool.execute(_DELETE_PUBLISHED, [command.id for command in commands])


_CLAIM_ROUND = """
insert into deliverer.look as l (destination, next_at)
select $1, now() + make_interval(secs => $2)
where not exists (select from deliverer.pause where destination = $1)
on conflict (destination) do update set next_at = excluded.next_at where l.next_at <= now()
returning true
"""
_DUE = """
select t.event, t.conversation, t.internetaak, (select k.klantcontact
    from deliverer.klantcontact k where (k.destination, k.event) = (t.destination, t.contact))
from deliverer.internetaak t
where destination = $1 and not ended and not ending and internetaak is not null
order by asked_at limit $2
"""
_MARK_POLLED = """
update deliverer.internetaak set looked_at = now(), asked_at = now()
where destination = $1 and event = $2
"""
_MARK_REFUSED = """
update deliverer.internetaak set asked_at = now() where destination = $1 and event = $2
"""
_LOCK_CONVERSATION = """
select event from deliverer.internetaak
where destination = $1 and conversation = $2 and not ended
order by event for update
"""
_MARK_HANDLED = """
update deliverer.internetaak set ended = true, handled_at = now()
where destination = $1 and event = $2 and not ended and not ending
returning true
"""
# The department of the newest task, and the last place in the conversation that any task covers.
_INSERT_CLOSING = """
insert into deliverer.closing (id, destination, conversation, department, seen)
select $1, $2, $3, (array_agg(department order by covers desc))[1], max(covers)
from deliverer.internetaak where destination = $2 and conversation = $3
having bool_and(ended or ending)
on conflict (id) do nothing
returning true
"""
_UNPOLLED_SECONDS = """
select coalesce(extract(epoch from now() - min(looked_at)), 0)::float8
from deliverer.internetaak
where destination = $1 and not ended and not ending and internetaak is not null
"""
_UNPUBLISHED = """
select id, destination, conversation, department, seen, found_at from deliverer.closing
where split_part(conversation, '-', 1) <> all($2::text[])
order by found_at, id limit $1
"""
_DELETE_PUBLISHED = "delete from deliverer.closing where id = any($1::uuid[])"
