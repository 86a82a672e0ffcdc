"""A municipality in a package: written from one database, loaded into another with other keys."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.audit.checkpoints import Trust
from archiver.audit.former_logs import verify_former_logs
from archiver.audit.log import VerifyOptions, verify_log
from archiver.audit.log_walk import Finding
from archiver.audit.rows.rows_beside import Unseen, verify_rows
from archiver.audit.search_index import verify_index
from archiver.destruction.hash_renewal import HashRenewer
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.retention.dossier_follower import DossierFollower
from archiver.signing.signer import Signer
from cli.tenant import packer
from cli.tenant.loader import AT_ONCE, Loader
from cli.tenant.package import (
    LEAVES,
    MANIFEST,
    Package,
    PackageRefused,
    line_name,
)
from cli.tenant.resealing import SEALED, open_row
from cli.tenant.rows import ALL_GIVEN, LEFT, TABLES, Table
from services import clock
from services.sealing.columns import NAME_COLUMNS, SEALED_COLUMNS
from tests.support.archiver.destruction_history import DestructionHistory
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import NUMBER, id_of
from tests.support.archiver.signed_log import conversation
from tests.support.cli.one_of_each import add_one_of_each
from tests.support.cli.two_installations import (
    PLACE,
    TRANSPORT,
    Side,
    loaded,
    packed,
    quiet,
    write,
)
from tests.support.working_keys import install_test_keys

HENGELO = "206540352242923"


class Killed(Exception):
    """End of a run amid its work."""


async def test_each_row_comes_with_what_is_sealed_in_it_and_no_row_of_another(
    old: Side, new: Side, tmp_path: Path
) -> None:
    install_test_keys()
    await write(old, 40)
    await add_one_of_each(old.pool, "almelo", NUMBER, 7)
    await add_one_of_each(old.pool, "hengelo", HENGELO, 8)
    await packed(old, tmp_path / "package")
    before = {table: await rows_of(old, table) for table in TABLES}
    assert (await loaded(new, tmp_path / "package")).is_whole
    for table in TABLES:
        assert before[table], table.name
        assert await rows_of(new, table) == before[table], table.name
    assert await new.pool.fetchval("select count(*) from router.conversation") == 1
    assert await new.contents("almelo") == await old.contents("almelo")


async def test_package_takes_what_came_since_and_destroys_what_was_destroyed(
    old: Side, new: Side, tmp_path: Path
) -> None:
    folder = tmp_path / "package"
    await write(old, 30)
    await write(old, 5, tenant="hengelo", first=30)
    await packed(old, folder, is_final=False)
    await write(new, 12, tenant="enschede", first=100)
    first = await loaded(new, folder)
    assert (first.entries, first.is_whole) == (30, False)
    assert await new.contents("almelo") == await old.contents("almelo")
    await write(old, 20, first=40)
    gone = conversation(1)
    await eraser_of(old.pool, old.keys, old.folder).erase_conversation("almelo", gone, "test")
    renewer = HashRenewer(old.pool, old.keys)
    await renewer.begin("almelo")
    with pytest.raises(PackageRefused, match="hashed anew"):
        await packed(old, folder)
    while await renewer.renew_batch("almelo") is not None:
        pass
    await write(new, 7, tenant="enschede", first=200)
    await packed(old, folder)
    second = await loaded(new, folder)
    assert (second.entries, second.is_whole) == (21, True), "and the record of the destruction"
    assert await new.contents("almelo") == await old.contents("almelo")
    assert await new.contents("hengelo") == {}
    assert len(await new.contents("enschede")) == 19
    assert (await loaded(new, folder)).entries == 0
    assert await key_versions(new, gone) == await key_versions(old, gone) == (0, [2])
    assert await findings(new) == []


async def key_versions(side: Side, gone: str) -> tuple[int, list[int]]:
    """Number of keys of a conversation, and the keys of hashes that the municipality has."""
    keys = "select count(*) from archiver.conversation_key where conversation = $1"
    hashes = """select array_agg(version) from archiver.municipality_key
        where tenant = 'almelo' and purpose = 'hash'"""
    return await side.pool.fetchval(keys, gone), await side.pool.fetchval(hashes)


async def findings(side: Side) -> list[Finding]:
    """Faults of the log here, of places in that of before, and of the index."""
    size = await side.pool.fetchval("select size from archiver.head")
    signer = Signer("new/log", bytes(32))
    assert (await sign_checkpoint(side.pool, signer, side.store)).size == size
    trust = VerifyOptions(trust=Trust(signer.origin, signer.public_key), keys=side.keys)
    unseen = list[str]()
    async with side.pool.acquire() as connection, connection.transaction():
        found = [each async for each in verify_log(connection, trust, quiet)]
        found += [each async for each in verify_former_logs(connection, side.keys, unseen)]
        index = verify_index(connection, side.keys, quiet)
        found += [each async for each in index]
        rows = verify_rows(connection, side.keys, Unseen())
        found += [each async for each in rows]
    assert unseen == []
    return found


TAMPERINGS = {
    "update archiver.former_leaves set leaves = overlay(leaves placing '\\x00' from 70)":
        "are not what was signed there",
    "delete from archiver.former_leaves": "are not what was signed there",
    "update archiver.former_log set size = size - 1": "are not what was signed there",
    "update archiver.former_log set note = replace(note, 'old', 'odd')": "the checkpoint of",
    "update archiver.former_entry set leaf = sha256(leaf) where position = 3":
        "is not what it was in the log that it came from",
    "update archiver.entry set sealed = sha256(sealed) where position = 3":
        "is not what it was in the log that it came from",
    "update archiver.entry set department = 'geheim' where position = 3":
        "is not what it was in the log that it came from",
    "delete from archiver.entry where position = 3": "that came from another log is gone",
    "update archiver.former_entry set sealed = sha256(sealed) where key is not null":
        "is not what it was in the log that it came from",
    "update archiver.former_entry set key = null":
        "is not what it said in the log that it came from",
    "update archiver.former_entry set key = sha256(key) where key is not null":
        "is not what it said in the log that it came from",
}  # fmt: skip
"""Deed of whoever may write all tables -> what is found."""


async def test_each_change_to_what_is_kept_of_the_log_of_before_is_found(
    old: Side, new: Side, tmp_path: Path
) -> None:
    await write(old, 10)
    await eraser_of(old.pool, old.keys, old.folder).erase_conversation(
        "almelo", conversation(1), "test"
    )
    await packed(old, tmp_path / "package")
    await loaded(new, tmp_path / "package")
    assert await former_findings(new, "select 1") == []
    for deed, said in TAMPERINGS.items():
        found = await former_findings(new, deed)
        assert any(said in each for each in found), (deed, found)


async def former_findings(side: Side, deed: str) -> list[str]:
    """Faults of what came from another log, after a deed that is undone."""
    async with side.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(deed)
        audit = verify_former_logs(connection, side.keys, [])
        found = [each.sentence async for each in audit]
        await transaction.rollback()
    return found


async def test_lists_holds_and_destructions_are_what_their_steps_say_there(
    old: Side, new: Side, tmp_path: Path
) -> None:
    install_test_keys()
    history = DestructionHistory(old.pool, old.keys, old.folder)
    await history.close("weg", "vast", "later")
    held = await history.hold(conversation=id_of("vast"))
    list = await history.draw()
    await history.spare(list, "later", clock.now().date() + timedelta(days=90))
    await history.approve(list)
    await history.destroyer.carry_out_due()
    states = {
        row["state"] for row in await old.pool.fetch("select state from archiver.destruction_item")
    }
    assert "destroyed" in states
    await packed(old, tmp_path / "package", is_final=False)
    await loaded(new, tmp_path / "package")
    await history.lift(held)
    await history.close("nieuw")
    await packed(old, tmp_path / "package")
    await loaded(new, tmp_path / "package")
    follower = DossierFollower(new.pool, new.keys, lambda: history.config)
    await follower.catch_up()
    assert await findings(new) == []
    assert await new.contents("almelo") == await old.contents("almelo")


async def test_load_that_was_killed_goes_on_where_it_was(
    old: Side, new: Side, tmp_path: Path
) -> None:
    await write(old, 700)
    await packed(old, tmp_path / "package")
    loads = 0

    async def append(self: Loader, *given: Any) -> None:
        nonlocal loads
        loads += 1
        if loads == 2:
            raise Killed
        await kept(self, *given)

    kept, Loader._append = Loader._append, append  # type: ignore[method-assign]
    try:
        with pytest.raises(Killed):
            await loaded(new, tmp_path / "package")
    finally:
        Loader._append = kept  # type: ignore[method-assign]
    assert await new.pool.fetchval("select size from archiver.head") == AT_ONCE
    again = await loaded(new, tmp_path / "package")
    assert (again.entries, again.known, again.is_whole) == (700 - AT_ONCE, AT_ONCE, True)
    assert await new.contents("almelo") == await old.contents("almelo")
    assert await findings(new) == []


async def test_export_that_was_killed_goes_on_where_it_was(
    old: Side, new: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packer, "WINDOW", 64)
    await write(old, 200)
    folder, seen = tmp_path / "package", list[int]()

    def kill(done: int, of: int) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise Killed

    with pytest.raises(Killed):
        await packed(old, folder, is_final=False, progress=kill)
    (folder / "entries" / "000000000128.jsonl").write_text("half of a li")
    again = list[int]()
    await packed(old, folder, progress=lambda done, of: again.append(done))
    assert (seen, again) == ([64, 128], [64, 72]), "it went on behind what was there"
    await loaded(new, folder)
    assert await new.contents("almelo") == await old.contents("almelo")
    assert await findings(new) == []


def change_entry(folder: Path) -> None:
    """Change one letter of what is sealed, and name the file as it is then."""
    [chunk] = (folder / "entries").iterdir()
    lines = chunk.read_bytes().splitlines(keepends=True)
    packed = msgspec.json.decode(lines[3])
    packed["department"] = "geheim"
    sealed = packed["sealed"]
    packed["sealed"] = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
    lines[3] = msgspec.json.encode(packed) + b"\n"
    chunk.write_bytes(b"".join(lines))
    package = Package(folder, TRANSPORT)
    manifest = package.read_manifest()
    assert manifest
    manifest.chunks[0] = msgspec.structs.replace(
        manifest.chunks[0], file=package.mark(manifest.chunks[0].name, len(lines))
    )
    package.write_manifest(manifest)


def change_leaf(folder: Path) -> None:
    leaves = bytearray((folder / LEAVES).read_bytes())
    leaves[5] ^= 1
    (folder / LEAVES).write_bytes(leaves)


def change_manifest(folder: Path) -> None:
    path = folder / MANIFEST
    path.write_text(path.read_text().replace('"tenant": "almelo"', '"tenant": "hengelo"'))


def change_rows(folder: Path) -> None:
    path = folder / "rows" / "router.conversation"
    path.write_bytes(path.read_bytes() + b"x")


def lose_chunk(folder: Path) -> None:
    [chunk] = (folder / "entries").iterdir()
    chunk.unlink()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_entry, "is not the one that the log has there"),
        (change_leaf, "are not those that its checkpoint signed"),
        (change_manifest, "was altered, or the key is of another package"),
        (change_rows, "is not the file that the manifest names"),
        (lose_chunk, "is missing"),
    ],
)
async def test_altered_package_is_refused(
    old: Side, new: Side, tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    await write(old, 10)
    await packed(old, tmp_path / "package")
    change(tmp_path / "package")
    with pytest.raises(PackageRefused, match=said):
        await loaded(new, tmp_path / "package")
    assert await new.pool.fetchval("select count(*) from archiver.searchable") == 0


async def test_package_that_is_older_than_what_was_loaded_is_refused(
    old: Side, new: Side, tmp_path: Path
) -> None:
    await write(old, 10)
    await packed(old, tmp_path / "package", is_final=False)
    shutil.copytree(tmp_path / "package", tmp_path / "older")
    await write(old, 5, first=10)
    await packed(old, tmp_path / "package")
    await loaded(new, tmp_path / "package")
    with pytest.raises(PackageRefused, match="an older state"):
        await loaded(new, tmp_path / "older")


async def test_municipality_does_not_come_back_to_where_it_was_destroyed(
    old: Side, tmp_path: Path
) -> None:
    await write(old, 10)
    await packed(old, tmp_path / "package")
    await eraser_of(old.pool, old.keys, old.folder).erase_municipality("almelo", "moved")
    with pytest.raises(PackageRefused, match="does not come back"):
        await loaded(old, tmp_path / "package")
    assert len(await old.contents("almelo")) == 1, "the record of the destruction alone"


@pytest.mark.parametrize("table", ["router.conversation", "router.timer", "archiver.hold"])
async def test_row_of_another_municipality_is_refused(
    old: Side, new: Side, tmp_path: Path, table: str
) -> None:
    install_test_keys()
    await add_one_of_each(old.pool, "almelo", NUMBER, 7)
    await packed(old, tmp_path / "package")
    package, name = Package(tmp_path / "package", TRANSPORT), f"rows/{table}"
    manifest = package.read_manifest()
    assert manifest
    [line] = [msgspec.json.decode(each) for each in package.sealed_lines(name)]
    line["row"] |= {"number": HENGELO} if table == "router.timer" else {"tenant": "hengelo"}
    with package.writing(name) as file:
        file.write(TRANSPORT.seal_line(line, line_name(name, 0)))
    manifest.files[name] = package.mark(name, 1)
    package.write_manifest(manifest)
    with pytest.raises(PackageRefused, match="of another municipality"):
        await loaded(new, tmp_path / "package")


async def test_neighbour_gets_new_keys_while_those_of_a_municipality_are_loaded(
    old: Side, new: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(old, 10)
    await packed(old, tmp_path / "package")
    made = asyncio.Event()

    async def load(self: Loader) -> None:
        async with asyncio.timeout(10):
            await new.keys.ensure_conversation_keys([("enschede", conversation(500))])
        made.set()
        await loads(self)

    loads = Loader._load_conversation_keys
    monkeypatch.setattr(Loader, "_load_conversation_keys", load)
    await loaded(new, tmp_path / "package")
    assert made.is_set()
    assert await new.contents("almelo") == await old.contents("almelo")


async def test_package_comes_only_where_nothing_of_it_is(
    old: Side, new: Side, tmp_path: Path
) -> None:
    await write(old, 10)
    await packed(old, tmp_path / "package")
    await write(new, 1, first=50)
    with pytest.raises(PackageRefused, match="has a record of its own here"):
        await loaded(new, tmp_path / "package")


async def test_name_that_another_municipality_has_here_is_refused(
    old: Side, new: Side, tmp_path: Path
) -> None:
    install_test_keys()
    await add_one_of_each(old.pool, "almelo", NUMBER, 7)
    await packed(old, tmp_path / "package")
    await add_one_of_each(new.pool, "hengelo", HENGELO, 7)
    with pytest.raises(PackageRefused, match="AVG-2026-0007"):
        await loaded(new, tmp_path / "package")


async def test_municipality_that_started_takes_late_entries_and_nothing_else(
    old: Side, new: Side, tmp_path: Path
) -> None:
    await write(old, 10)
    await packed(old, tmp_path / "package")
    await loaded(new, tmp_path / "package")
    await new.pool.execute("delete from sharing.stopped_number")
    await write(old, 1, first=9)
    await write(old, 2, first=400)
    gone = conversation(1)
    await eraser_of(new.pool, new.keys, new.folder).erase_conversation("almelo", gone, "test")
    await packed(old, tmp_path / "package")
    late = await loaded(new, tmp_path / "package")
    assert (late.entries, late.is_whole) == (2, True), "one is of a destroyed conversation"
    assert await new.pool.fetchval("select count(*) from sharing.stopped_number") == 0
    kept, here = await old.contents("almelo"), await new.contents("almelo")
    assert len(here) == 5 + 2 + 1, "those of the destroyed conversation stay destroyed"
    assert {id: kept[id] for id in kept.keys() & here} == {
        id: here[id] for id in kept.keys() & here
    }
    assert await findings(new) == []


async def test_every_table_is_carried_or_has_a_reason(old: Side) -> None:
    names = {row["name"] for row in await old.pool.fetch(_TABLES)}
    assert names == {each.name for each in TABLES} | set(LEFT)


def test_every_sealed_column_of_a_carried_table_is_sealed_anew() -> None:
    carried = {each.name for each in TABLES}
    sealed = {name for name in (*SEALED_COLUMNS, *NAME_COLUMNS) if table_of(name) in carried}
    assert sealed == {f"{table}.{each.name}" for table in SEALED for each in SEALED[table]}


def table_of(column: str) -> str:
    return column.rpartition(".")[0]


_TABLES = """
select n.nspname || '.' || c.relname as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition
    and n.nspname not in ('pg_catalog', 'information_schema', 'public') and n.nspname !~ '^pg_'
