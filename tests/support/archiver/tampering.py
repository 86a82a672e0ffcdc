"""Changes that a person with all rights, and no key, makes to a log."""

from collections.abc import Awaitable, Callable

from archiver.log.entry import PlainColumns, entry_leaf_hash
from services.postgres.database import Pool
from services.transparency.merkle import Tree, load_tree
from tests.support.archiver.signed_log import Log, conversation

Deed = Callable[[Log], Awaitable[object]]
SET_HEAD = "update archiver.head set size = $1, peaks = $2"
OTHER_COLUMNS = {
    "kind": "'note'",
    "at": "at + interval '1 microsecond'",
    "tenant": "'hengelo'",
    "conversation": f"'{conversation(1)}'",
    "department": "'afval'",
    "message": "gen_random_uuid()",
    "receipt": "gen_random_uuid()",
    "item": "7",
    "sequence": "sequence + 1",
    "id": "archiver.first_id(now())",
}
"""Plain column of an entry -> another value for it, in SQL."""
COPY_OF_ENTRY = """
insert into archiver.entry (id, position, kind, at, tenant, conversation, department, message,
    receipt, item, sequence, salt, sealed, leaf)
select gen_random_uuid(), {}, kind, at, tenant, conversation, department, message, receipt, item,
    sequence, salt, sealed, leaf from archiver.entry
"""


async def store_tree(pool: Pool, tree: Tree, *, nodes: bool = True, head: bool = True) -> None:
    if nodes:
        await pool.execute("delete from archiver.node")
        add = "insert into archiver.node (level, index, hash) values ($1, $2, $3)"
        await pool.executemany(add, tree.completed)
    if head:
        await pool.execute(SET_HEAD, tree.size, tree.edge_bytes())


async def rebuild_tree(pool: Pool, *, nodes: bool = True, head: bool = True) -> None:
    """Compute all hashes again over the entries as they are now."""
    tree, changes = Tree(), []
    for position, row in enumerate(
        await pool.fetch("select * from archiver.entry order by position")
    ):
        columns = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
        leaf = entry_leaf_hash(columns, row["sealed"])
        tree.append(leaf)
        changes.append((leaf, position, row["id"]))
    change = "update archiver.entry set leaf = $1, position = $2 where id = $3"
    await pool.executemany(change, changes)
    await store_tree(pool, tree, nodes=nodes, head=head)


def rewrite(
    statement: str, *, nodes: bool = True, head: bool = True, checkpoints: bool = True
) -> Deed:
    """Change the entries, and make the rest of the database fit."""

    async def deed(log: Log) -> None:
        await log.pool.execute(statement)
        await rebuild_tree(log.pool, nodes=nodes, head=head)
        if checkpoints:
            await log.pool.execute("delete from archiver.checkpoint")

    return deed


async def load_head(pool: Pool) -> Tree:
    row = await pool.fetchrow("select size, peaks from archiver.head")
    assert row
    return load_tree(row["size"], row["peaks"])


async def insert_entry(pool: Pool, columns: dict[str, object], leaf: bytes) -> int:
    """Add an entry as the archiver does, without its keys, and return its position."""
    tree = await load_head(pool)
    row = columns | {"position": tree.size, "leaf": leaf}
    places = ", ".join(f"${n + 1}" for n in range(len(row)))
    add = f"insert into archiver.entry ({', '.join(row)}) values ({places})"
    await pool.execute(add, *row.values())
    tree.append(leaf)
    await pool.execute(SET_HEAD, tree.size, tree.edge_bytes())
    return tree.size - 1
