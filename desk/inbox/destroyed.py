"""Conversations that were destroyed: the desk keeps nothing of them, and open pages hear it."""

from collections.abc import Sequence

from desk.events.event import Event
from desk.inbox.changed import Changed, announce
from services import event_types
from services.postgres.database import Connection


async def forget_destroyed(connection: Connection, events: Sequence[Event]) -> None:
    """Delete what the desk has of the conversations that these events say were destroyed."""
    for event in events:
        if event.type == event_types.DESTROYED:
            id, source = event.data.conversation_id, event.source
            for statement in _DELETIONS:
                await connection.execute(statement, id)
            rows = await connection.fetch(_DELETE, id, source)
            departments = tuple(row["department"] for row in rows)
            await announce(connection, Changed(id, source, departments, is_alarm=True))


_DELETIONS = tuple(
    f"delete from desk.{table} where conversation = $1"
    for table in ("draft", "answer", "reason", "alarm")
)
_DELETE = "delete from desk.conversation where id = $1 and source = $2 returning department"
