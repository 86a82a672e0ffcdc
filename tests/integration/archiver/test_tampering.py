"""Whoever has all rights to the database changes the log, and is found out each time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from archiver.encryption import signed_note
from archiver.encryption.signed_note import Checkpoint
from archiver.log.entry import PlainColumns, entry_leaf_hash
from archiver.log.merkle import Tree, load_tree
from services import clock
from services.files import object_store
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of
from tests.support.integration.log_fixture import ENTRIES, FIRST_SIGNED, Log, conversation, logged

PLACE = 400
"""An entry in the second tile, which is signed with the second checkpoint alone."""
Deed = Callable[[Log], Awaitable[object]]


@pytest.fixture
async def log(pool: Pool, tmp_path: Path) -> AsyncIterator[Log]:
    async with logged(pool, tmp_path) as log:
        yield log


def sql(statement: str) -> Deed:
    async def deed(log: Log) -> object:
        return await log.pool.execute(statement)

    return deed


async def _again(log: Log, *, nodes: bool, head: bool, checkpoints: bool) -> None:
    """Compute the tree anew over what is there now, as somebody who knows how would."""
    rows = await log.pool.fetch("select * from archiver.entry order by position")
    tree = Tree()
    for place, row in enumerate(rows):
        open = PlainColumns(**{name: row[name] for name in PlainColumns.__struct_fields__})
        leaf = entry_leaf_hash(open, row["sealed"])
        tree.append(leaf)
        change = "update archiver.entry set leaf = $1, position = $2 where id = $3"
        await log.pool.execute(change, leaf, place, row["id"])
    if nodes:
        await log.pool.execute("delete from archiver.node")
        add = "insert into archiver.node (level, index, hash) values ($1, $2, $3)"
        await log.pool.executemany(add, tree.completed)
    if head:
        change = "update archiver.head set size = $1, peaks = $2"
        await log.pool.execute(change, tree.size, tree.edge_bytes())
    if checkpoints:
        await log.pool.execute("delete from archiver.checkpoint")


def _rewritten(statement: str, **again: bool) -> Deed:
    async def deed(log: Log) -> None:
        await log.pool.execute(statement)
        await _again(log, **({"nodes": True, "head": True, "checkpoints": True} | again))

    return deed


async def _swap_places(log: Log) -> None:
    await log.pool.execute(
        f"update archiver.entry set position = {2 * PLACE + 1} - position"
        f" where position in ({PLACE}, {PLACE + 1})"
    )


async def _swap_contents(log: Log) -> None:
    rows = await log.pool.fetch(
        f"select id, salt, sealed from archiver.entry where position in ({PLACE}, {PLACE + 1})"
    )
    change = "update archiver.entry set salt = $1, sealed = $2 where id = $3"
    for row, other in zip(rows, reversed(rows), strict=True):
        await log.pool.execute(change, row["salt"], row["sealed"], other["id"])


async def _forge(log: Log) -> None:
    """A checkpoint that somebody else signed."""
    row = await log.pool.fetchrow("select size, peaks from archiver.head")
    assert row
    root = load_tree(row["size"], row["peaks"]).root()
    made = Checkpoint(log.signer.origin, row["size"], root, clock.now())
    note = signed_note.sign_note(made, bytes(32))
    change = "update archiver.checkpoint set note = $1 where size = $2"
    await log.pool.execute(change, note, row["size"])


async def _roll_back(log: Log) -> None:
    """All as it was at the first checkpoint."""
    await log.pool.execute(
        f"delete from archiver.entry where position >= {FIRST_SIGNED};"
        f"delete from archiver.checkpoint where size > {FIRST_SIGNED}"
    )
    rows = await log.pool.fetch("select leaf from archiver.entry order by position")
    tree = Tree()
    for row in rows:
        tree.append(row["leaf"])
    await log.pool.execute("delete from archiver.node")
    add = "insert into archiver.node (level, index, hash) values ($1, $2, $3)"
    await log.pool.executemany(add, tree.completed)
    change = "update archiver.head set size = $1, peaks = $2"
    await log.pool.execute(change, tree.size, tree.edge_bytes())


CHANGE, DELETE = "update archiver.entry set", "delete from archiver.entry"
HEAD, NOTE = "update archiver.head set", "update archiver.checkpoint set note ="
UNSIGNED = f"delete from archiver.checkpoint where size = {ENTRIES}"
KEYLESS = "delete from archiver.conversation_key where conversation ="
ONE = f"where position = {PLACE}"
CHANGED = f"{CHANGE} department = 'afval' {ONE}"
COPIED = """
insert into archiver.entry (id, position, kind, at, tenant, conversation, department, message,
    receipt, item, sequence, salt, sealed, leaf)
