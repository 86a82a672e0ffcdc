"""The archive's tables: add and read, nothing else; the role of the service can do no more."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.access import Rights
from services.contract import Record
from services.database import ANSWER_SECONDS, Pool
from services.tasks import within

MONTHS_AHEAD = 13
"""Partitions made in advance: a service that runs for a year without a restart has room."""

NOTES = 200
"""Of a conversation, in one answer; more are in the record, and nobody reads them one by one."""


class Store:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def make_months(self, today: date) -> None:
        await self._pool.execute(
            "select archiver.make_months($1, $2)", today.replace(day=1), MONTHS_AHEAD
        )

    async def add(self, records: Sequence[Record]) -> int:
        """Write what is not there yet, in one transaction; how many were new."""
        rows = [
            (r.id, r.kind, r.at, r.tenant, r.conversation, r.message, r.receipt, r.sequence,
             r.data, r.raw)
            for r in records
        ]  # fmt: skip
        columns = [list(column) for column in zip(*rows, strict=True)]
        return len(await self._pool.fetch(_INSERT, *columns))

    async def put_aside(self, reason: str, body: bytes) -> None:
        await self._pool.execute(
            "insert into archiver.quarantine (reason, body) values ($1, $2)", reason, body
        )

    async def conversation(self, id: str, rights: Rights) -> list[dict[str, Any]]:
        """What happened to a conversation: opened, moved; `left` is true of what was followed by
        something that these rights do not show."""
        return await self._rows(_CONVERSATION, id, *_theirs(rights))

    async def notes(self, conversation: str, rights: Rights) -> list[dict[str, Any]]:
        """The newest notes of a conversation, oldest first."""
        newest = await self._rows(_NOTES, conversation, *_theirs(rights), NOTES)
        return newest[::-1]

    async def messages(
        self, conversation: str, rights: Rights, *, after: int, limit: int
    ) -> list[dict[str, Any]]:
        """Messages of a conversation with a sequence above `after`, oldest first."""
        return await self._rows(_MESSAGES, conversation, *_theirs(rights), after, limit)

    async def message(self, id: UUID, rights: Rights) -> list[dict[str, Any]]:
        return await self._rows(_MESSAGE, id, *_theirs(rights))

    async def about(self, messages: Sequence[UUID], rights: Rights) -> list[dict[str, Any]]:
        """What became of these messages: sends, statuses, deliveries; oldest first. Theirs are the
        rights on the message that they are about, so ask only for what was found."""
        return await self._rows(_ABOUT, list(messages), rights.tenant)

    async def _rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        rows = await within(ANSWER_SECONDS, self._pool.fetch(query, *arguments))
        return [dict(row) for row in rows]


def _theirs(rights: Rights) -> tuple[str, list[str] | None]:
    """The municipality, and the departments: None for all of them."""
    return rights.tenant, sorted(rights.departments) or None


_RECORDS = """
select id, kind, at, conversation, message, sequence, data, raw from archiver.record
"""

_SHOWN = "tenant = $2 and ($3::text[] is null or data->>'department' = any($3))"
"""Rights are per part of a conversation: what one department did stays that department's, also
when the conversation has moved."""

_CONVERSATION = f"""
select id, at, sequence, data, left_behind as left from (
    select id, at, sequence, data, tenant, coalesce(bool_or(data->>'department' <> all($3)) over (
        order by sequence desc, id desc rows between unbounded preceding and 1 preceding
    ), false) as left_behind
    from archiver.record where conversation = $1 and kind = 'conversation'
) as record where {_SHOWN}
order by sequence, id
"""
"""In one pass: a conversation may have moved a thousand times."""

_NOTES = f"""{_RECORDS}
where conversation = $1 and kind = 'note' and {_SHOWN} order by sequence desc, id desc limit $4
"""

_MESSAGES = f"""{_RECORDS}
where conversation = $1 and kind = 'message' and {_SHOWN} and sequence > $4
order by sequence, id limit $5
"""

_MESSAGE = f"{_RECORDS} where message = $1 and kind = 'message' and {_SHOWN}"

_ABOUT = f"""{_RECORDS}
where message = any($1::uuid[]) and kind in ('send', 'status', 'delivery', 'media') and tenant = $2
order by id
"""

# What is new of them; and of these the files that came with messages, to be fetched.
_INSERT = """
with added as (
insert into archiver.record (id, kind, at, tenant, conversation, message, receipt, sequence, data,
    raw)
select id, kind, at, tenant, conversation, message, receipt, sequence,
    convert_from(data, 'UTF8')::jsonb, raw
from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::uuid[],
    $7::uuid[], $8::bigint[], $9::bytea[], $10::bytea[])
    as new (id, kind, at, tenant, conversation, message, receipt, sequence, data, raw)
on conflict do nothing returning id, kind, at, tenant, conversation, message, data
), files as (
insert into archiver.media (id, tenant, number, conversation, department, announced, sent_at)
select coalesce(message, id), tenant, coalesce(data->>'number', ''), conversation,
    coalesce(data->>'department', ''), data->'medium',
    least(at, (data->>'sentAt')::timestamptz)
from added where kind = 'message' and data ? 'medium'
on conflict do nothing
)
select 1 from added
"""
