"""What people did by command (`postkamer token revoke` ...), into the record.

A row lies open until it is in the record, sealed; then it is taken away. Whoever dies between finds
it again, and adding it again adds nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import structlog

from services import metrics
from services.contract import Record
from services.postgres.database import Pool, retry_while_unavailable

POLL_SECONDS = 1.0
"""Between two looks at what is not recorded yet."""
REFUSED_POLL_SECONDS = 60.0
"""The same after one was refused: a person must look at it, and sees it in the log."""
BATCH_ROWS = 256
"""Rows at once. People type commands: mostly it is one."""

AddRecords = Callable[[Sequence[Record]], Awaitable[object]]
"""Into the record, what is not there yet; all of it or nothing."""

log = structlog.get_logger()


async def record_operator_actions(pool: Pool, add: AddRecords) -> None:
    """For as long as the service runs."""
    while True:
        refused = await _record_pending(pool, add)
        await asyncio.sleep(REFUSED_POLL_SECONDS if refused else POLL_SECONDS)


async def _record_pending(pool: Pool, add: AddRecords) -> int:
    """All that is there now; how many the record refused. They stay, and come again."""
    after, refused = UUID(int=0), 0
    while True:
        fetch = partial(pool.fetch, _UNRECORDED, after, BATCH_ROWS)
        records = [
            _record_of_row(row) for row in await retry_while_unavailable(fetch, "operations")
        ]
        if not records:
            return refused
        added = await _add_records(records, add)
        await retry_while_unavailable(partial(pool.execute, _MOVED, added), "operations")
        metrics.archive_records.labels(kind="operation").inc(len(added))
        after, refused = records[-1].id, refused + len(records) - len(added)


async def _add_records(records: Sequence[Record], add: AddRecords) -> list[UUID]:
    """Which are in the record now. One that it refuses keeps no other from it."""
    try:
        await retry_while_unavailable(lambda: add(records), "operations")
    except Exception as error:
        if len(records) == 1:
            log.error("operation.refused", record=records[0].id, exc_info=error)
            return []
        return [id for record in records for id in await _add_records([record], add)]
    return [record.id for record in records]


def _record_of_row(row: Any) -> Record:
    fields = {"what": row["what"], "about": row["about"], "by": row["by"]}
    return Record(
        id=row["id"],
        kind="operation",
        at=row["at"],
        tenant=row["tenant"],
        data=msgspec.json.encode(msgspec.json.decode(row["data"]) | fields),
    )


_UNRECORDED = """
select id, at, tenant, by, what, about, data from access.operation
where id > $1 order by id limit $2
"""
_MOVED = "select archiver.operations_moved($1::uuid[])"