select gen_random_uuid(), {}, kind, at, tenant, conversation, department, message, receipt, item,
    sequence, salt, sealed, leaf from archiver.entry
"""
DEEDS: list[tuple[str, Deed, str, int | None]] = [
    (
        "a byte of what is sealed",
        sql(f"{CHANGE} sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) {ONE}"),
        "altered",
        PLACE,
    ),
    *[
        (f"its {column}", sql(f"{CHANGE} {column} = {value} {ONE}"), "altered", PLACE)
        for column, value in [
            ("kind", "'note'"),
            ("at", "at + interval '1 microsecond'"),
            ("tenant", "'hengelo'"),
            ("conversation", f"'{conversation(1)}'"),
            ("department", "'afval'"),
            ("message", "gen_random_uuid()"),
            ("receipt", "gen_random_uuid()"),
            ("item", "7"),
            ("sequence", "sequence + 1"),
            ("id", "archiver.first_id(now())"),
            ("leaf", "sha256(leaf)"),
        ]
    ],
    ("its salt", sql(f"update archiver.entry set salt = sha256(salt) {ONE}"), "salt", PLACE),
    ("its salt taken away", sql(f"update archiver.entry set salt = null {ONE}"), "salt", PLACE),
    ("it is taken out", sql(f"delete from archiver.entry {ONE}"), "missing", PLACE),
    (
        "the last one is taken out",
        sql(f"{DELETE} where position = {ENTRIES - 1}"),
        "short",
        ENTRIES - 1,
    ),
    ("two change places", _swap_places, "tile", 256),
    ("two change what is in them", _swap_contents, "altered", PLACE),
    ("one is put in between", sql(COPIED.format(PLACE) + ONE), "doubled", PLACE),
    ("one is put at the end", sql(COPIED.format(ENTRIES) + ONE), "altered", ENTRIES),
    (
        "it is changed with its leaf",
        _rewritten(CHANGED, nodes=False, head=False, checkpoints=False),
        "tile",
        256,
    ),
    (
        "it is changed with its leaf and all hashes over it",
        _rewritten(CHANGED, checkpoints=False),
        "root",
        FIRST_SIGNED,
    ),
    (
        "all of the database is made to fit",
        _rewritten(CHANGED),
        "root",
        FIRST_SIGNED,
    ),
    (
        "one is taken out, and all made to fit",
        _rewritten(f"delete from archiver.entry {ONE}"),
        "short",
        ENTRIES - 1,
    ),
    ("all is as it was long ago", _roll_back, "short", FIRST_SIGNED),
    ("a hash that was kept", sql("update archiver.node set hash = sha256(hash)"), "tile", 0),
    (
        "a hash that was kept is taken out",
        sql("delete from archiver.node where index = 1"),
        "node",
        256,
    ),
    ("a hash of nothing is kept", sql("insert into archiver.node values (8, 9, '')"), "node", None),
    ("the head", sql(f"{HEAD} peaks = set_byte(peaks, 0, get_byte(peaks, 0) # 1)"), "head", None),
    ("the head is broken", sql(f"{HEAD} size = size + 1"), "head", None),
    ("the head is gone", sql("delete from archiver.head"), "head", None),
    ("a checkpoint", sql(f"{NOTE} replace(note, '700', '600')"), "checkpoint", ENTRIES),
    ("a checkpoint of somebody else", _forge, "checkpoint", ENTRIES),
    ("a checkpoint is taken out", sql(UNSIGNED), "checkpoint", ENTRIES),
    ("a conversation's key is taken away", sql(f"{KEYLESS} '{conversation(80)}'"), "key", PLACE),
]


async def test_what_nobody_touched_is_as_it_was(log: Log) -> None:
    assert await log.findings() == []
    await log.grow(1000)
    assert await log.findings() == [], "what is not signed yet too"
    await log.sign()
    assert await log.findings() == []


@pytest.mark.parametrize(
    ("deed", "what", "position"), [each[1:] for each in DEEDS], ids=[each[0] for each in DEEDS]
)
async def test_every_deed_is_found_and_named(
    log: Log, deed: Deed, what: str, position: int | None
) -> None:
    await deed(log)
    found = await log.findings()
    assert (what, position) in [(one.what, one.position) for one in found], found[:3]


async def test_a_key_that_opens_no_more_is_found_by_whoever_has_the_master_key(log: Log) -> None:
    await log.pool.execute(
        "update archiver.conversation_key"
        " set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) where conversation = $1",
        conversation(3),
    )
    assert await log.findings() == []
    [found] = await log.findings(keys=await keys_of(log.pool))
    assert (found.what, conversation(3) in found.sentence) == ("key", True)


async def test_a_checkpoint_that_is_missing_outside_is_said(log: Log, tmp_path: Path) -> None:
    for path in (tmp_path / "outside" / "checkpoint").iterdir():
        if path.name.endswith(f"{ENTRIES}"):
            path.unlink()
    [found] = await log.findings()
    assert (found.what, found.position) == ("outside", ENTRIES)


async def test_since_then_looks_at_what_came_since_and_at_no_more(log: Log) -> None:
    await log.grow(600)
    before = clock.now()
    await log.grow(600)
    await log.sign()
    await log.pool.execute("update archiver.entry set department = 'x' where position = 100")
    await log.pool.execute("update archiver.entry set department = 'x' where position = 1500")
    assert [one.position for one in await log.findings(since=before)] == [1500]
    assert [one.position for one in await log.findings()] == [100, 1500]


async def test_without_the_hashes_of_before_it_begins_at_the_beginning(log: Log) -> None:
    await log.grow(600)
    await log.sign()
    after = clock.now()
    await log.pool.execute("delete from archiver.node where index = 1")
    found = await log.findings(since=after)
    assert [one.what for one in found][:2] == ["node", "node"]


async def test_what_was_destroyed_with_a_word_is_no_finding(log: Log) -> None:
    destroyer = log.destroyer
    await destroyer.erase_conversation("almelo", conversation(3), "test")
    await destroyer.erase_entry(log.records[PLACE].id, "test")
    assert await log.findings() == []
    await log.pool.execute(f"delete from archiver.entry where position = {PLACE}")
    assert [one.what for one in await log.findings()][:1] == ["missing"]


async def test_what_was_signed_while_the_store_outside_was_away_is_kept_there_afterwards(
    log: Log, tmp_path: Path
) -> None:
    """As when an archiver ends between the table and the store."""
    there, away = log.outside, ObjectStore((tmp_path / "away").as_uri())
    (tmp_path / "away" / "checkpoint").write_text("a file where the folder should be")
    log.outside = away
    for _ in range(2):
        await log.grow(10)
        with pytest.raises(StoreUnavailable):
            await log.sign()
    log.outside = there
    sizes = [ENTRIES + 10, ENTRIES + 20]
    assert [one.what for one in await log.findings()] == ["outside"] * 2
    assert await log.sign() == sizes[-1]
    assert await log.findings() == []
    assert all([await there.exists(object_store.checkpoint_key(size)) for size in sizes])
