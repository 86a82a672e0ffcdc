"""Records of before there was a log, which lay open: sealed, and into it; once, when it starts."""

import structlog

from archiver.record.writing import Writer
from services.contract import Record
from services.database import Pool, until_it_answers

AT_ONCE = 500
"""Moved in one go, some 5 KB each."""

log = structlog.get_logger()


async def move(pool: Pool, writer: Writer) -> None:
    """Until none is left. Cut off, it goes on when it is started again."""
    moved = 0
    while rows := await until_it_answers(lambda: pool.fetch(_OLDEST, AT_ONCE), "older"):
        records = [_record(dict(row)) for row in rows]
        await until_it_answers(lambda these=records: writer.add(these), "older")  # type: ignore[misc]
        ids = [record.id for record in records]
        await until_it_answers(lambda these=ids: pool.execute(_MOVED, these), "older")  # type: ignore[misc]
        moved += len(records)
    if moved:
        log.info("older.moved", count=moved)


def _record(row: dict[str, object]) -> Record:
    return Record(**row | {"data": str(row["data"]).encode()})  # type: ignore[arg-type]


_OLDEST = """
select id, kind, at, data, tenant, conversation, message, receipt, sequence, raw
from archiver.record order by id limit $1
"""

_MOVED = "select archiver.moved($1::uuid[])"
