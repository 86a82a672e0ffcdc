"""Records of before there was a log, which lay open: sealed, and into it; once, when it starts."""

from collections.abc import Sequence

import msgspec
import structlog

from archiver.aside import Aside
from archiver.record.writing import Unsealable, Writer
from services.contract import Record
from services.database import Pool, until_it_answers

AT_ONCE = 500
"""Moved in one go, some 5 KB each."""

log = structlog.get_logger()


async def move(pool: Pool, writer: Writer, aside: Aside) -> None:
    """Until none is left. Cut off, it goes on when it is started again. What cannot be sealed goes
    aside."""
    moved = 0
    while rows := await until_it_answers(lambda: pool.fetch(_OLDEST, AT_ONCE), "older"):
        records = [_record(dict(row)) for row in rows]
        try:
            await _add(pool, writer, records)
        except Unsealable:
            for record in records:
                await _alone(pool, writer, aside, record)
        moved += len(records)
    if moved:
        log.info("older.moved", count=moved)


async def _add(pool: Pool, writer: Writer, records: Sequence[Record]) -> None:
    await until_it_answers(lambda: writer.add(records), "older")
    ids = [record.id for record in records]
    await until_it_answers(lambda: pool.execute(_MOVED, ids), "older")


async def _alone(pool: Pool, writer: Writer, aside: Aside, record: Record) -> None:
    try:
        await _add(pool, writer, [record])
    except Unsealable as error:
        reason, body = str(error), msgspec.msgpack.encode(record)
        log.error("record.unsealable", record=record.id, kind=record.kind, reason=reason)
        id = await until_it_answers(lambda: aside.put(reason, body), "older")
        await until_it_answers(lambda: pool.execute(_MOVED_ASIDE, record.id, id), "older")


def _record(row: dict[str, object]) -> Record:
    return Record(**row | {"data": str(row["data"]).encode()})  # type: ignore[arg-type]


_OLDEST = """
select id, kind, at, data, tenant, conversation, message, receipt, sequence, raw
from archiver.record order by id limit $1
"""

_MOVED_ASIDE = "select archiver.moved_aside($1, $2)"
_MOVED = "select archiver.moved($1::uuid[])"