"""


async def rows_of(side: Side, table: Table) -> list[dict[str, Any]]:
    """Rows of the municipality in a table, with what is sealed in them; without what each
    installation gives anew."""
    sealed = [each.name for each in SEALED.get(table.name, ())]
    given = [*table.without, *sealed, "seal", *ANEW.get(table.name, ())]
    values = PLACE.tenant, list(PLACE.numbers), list(PLACE.own_destinations), given
    sql = f"""
    select (to_jsonb(t) - $4::text[])::text as row, t.* from {table.name} t
    where {table.where} and {ALL_GIVEN} {OLDER.get(table.name, "")} order by {table.order}
    """
    rows = await side.pool.fetch(sql, *values)
    return [
        msgspec.json.decode(row["row"]) | {"open": open_row(table.name, dict(row))} for row in rows
    ]


ANEW = {
    "archiver.searchable": ("position",),
    "archiver.disclosure_document": ("up_to",),
    "gateway.command": ("fingerprint",),
    "router.held": ("n",),
    "router.inbox": ("xact",),
    "deliverer.ledger": ("position",),
    "deliverer.found_command": ("position",),
}
"""Table -> places in the log, and numbers that the database gives."""
OLDER = {
    "archiver.former_log": "and t.origin = 'older'",
    "archiver.former_entry": "and t.origin = 'older'",
}
"""Rows that came along, beside those about the log that the municipality comes from."""
