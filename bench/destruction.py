"""Destruction: a list is drawn of everything that is due, and carried out beside new records.

The rows are made in SQL, as the services leave them after a year: working rows of deliveries and
decisions have ended at their terms by then. As many conversations stay as go. The list is carried
out by the archiver's own code and with its rights, while the same process writes records.
"""

import asyncio
import base64
import os
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from pydantic import SecretStr

from archiver.destruction import destroyer
from archiver.destruction.destroyer import Destroyer
from archiver.destruction.list_store import ListRules, ListStore
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import Writer
from archiver.orders import order
from archiver.orders.comparer import Comparer
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import OrderKeeper
from bench.open_loop import percentile
from bench.reports.results import Line, Report, at_least, at_most
from bench.servers import KEY, migrated_database
from bench.usage import tree_memory
from services import clock
from services.config.settings import derive_key
from services.contract import Record
from services.files.object_store import ObjectStore
from services.ids import conversation_id
from services.postgres.database import Pool, connection_pool

MONTHS = 15
"""Months of the record: the conversations were closed in one of them, 14 months ago."""
AT_ONCE = 10_000
"""Conversations made by one statement."""
RECORDS_PER_BATCH, BATCHES_PER_SECOND = 50, 5
"""Records that are written meanwhile: 250 a second, some 100 messages with their statuses."""
WARM = 0.2
"""Share of the list after which memory is measured first: pools and caches are full by then."""
DRAW_SECONDS, RATE, GROWTH_MIB = 10.0, 500.0, 16.0
"""Targets: seconds to draw the list, conversations destroyed in a second, and growth of memory from
WARM to the end."""
RULES = ListRules(is_joined=False, waiting=timedelta())


class ListRun(NamedTuple):
    """Measurements of one list."""

    drawn: float
    """Seconds."""
    destroyed: int
    seconds: float
    growth: float
    """MiB."""
    waits: Sequence[float]
    """Seconds that each batch of records took meanwhile."""
    functions: Sequence[tuple[str, float]]
    """Functions of the database with their own seconds, the longest first."""


class Clerk(NamedTuple):
    """Keys, orders and writer of one archiver."""

    keys: KeyStore
    orders: OrderKeeper
    writer: Writer


async def _compared_orders(role: Pool, folder: Path) -> OrderKeeper:
    """Return the orders of an archiver that has compared them, in a folder."""
    key = derive_key([SecretStr(KEY)], order.PURPOSE)
    book = OrderBook(ObjectStore(folder.as_uri()), [key])
    await Comparer(role, book).compare()
    return OrderKeeper(book)


