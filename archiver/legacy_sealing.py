"""What lay open before there was a log: sealed, and records into it; once, when it starts."""

import os
from collections.abc import Sequence
from functools import partial
from uuid import UUID

import msgspec
import structlog

from archiver.encryption.key_store import Keys, Place, Row
from archiver.encryption.sealing import SALT_BYTES, seal
from archiver.log.writer import Unsealable, Writer
from archiver.quarantine import Aside
from services.contract import Record
from services.postgres.database import Pool, until_it_answers

AT_ONCE = 500
"""Moved in one go, some 5 KB each."""

log = structlog.get_logger()


async def move(pool: Pool, keys: Keys, writer: Writer) -> None:
    """Until none is left. Cut off, it goes on when it is started again."""
    aside = Aside(pool, keys)
    await _records(pool, writer, aside)
    await _put_aside(pool, aside)
    await _announced(pool, keys)


async def _put_aside(pool: Pool, aside: Aside) -> None:
    while row := await until_it_answers(lambda: pool.fetchrow(_ASIDE), "older"):
        id = await until_it_answers(partial(aside.put, row["reason"], row["body"]), "older")
        await until_it_answers(partial(pool.execute, _SEALED_ASIDE, row["id"], id), "older")


async def _announced(pool: Pool, keys: Keys) -> None:
    """Of files: all but of which kind they are. One whose key does not open stays as it is, which
    is logged, and keeps no other."""
    after = UUID(int=0)
    while rows := await until_it_answers(partial(pool.fetch, _ANNOUNCED, after, AT_ONCE), "older"):
        places = {_place(row) for row in rows}
        known = await until_it_answers(partial(keys.of_conversations, places), "older")
        for row in rows:
            if key := known.get(_place(row)):
                salt = os.urandom(SALT_BYTES)
                sealed = seal(key, salt, row["announced"].encode(), row["id"].bytes)
                do = partial(pool.execute, _SEAL_ANNOUNCED, row["id"], salt, sealed)
                await until_it_answers(do, "older")
        after = rows[-1]["id"]


def _place(row: Row) -> Place:
    return row["tenant"], row["conversation"]


async def _records(pool: Pool, writer: Writer, aside: Aside) -> None:
    """What cannot be sealed goes aside."""
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

_ASIDE = "select id, reason, body from archiver.quarantine where sealed is null limit 1"
_SEALED_ASIDE = "select archiver.sealed_aside($1, $2)"

_ANNOUNCED = """
select id, tenant, conversation, announced::text from archiver.media
where sealed is null and id > $1 order by id limit $2
"""
_SEAL_ANNOUNCED = """
update archiver.media set salt = $2, sealed = $3,
    announced = jsonb_build_object('mimeType', announced->'mimeType')
where id = $1 and sealed is null
"""

_MOVED_ASIDE = "select archiver.moved_aside($1, $2)"
_MOVED = "select archiver.moved($1::uuid[])"
