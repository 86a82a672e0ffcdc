"""Record the actions of operators on the command line (`postkamer token revoke` ...).

A row waits in `access.operation` until its action is on the record, and is then deleted. If the
process ends in between, the action is added again, which changes nothing.
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
"""Interval between two polls for unrecorded actions."""
REFUSED_POLL_SECONDS = 60.0
"""Interval after an action was refused: a person must inspect it, and finds it in the log."""
BATCH_ROWS = 256
"""Rows in one query. Actions are typed by hand, so there is mostly one."""

AddRecords = Callable[[Sequence[Record]], Awaitable[object]]
"""Function that adds the records that are new, all of them or none."""

log = structlog.get_logger()


async def record_operator_actions(pool: Pool, add: AddRecords) -> None:
    """Record actions for as long as the service runs."""
    while True:
        refused = await _record_pending(pool, add)
        await asyncio.sleep(REFUSED_POLL_SECONDS if refused else POLL_SECONDS)


async def _record_pending(pool: Pool, add: AddRecords) -> int:
    """Record all pending actions and return how many the record refused. Those stay pending."""
    after, refused = UUID(int=0), 0
    while True:
        fetch = partial(pool.fetch, _UNRECORDED, after, BATCH_ROWS)
        records = [
            _record_of_row(row) for row in await retry_while_unavailable(fetch, "operations")
        ]
        if not records:
            return refused
        added = await _add_records(records, add)
        await retry_while_unavailable(partial(pool.execute, _DELETE_RECORDED, added), "operations")
        metrics.archive_records.labels(kind="operation").inc(len(added))
        after, refused = records[-1].id, refused + len(records) - len(added)


async def _add_records(records: Sequence[Record], add: AddRecords) -> list[UUID]:
    """Return the ids that are on the record. A refused record does not hold up the others."""
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
_DELETE_RECORDED = "select archiver.operations_moved($1::uuid[])"
