"""Compare the indexes of the record with their tables: a row that an index lacks is not there for
those who read by that index, and `archive verify` reads in other ways.

An index lacks a row that was written while the index was marked as not ready, which somebody with
all rights on the database can do and undo. So the pages of each table are read once, and each of
its indexes as a whole: in one snapshot both have the same rows with the same keys.
"""

import json
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from archiver.audit.catalogue import MAX_NAMED, SCHEMAS
from archiver.audit.log_walk import Finding
from services.postgres.database import Connection

TABLES = 20
"""Tables read in one statement: few statements for a small archive, and less than a minute
for twenty months of a large one."""
SCAN_SECONDS = 600.0
"""Timeout of such a statement."""
WHAT = "unindexed"


class TableIndex(msgspec.Struct, frozen=True, kw_only=True):
    """An index of a table that has rows of its own, as PostgreSQL's catalogue has it."""

    table: str
    name: str
    method: str
    keys: list[str]
    order: list[str]
    """Direction of each key, and the place of nulls."""
    predicate: str
    """Condition on the rows that the index has."""
    pages: int
    """Pages of the table that an entry of a BRIN index is about."""
    may_read: bool
    """True if this login may read the table."""

    @property
    def rows(self) -> str:
        """Rows that the index should have, as the end of a query."""
        return f"from only {self.table} where {self.predicate}"


class Content(msgspec.Struct, frozen=True):
    """Rows of an index or of its table: their number, and a hash of their keys in any order."""

    count: int
    keys: int | None = None


async def verify_indexes(connection: Connection) -> tuple[list[Finding], list[str]]:
    """Return a finding for each index that lacks rows, and sentences on those that could not be
    read. Run in a transaction that reads one snapshot, before it takes the role of a service."""
    indexes = [TableIndex(**row) for row in await connection.fetch(_INDEXES, SCHEMAS)]
    findings, unread = list[Finding](), [each.name for each in indexes if not each.may_read]
    readable = [each for each in indexes if each.may_read]
    tables = [[*group] for _, group in groupby(readable, attrgetter("table"))]
    settings = connection.transaction()
    await settings.start()
    try:
        await connection.execute("set local search_path = pg_catalog")
        for at in range(0, len(tables), TABLES):
            found, names = await _verify_tables(connection, tables[at : at + TABLES])
            findings += found
            unread += names
    finally:  # with the settings of this comparison
        await settings.rollback()
    return findings, [f"these indexes: {_name(unread)}"] if unread else []


def _name(names: Sequence[str]) -> str:
    """Name the first: a login that may not read the months may read none of them."""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


async def _verify_tables(
    connection: Connection, tables: Sequence[Sequence[TableIndex]]
) -> tuple[list[Finding], list[str]]:
    """Compare tables with their indexes; return the names of those that could not be read too."""
    expected = await _read_tables(connection, tables)
    filled = [(index, content) for index, content in expected if content.count]
    if not filled:  # the others lack nothing
        return [], []
    await connection.execute(_BY_INDEX)
    query = _union([_QUERIES[index.method](index) for index, _ in filled])
    plan = await connection.fetchval(f"explain (format json, costs off) {query}")
    used = _used_indexes(json.loads(plan))
    rows = await _read_all(connection, query)
    findings = [
        Finding(WHAT, sentence)
        for (index, content), row in zip(filled, rows, strict=True)
        if index.name in used and (sentence := _difference(index, content, Content(*row)))
    ]
    return findings, [index.name for index, _ in filled if index.name not in used]


async def _read_tables(
    connection: Connection, tables: Sequence[Sequence[TableIndex]]
) -> list[tuple[TableIndex, Content]]:
    """Read each table once from its pages, and return what each index should have."""
    await connection.execute(_BY_PAGES)
    rows = await _read_all(connection, _union([_by_pages(indexes) for indexes in tables]))
    return [
        (index, Content(count, keys))
        for indexes, row in zip(tables, rows, strict=True)
        for index, count, keys in zip(indexes, *row, strict=True)
    ]


def _by_pages(indexes: Sequence[TableIndex]) -> str:
    """Return the query on a table: an array with a place for each index of what it should have."""
    counts = [f"count(*) filter (where {each.predicate})" for each in indexes]
    keys = [
        f"bit_xor({_HASH.format(_row(each))}) filter (where {each.predicate})" for each in indexes
    ]
    columns = f"array[{', '.join(counts)}], array[{', '.join(keys)}]"
    return f"select {columns} from only {indexes[0].table}"


