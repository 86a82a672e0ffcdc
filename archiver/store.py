"""The archive's tables: add and read, nothing else; the role of the service can do no more."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from services.contract import Record
from services.database import ANSWER_SECONDS, Pool
from services.tasks import within

MONTHS_AHEAD = 13
"""Partitions made in advance: a service that runs for a year without a restart has room."""


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

    async def conversation(self, id: str) -> list[dict[str, Any]]:
        """What happened to a conversation: opened, moved."""
        return await self._records(
            "conversation = $1 and kind = 'conversation' order by sequence, id", id
        )

    async def messages(self, conversation: str, after: int, limit: int) -> list[dict[str, Any]]:
        """Messages of a conversation with a sequence above `after`, oldest first."""
        return await self._records(
            "conversation = $1 and kind = 'message' and sequence > $2"
            " order by sequence, id limit $3",
            conversation,
            after,
            limit,
        )

    async def message(self, id: UUID) -> list[dict[str, Any]]:
        return await self._records("message = $1 and kind = 'message'", id)

    async def about(self, messages: Sequence[UUID]) -> list[dict[str, Any]]:
        """What became of these messages: sends, statuses, deliveries; oldest first."""
        return await self._records(
            "message = any($1::uuid[]) and kind in ('send', 'status', 'delivery') order by id",
            list(messages),
        )

    async def _records(self, where: str, *arguments: Any) -> list[dict[str, Any]]:
        """Rows of `archiver.record`; `where` is one of the constants above, never a caller's."""
        fetch = self._pool.fetch(
            "select id, kind, at, conversation, message, sequence, data, raw"
            f" from archiver.record where {where}",
            *arguments,
        )
        rows = await within(ANSWER_SECONDS, fetch)
        return [dict(row) for row in rows]


_INSERT = """
insert into archiver.record (id, kind, at, tenant, conversation, message, receipt, sequence, data,
    raw)
select id, kind, at, tenant, conversation, message, receipt, sequence,
    convert_from(data, 'UTF8')::jsonb, raw
from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::uuid[],
    $7::uuid[], $8::bigint[], $9::bytea[], $10::bytea[])
    as new (id, kind, at, tenant, conversation, message, receipt, sequence, data, raw)
on conflict do nothing returning 1
"""
