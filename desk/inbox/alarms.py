"""Alarms about citizens in danger, at a desk that is a destination of care. An alarm may be about a
conversation of any department: it says that a person must look, and nothing of what was said."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from desk.access import Access
from desk.events.event import Event
from desk.inbox.changed import Changed, announce
from services import event_types
from services.postgres.database import ANSWER_SECONDS, Connection, Pool
from services.tasks import with_timeout

MAX_SHOWN = 50
"""Alarms of one list: more at once is a fault of the rules, and the oldest go first."""


class CareAlarm(msgspec.Struct, frozen=True):
    conversation: str
    care: str
    """Kind of danger; '' for a confidential department."""
    nth: int
    """Number of the alarm: the others were not confirmed."""
    at: datetime
    department: str
    """Department that has the conversation, if the employee reaches it; else ''."""


async def apply_alarms(connection: Connection, events: Sequence[Event]) -> None:
    """Store the alarms of new events, and which of them a person confirmed. An event that was
    parked comes after later ones."""
    for event in events:
        if event.type == event_types.CARE_ALARM:
            data = event.data
            parameters = data.conversation_id, event.source, data.care, data.nth, event.time
            await connection.execute(_STORE, *parameters, event.sequence)
        elif event.type == event_types.CARE_CONFIRMED:
            confirmed = event.data.conversation_id, event.source, event.time, event.sequence
            await connection.execute(_CONFIRM, *confirmed)
        else:
            continue
        news = Changed(event.data.conversation_id, event.source, (), is_alarm=True)
        await announce(connection, news)


class AlarmStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def list(self, access: Access) -> list[CareAlarm]:
        """Return the alarms of the municipality that nobody confirmed, the oldest first; none for
        who is not on duty."""
        if not access.is_on_duty:
            return []
        reach = access.tenant.source, access.department_ids, access.all_departments
        query = self._pool.fetch(_LIST, *reach, MAX_SHOWN)
        return [CareAlarm(**row) for row in await with_timeout(ANSWER_SECONDS, query)]

    async def remove(self, conversation: str, access: Access) -> None:
        """Drop an alarm that an employee confirmed."""
        await with_timeout(ANSWER_SECONDS, self._remove(conversation, access.tenant.source))

    async def _remove(self, conversation: str, source: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_REMOVE, conversation, source)
            await announce(connection, Changed(conversation, source, (), is_alarm=True))


_STORE = """
insert into desk.alarm (conversation, source, care, nth, at, sequence)
values ($1, $2, $3, $4, $5, $6)
on conflict (conversation) do update
    set care = case when excluded.sequence > alarm.confirmed then excluded.care else '' end,
        nth = excluded.nth, at = excluded.at, sequence = excluded.sequence
    where alarm.source = excluded.source
        and (excluded.sequence, excluded.nth) > (alarm.sequence, alarm.nth)
"""

# A confirmation may come before its alarm.
_CONFIRM = """
insert into desk.alarm (conversation, source, care, nth, at, confirmed)
values ($1, $2, '', 0, $3, $4)
on conflict (conversation) do update
    set confirmed = greatest(alarm.confirmed, excluded.confirmed),
        care = case when excluded.confirmed >= alarm.sequence then '' else alarm.care end
    where alarm.source = excluded.source
"""

# The number of the confirmation is not known yet: it confirms what is shown.
_REMOVE = """
update desk.alarm set confirmed = greatest(confirmed, sequence), care = ''
where conversation = $1 and source = $2
"""

_LIST = """
select a.conversation, a.care, a.nth, a.at, coalesce(c.department, '') as department
from desk.alarm a left join desk.conversation c
    on c.id = a.conversation and c.source = a.source and (c.department = any($2) or $3)
where a.source = $1 and a.sequence > a.confirmed order by a.at limit $4
"""
