"""The record opened, for tests that ask it in SQL: what the archiver has sealed, in a table of the
same database, `opened.record`, as far as it has come when it is asked."""

import asyncio
import base64
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import msgspec

from archiver.api.queries import RecordReader
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import Writer
from archiver.receipt_assembly import BodyRemainder
from deploy.local.postgresql import OWNER, Database
from services.postgres.database import Pool, connection_pool
from services.whatsapp.segments import SegmentedBody, join_body
from tests.support.kept_pool import KeptPool, fetch_text

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
"""The master key of installations in tests."""
MASTER = base64.b64decode(KEY)

TABLE = """
create schema if not exists opened;
create table if not exists opened.record (
    id uuid primary key, position bigint, kind text, at timestamptz, tenant text, conversation text,
    department text, message uuid, receipt uuid, item int, sequence bigint, data jsonb, raw bytea,
    contact bytea, written_at timestamptz
);
create index if not exists record_receipt on opened.record (receipt);
create index if not exists record_position on opened.record (position);
create table if not exists opened.receipt (id uuid primary key, body bytea)
"""
"""`opened.receipt`: webhook bodies put together again."""
COLUMNS = (
    "id", "position", "kind", "at", "tenant", "conversation", "department", "message", "receipt",
    "item", "sequence", "data", "raw", "contact",
)  # fmt: skip

QUESTION = re.compile(r"\s*(select|with)\b[^;]*", re.IGNORECASE)
"""A query and nothing else."""


async def keys_of(pool: Pool, master: bytes = MASTER) -> KeyStore:
    """Checked, so that they can be used."""
    keys = KeyStore(pool, [master])
    await keys.check()
    return keys


async def writer_of(pool: Pool) -> Writer:
    return Writer(pool, await keys_of(pool))


async def reader_of(pool: Pool) -> RecordReader:
    return RecordReader(pool, await keys_of(pool))


async def rows_of(pool: Pool, master: bytes = MASTER, after: int = -1) -> list[dict[str, Any]]:
    """Every entry that can be opened, in the order of the log."""
    keys = await keys_of(pool, master)
    sql = f"{RECORDS} where e.position > $1 order by e.position"
    return list(decrypt_rows(await pool.fetch(sql, after), keys))


async def refresh(pool: Pool, master: bytes = MASTER) -> bool:
    """Bring `opened.record` up to date; return True if the record has grown."""
    await pool.execute(TABLE)
    last = await pool.fetchval("select coalesce(max(position), -1) from opened.record")
    rows = [
        tuple(row[name].decode() if name == "data" else row[name] for name in COLUMNS)
        for row in await rows_of(pool, master, last)
    ]
    if not rows:
        return False
    places = ", ".join(f"${n + 1}" for n in range(len(COLUMNS)))
    sql = (
        f"insert into opened.record ({', '.join(COLUMNS)}) values ({places}) on conflict do nothing"
    )
    await pool.executemany(sql, rows)
    await pool.execute(
        "update opened.record o set written_at = e.written_at from archiver.entry e"
        " where o.id = e.id and o.position > $1",
        last,
    )
    return True


async def join(pool: Pool) -> None:
    """`opened.receipt` as far as bodies can be put together by now."""
    rows = await pool.fetch(
        "select id, data, raw from opened.record r where kind = 'receipt'"
        " and not exists (select from opened.receipt o where o.id = r.id)"
    )
    pieces: dict[Any, dict[tuple[int, str], bytes]] = {row["id"]: {} for row in rows}
    for row in await pool.fetch(
        "select receipt, item, raw, contact from opened.record"
        " where item is not null and receipt = any($1::uuid[])",
        list(pieces),
    ):
        pieces[row["receipt"]][row["item"], "item"] = row["raw"]
        pieces[row["receipt"]][row["item"], "contact"] = row["contact"]
    for row in rows:
        holes = msgspec.json.decode(row["data"], type=BodyRemainder).holes
        if (body := join_body(SegmentedBody(row["raw"], holes), pieces[row["id"]])) is not None:
            add = "insert into opened.receipt values ($1, $2) on conflict do nothing"
            await pool.execute(add, row["id"], body)


class Readable(Database):
    """A database of which the record can be asked: `opened.record` is as it is when it is asked."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept = KeptPool()

    def execute(self, sql: str, database: str = OWNER) -> str:
        if database == OWNER and QUESTION.fullmatch(sql):
            found = self._kept.run(self.url, partial(_answer, sql=sql))
            if found is not None:
                return found
        if "opened." in sql:
            with ThreadPoolExecutor(1) as thread:  # there may be a loop here already
                thread.submit(lambda: asyncio.run(self._refresh())).result()
        return super().execute(sql, database)

    async def _refresh(self) -> None:
        async with connection_pool(self.url, "test", 1) as pool:
            await _bring_up_to_date(pool)

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> bool:
        self._kept.close()
        return super().stop(hurry)

    def kill(self) -> None:
        super().kill()
        self._kept.close()


async def _bring_up_to_date(pool: Pool) -> None:
    if await refresh(pool):
        await join(pool)


async def _answer(pool: Pool, sql: str) -> str:
    if "opened." in sql:
        await _bring_up_to_date(pool)
    return await fetch_text(pool, sql)
