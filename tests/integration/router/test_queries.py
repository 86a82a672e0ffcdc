"""An index serves each query of a batch, however large the router's tables have grown."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from router import budget_monitor
from router.store import load
from services.config.pricing import span
from services.postgres.database import Connection, Pool

ROWS = 20_000
BLOCKS = 150
"""Blocks of 8 KiB that a batch may touch: for each of eight keys the levels of an index and a row,
in each part of a query. Each of these tables has more in all."""

FILL = """
insert into router.identity (tenant, kind, hash, value, person, valid_from)
    select 'almelo', 'phone', decode(md5(n::text), 'hex'), 'x', gen_random_uuid(), now()
    from generate_series(1, $1::int) n;
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, sequence, departments, closed_at)
    select '1-' || n, 'almelo', '1', gen_random_uuid(), 'kcc', '', '', now(), now(), 1, '{kcc}',
        case when n % 2 = 0 then now() end
    from generate_series(1, $1::int) n;
insert into router.inbox (key, receipt, decision)
    select decode(md5(n::text), 'hex'), gen_random_uuid(), '' from generate_series(1, $1::int) n;
insert into router.outgoing (id, tenant, number, conversation, department, status, changed_at)
    select gen_random_uuid(), 'almelo', '1', '1-' || n, 'kcc', 'sent', now()
    from generate_series(1, $1::int) n;
insert into router.consent (tenant, person, purpose, source, given_at, recorded_at, recorded_by)
    select 'almelo', gen_random_uuid(), 'nieuws', 'balie', now(), now(), 'crm'
    from generate_series(1, $1::int) n;
insert into router.withdrawal (tenant, person, by, at)
    select 'almelo', gen_random_uuid(), 'stop', now() from generate_series(1, $1::int) n;
insert into router.charge
    select gen_random_uuid(), 'almelo', '1', 'kcc', 'service', 'regular', 'PMP', true, 'delivered',
        timestamptz '2026-11-01' - n * interval '1 hour'
    from generate_series(1, $1::int) n;
"""
HASHES = [hashlib.md5(str(n).encode()).digest() for n in range(8)]
PEOPLE: list[UUID] = [uuid4() for _ in range(8)]
NAMES = [f"1-{n}" for n in range(8)]

ASKED = {
    "inbox": (load._INBOX, (HASHES,)),
    "quoted messages": (load._QUOTED, (PEOPLE,)),
    "people": (load._PEOPLE, (HASHES, [])),
    "people of conversations": (load._PEOPLE, ([], NAMES)),
    "conversations": (load._CONVERSATIONS, (NAMES, PEOPLE)),
    "conversations of nobody named": (load._CONVERSATIONS, ([], PEOPLE)),
    "consents": (load._CONSENTS, (PEOPLE,)),
    "withdrawals": (load._WITHDRAWALS, (PEOPLE,)),
    "what was heard last": (load._LAST_HEARD, (PEOPLE,)),
    "outgoing": (load._OUTGOING, (PEOPLE, HASHES)),
    "charges": (load._CHARGES, (PEOPLE,)),
    "a month of charges": (budget_monitor._GROUPS, (*span(date(2026, 10, 1)), None, 100)),
}


async def test_a_batch_reads_no_table_from_end_to_end(pool: Pool) -> None:
    async with pool.acquire() as connection:
        for statement in filter(str.strip, FILL.split(";\n")):
            await connection.execute(statement, ROWS)
        await connection.execute("analyze")
        read = {name: await blocks(connection, *ASKED[name]) for name in ASKED}
    assert {name: count for name, count in read.items() if count > BLOCKS} == {}


async def blocks(connection: Connection, query: str, arguments: Sequence[Any]) -> int:
    """Return the number of blocks that a query touches."""
    explain = f"explain (analyze, buffers, format json) {query}"
    plan = json.loads(await connection.fetchval(explain, *arguments))[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