def _union(queries: Sequence[str]) -> str:
    """Return the query of these, each with its place in the first column."""
    return " union all ".join(
        f"select {place} as place, one.* from ({query}) as one"
        for place, query in enumerate(queries)
    )


async def _read_all(connection: Connection, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a union in the order of its queries, without their places: a server with
    several workers gives the one that is ready first."""
    rows = await connection.fetch(query, timeout=SCAN_SECONDS)
    return [tuple(row)[1:] for row in sorted(rows, key=itemgetter(0))]


def _difference(index: TableIndex, expected: Content, found: Content) -> str:
    """Return in one sentence how an index differs from its table, or ''."""
    if found.count != expected.count:
        of = f"{found.count} of {expected.count} rows"
        return f"{index.table}: its index {index.name} leads to {of}"
    if found.keys is not None and found.keys != expected.keys:
        return f"{index.table}: its index {index.name} has other keys than the rows"
    return ""


def _used_indexes(plan: Any) -> set[str]:
    """Return the names of the indexes that a plan reads."""
    if isinstance(plan, list):
        return set().union(*map(_used_indexes, plan))
    if not isinstance(plan, dict):
        return set()
    names = {plan["Index Name"]} if "Index Name" in plan else set[str]()
    return names.union(*map(_used_indexes, plan.values()))


def _row(index: TableIndex) -> str:
    return f"row({', '.join(index.keys)})"


def _in_order(index: TableIndex) -> str:
    """Return the query on a B-tree. Only the index gives this order without sorting, and it gives
    its own keys without those of the table."""
    order = ", ".join(f"{key} {how}" for key, how in zip(index.keys, index.order, strict=True))
    inner = f"select {_row(index)} as keys {index.rows} order by {order}"
    return f"select count(*), bit_xor({_HASH.format('keys')}) from ({inner}) as read"


def _contains_nothing(index: TableIndex) -> str:
    """Return the query on an inverted index of lists: each list contains all of an empty one."""
    return f"select count(*), null::bigint {index.rows} and {index.keys[0]} @> '{{}}'"


def _at_bounds(index: TableIndex) -> str:
    """Return the query on an index of ranges of pages, whose entries are bounds of their keys: the
    rows of each range in which the index finds the smallest and the largest key."""
    key, page_range = index.keys[0], f"(ctid::text::point)[0]::bigint / {index.pages}"
    # Not `exists`: PostgreSQL may answer that from all rows of the table at once.
    has = f"(select count(*) > 0 {index.rows} and {page_range} = page_range and {key} = {{}})"
    return f"""
        select coalesce(sum(number) filter (where {has.format("low")} and {has.format("high")}),
            0)::bigint, null::bigint
        from (select {page_range} as page_range, count(*) as number, min({key}) as low,
            max({key}) as high {index.rows} group by 1) as read"""


_HASH = "hash_record_extended({}, 0)"
_QUERIES = {"btree": _in_order, "gin": _contains_nothing, "brin": _at_bounds}
"""Queries by the kind of an index. An index of another kind is none of ours: the catalogue names
it."""
_BY_PAGES = """
set local enable_seqscan = on; set local enable_indexscan = off;
set local enable_indexonlyscan = off; set local enable_bitmapscan = off
"""
_BY_INDEX = """
set local enable_seqscan = off; set local enable_indexscan = on;
set local enable_indexonlyscan = on; set local enable_bitmapscan = on;
set local enable_sort = off; set local enable_incremental_sort = off
"""
# The options of a key: 1 is descending, 2 is nulls first.
_INDEXES = f"""
select format('%I.%I', nspname, c.relname) as table, i.relname::text as name,
    amname::text as method,
    array(select pg_get_indexdef(i.oid, k, true) from generate_series(1, indnkeyatts) k order by k)
        as keys,
    array(select case (option & 1) when 1 then 'desc ' else '' end
        || case (option & 2) when 2 then 'nulls first' else 'nulls last' end
        from unnest(indoption::int2[]) with ordinality as o (option, k) order by k) as order,
    coalesce(pg_get_expr(indpred, c.oid), 'true') as predicate,
    coalesce((select option_value::int from pg_options_to_table(i.reloptions)
        where option_name = 'pages_per_range'), 128) as pages,
    has_table_privilege(c.oid, 'select') as may_read
from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relkind in ('r', 'm')
join pg_index on indrelid = c.oid join pg_class i on i.oid = indexrelid and i.relkind = 'i'
join pg_am a on a.oid = i.relam
where nspname = any($1::text[]) and amname = any('{{{",".join(_QUERIES)}}}')
    and indisvalid and indisready and indislive
order by 1, 2
"""
"""An index that is not ready is not read by anyone: the catalogue names it."""
