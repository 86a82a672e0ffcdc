"""Which tasks were looked at when, and what the router is to be told of them, in PostgreSQL."""

from collections.abc import Collection
from uuid import UUID

from deliverer.destinations.openklant.task_status import Closing, PolledTask
from services.postgres.database import Pool

TASKS_PER_ROUND = 200
"""Tasks of one round."""
CLOSING_LIMIT = 256
"""Of one publish into a partition."""


class ClosingStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def due(self, destination: str, every: float) -> list[PolledTask]:
        """Those that were not asked for for longest, of whichever process comes first: once in so
        many seconds, of all processes together. None while a person holds the destination still."""
        if not await self._pool.fetchval(_CLAIM_ROUND, destination, every):
            return []
        rows = await self._pool.fetch(_DUE, destination, TASKS_PER_ROUND)
        return [PolledTask(**row) for row in rows]

    async def looked(self, destination: str, task: PolledTask) -> None:
        await self._pool.execute(_MARK_POLLED, destination, task.event)

    async def refused(self, destination: str, task: PolledTask) -> None:
        """It was not looked at, and still comes after the others."""
        await self._pool.execute(_MARK_REFUSED, destination, task.event)

    async def done(self, destination: str, task: PolledTask, id: UUID) -> bool:
        """Somebody did it. Whether that leaves nothing to do in its conversation: then the router
        is told, under this id. What we ended, or are ending, nobody else did."""
        async with self._pool.acquire() as connection, connection.transaction():
            # Of two that find two of a conversation at once, the second sees what the first did.
            await connection.execute(_LOCK_CONVERSATION, destination, task.conversation)
            if not await connection.fetchval(_MARK_HANDLED, destination, task.event):
                return False
            closes = (id, destination, task.conversation)
            return bool(await connection.fetchval(_INSERT_CLOSING, *closes))

    async def unseen_seconds(self, destination: str) -> float:
        """Since the task was looked at that waits longest for it; 0 where there is none."""
        seconds: float = await self._pool.fetchval(_UNPOLLED_SECONDS, destination)
        return seconds

    async def untold(self) -> list[Closing]:
        """The oldest first."""
        return [Closing(**row) for row in await self._pool.fetch(_UNPUBLISHED, CLOSING_LIMIT)]

    async def told(self, ids: Collection[UUID]) -> None:
        await self._pool.execute(_DELETE_PUBLISHED, list(ids))


_MINE = """
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
# Whose the newest is; and up to where anything that was to be done is about the conversation.
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
order by found_at, id limit $1
"""
_DELETE_PUBLISHED = "delete from deliverer.closing where id = any($1::uuid[])"