def measure(folder: Path, records: int, report: Report) -> None:
    """Measure and print; half as many conversations are due as there are `records`."""
    with migrated_database(folder) as (database, _):
        database.execute("alter system set track_functions = 'pl'; select pg_reload_conf()")
        for line in asyncio.run(_measure(database.url, folder, records // 2)):
            report(line)


async def _measure(url: str, folder: Path, due: int) -> list[Line]:
    own = f"{url}{'&' if '?' in url else '?'}role=postkamer_archiver"
    async with connection_pool(url, "bench", 2) as pool, connection_pool(own, "bench", 4) as role:
        keys = KeyStore(role, [base64.b64decode(KEY)])
        await keys.check()
        writer = Writer(role, keys)
        await writer.add([_record()])  # it makes the municipality's keys
        await _fill(pool, 2 * due)
        orders = await _compared_orders(role, folder / "orders")
        run = await _carry_out(pool, role, Clerk(keys, orders, writer), due)
    return [*_table(due, run)]


async def _fill(pool: Pool, count: int) -> None:
    await pool.execute("update archiver.destruction_rule set least_waiting = '0'")
    for table in ("entry", "searchable"):
        months = "select archiver.make_months_of($1, (now() - interval '15 months')::date, $2)"
        await pool.execute(months, table, MONTHS)
    for first in range(0, count, AT_ONCE):
        for statement in _ROWS:
            await pool.execute(statement, first, min(AT_ONCE, count - first), timeout=600)
    await pool.execute("vacuum analyze", timeout=600)


async def _carry_out(pool: Pool, role: Pool, clerk: Clerk, due: int) -> ListRun:
    began = time.monotonic()
    list_id = await _approve(role, clerk.keys)
    drawn = time.monotonic() - began

    async def finish(*_: Any) -> None:
        pass

    work, waits, warm = Destroyer(role, clerk.keys, clerk.orders, finish), list[float](), 0.0
    traffic = asyncio.create_task(write_records(clerk.writer, waits))
    began, batches = time.monotonic(), 0
    while await work.destroy_batch(list_id):
        batches += 1
        if batches == round(WARM * due / destroyer.BATCH):
            warm = tree_memory(os.getpid())
        await asyncio.sleep(destroyer.PAUSE_SECONDS)
    seconds, growth = time.monotonic() - began, tree_memory(os.getpid()) - warm
    traffic.cancel()
    await asyncio.wait([traffic])
    destroyed = await pool.fetchval(
        "select count(*) from archiver.destruction_item where state = 'destroyed'"
    )
    spent = await pool.fetch(_FUNCTIONS)
    functions = [(row["name"], row["seconds"]) for row in spent]
    return ListRun(drawn, destroyed, seconds, growth, waits, functions)


async def _approve(role: Pool, keys: KeyStore) -> str:
    """Draw the list, have it reviewed and approved; return its id."""
    now = clock.now()
    async with role.acquire() as connection, connection.transaction():
        store = ListStore(connection, keys)
        found = await store.draw("almelo", "Anna", now.date(), RULES, now)
        assert found
        found = await store.step(found, "reviewed", "Bram", "", now)
        return (await store.step(found, "approved", "Carla", "", now)).id


async def write_records(writer: Writer, waits: list[float]) -> None:
    """Write records at an even pace until cancelled; note how long each batch took."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        due += 1 / BATCHES_PER_SECOND
        await writer.add([_record() for _ in range(RECORDS_PER_BATCH)])
        waits.append(loop.time() - due + 1 / BATCHES_PER_SECOND)
        await asyncio.sleep(max(0.0, due - loop.time()))


def _record() -> Record:
    now, id = clock.now(), clock.new_id()
    data = {"direction": "in", "type": "text", "text": "mijn container is vol", "department": "kcc"}
    return Record(
        id=id, kind="message", at=now, data=msgspec.json.encode(data), tenant="almelo",
        conversation=conversation_id("106540352242922", id.bytes), message=id, sequence=1,
    )  # fmt: skip


def _table(due: int, run: ListRun) -> Iterator[Line]:
    yield f"{f'{due:,} of {2 * due:,} conversations are due':44}{'target':>10}{'measured':>10}"
    yield at_most("seconds to draw the list, and approve it", DRAW_SECONDS, run.drawn)
    rate = run.destroyed / run.seconds
    yield at_least("conversations destroyed in a second", RATE, rate)
    yield at_most("MiB that the process grew meanwhile", GROWTH_MIB, run.growth)
    yield f"destroyed: {run.destroyed:,} in {run.seconds:,.0f} s"
    waits = sorted(run.waits)
    yield (
        f"{RECORDS_PER_BATCH} records took {percentile(waits, 0.5) * 1000:,.0f} ms (median), "
        f"{percentile(waits, 0.99) * 1000:,.0f} ms (99 %), {max(waits) * 1000:,.0f} ms at most"
    )
    yield "own time of the database's functions:"
    for name, seconds in run.functions:
        yield f"{name:44}{seconds:10.1f} s{seconds / run.seconds:8.0%}"


_FUNCTIONS = """
select schemaname || '.' || funcname as name, self_time / 1000 as seconds
from pg_stat_user_functions where self_time > 100 order by self_time desc limit 12
"""

# Half of them were closed 14 months ago and are due; the other half a month ago.
_MADE = """
with closed as (
    select n, '106540352242922-' || lpad(n::text, 26, 'a') as conversation,
        md5('person' || n)::uuid as person,
        case when n % 2 = 0 then now() - interval '14 months' + n * interval '5 seconds'
            else now() - interval '1 month' + n * interval '5 seconds' end as closed_at
    from generate_series($1::bigint, $1::bigint + $2::bigint - 1) n
), made as (
    select *, lpad(to_hex((extract(epoch from closed_at) * 1000)::bigint), 12, '0') as time
    from closed
)
"""
# Six entries: opened, two messages of the citizen, an answer, its delivery, closed. Each message
# came in a receipt of its own. Positions are below those of the writer.
_ENTRIES = f"""{_MADE}
insert into archiver.entry (id, position, kind, at, tenant, conversation, department, message,
    receipt, sequence, salt, sealed, leaf)
select (time || substr(md5('e' || n || ' ' || i), 13))::uuid,
    -(n * 8 + i) - 1, case when i in (0, 5) then 'conversation' when i = 4 then 'delivery'
        when i > 5 then 'receipt' else 'message' end,
    closed_at, case when i > 5 then '' else 'almelo' end,
    case when i > 5 then '' else conversation end, 'kcc',
    case when i in (1, 2, 3) then md5('m' || n || ' ' || i)::uuid end,
    case when i in (1, 2) then (time || substr(md5('e' || n || ' ' || i + 5), 13))::uuid end,
    i, decode(md5('s' || n || i), 'hex'), convert_to(repeat('x', 500), 'UTF8'),
    convert_to(repeat('x', 32), 'UTF8')
from made, generate_series(0, 7) i
"""
_KEYS = f"""{_MADE}
insert into archiver.conversation_key (tenant, conversation, version, wrapped)
select 'almelo', conversation, (select max(version) from archiver.municipality_key
    where tenant = 'almelo' and purpose = 'content'), convert_to(repeat('x', 60), 'UTF8') from made
"""
_SUBJECTS = f"""{_MADE}
insert into archiver.subject (tenant, hash, conversation, entry)
select 'almelo', decode(md5(kind || n), 'hex'), conversation, gen_random_uuid()
from made, unnest(array['phone', 'bsuid']) kind
"""
_WORDS = f"""{_MADE}
insert into archiver.searchable (id, position, at, tenant, department, conversation, kind, type,
    direction, words)
select (time || substr(md5('e' || n || ' ' || i), 13))::uuid,
    -(n * 8 + i) - 1, closed_at, 'almelo', 'kcc', conversation, 'message', 'text', 'in',
    array(select hashint8extended(n * 31 + w * 7919, 1) % 20000 from generate_series(1, 12) w)
from made, generate_series(1, 3) i
"""
_FILES = f"""{_MADE}
insert into archiver.media (id, tenant, number, conversation, department, announced, salt, sealed,
    sent_at, state, object, file_salt, ciphertext_sha256)
select md5('m' || n || ' 1')::uuid, 'almelo', '106540352242922', conversation, 'kcc', '{{}}',
    decode(md5('f' || n), 'hex'), convert_to(repeat('x', 200), 'UTF8'), closed_at, 'available',
    gen_random_uuid(), decode(md5('g' || n), 'hex'), md5('c' || n) || md5('d' || n)
from made where n % 10 = 0
"""
_CONVERSATIONS = f"""{_MADE}
insert into router.conversation (id, tenant, number, person, department, departments, rule, reason,
    since, opened_at, sequence, state, closed_at)
select conversation, 'almelo', '106540352242922', person, 'kcc', '{{kcc}}', 'afval',
    repeat('x', 80), closed_at, closed_at, 6, to_jsonb(repeat('x', 300)), closed_at from made
"""
_OUTGOING = f"""{_MADE}
insert into router.outgoing (id, tenant, number, conversation, department, status, wamid_hash,
    changed_at)
select md5('m' || n || ' 3')::uuid, 'almelo', '106540352242922', conversation, 'kcc', 'read',
    decode(md5('w' || n), 'hex'), closed_at from made
"""
_PEOPLE = f"""{_MADE}
insert into router.identity (tenant, kind, hash, value, person, valid_from)
select 'almelo', kind, decode(md5(kind || n), 'hex'), repeat('x', 60), person, closed_at
from made, unnest(array['phone', 'bsuid']) kind
"""
_DOSSIERS = f"""{_MADE}
insert into archiver.dossier (tenant, conversation, departments, number, opened_at, closed_at,
    sequence, position, state, valued_code, kept_until, terms)
select 'almelo', conversation, '{{kcc}}', '106540352242922', closed_at, closed_at, 6,
    -(n * 8), 'destroy', '6.1.3', (closed_at + interval '1 year')::date, '' from made
"""
_ROWS = (
    _ENTRIES, _KEYS, _SUBJECTS, _WORDS, _FILES, _CONVERSATIONS, _OUTGOING, _PEOPLE, _DOSSIERS,
)  # fmt: skip
