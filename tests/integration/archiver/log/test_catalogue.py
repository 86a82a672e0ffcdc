"""`archive verify` names whatever makes the tables of the record other than the migrations did."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from archiver.audit import catalogue
from archiver.audit.catalogue import format_catalogue, load_catalogue, verify_catalogue
from archiver.audit.service_role import read_as_service
from services.postgres.database import Connection, Pool, connection_pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.signed_log import Log

FILE = Path(catalogue.__file__).with_name("catalogue.toml")
FUNCTION = """
create function public.swallow() returns trigger language plpgsql as $$ begin return null; end $$
"""
MANIPULATIONS = {
    "alter table archiver.entry enable row level security": (
        "archiver.entry", "row-level security"),
    "alter table archiver.media force row level security": ("archiver.media", "for the owner too"),
    "create policy p on archiver.entry using (position < 3)": ("archiver.entry", "policy p for *"),
    f"{FUNCTION}; create trigger t before insert on archiver.checkpoint for each row"
    " execute function public.swallow()": ("archiver.checkpoint", "CREATE TRIGGER t BEFORE"),
    "alter table access.operation disable trigger stamp": ("access.operation", "(enabled: D)"),
    "drop trigger check_working_key on sealing.working_key": (
        "sealing.working_key", "it lacks CREATE TRIGGER check_working_key"),
    "create rule r as on insert to archiver.node do instead nothing": (
        "archiver.node", "CREATE RULE r AS"),
    "alter table archiver.head drop constraint head_only_one_check": (
        "archiver.head", "it lacks constraint head_only_one_check"),
    "alter table access.token drop constraint token_hash_key": (
        "access.token", "constraint token_hash_key UNIQUE (hash)"),
    "drop index archiver.media_ciphertext": ("archiver.media", "media_ciphertext"),
    "alter table archiver.conversation_key disable trigger all": (
        "archiver.conversation_key", "a disabled trigger of the constraint"),
    "alter table archiver.media rename to media_of_before; create view archiver.media as"
    " select * from archiver.media_of_before where state = 'available'": (
        "archiver.media", "it has a view"),
    "create table public.more () inherits (archiver.media)": ("archiver.media", "public.more"),
    "alter table archiver.entry detach partition archiver.entry_elsewhere": (
        "archiver.entry_elsewhere", "it lacks its place as partition of archiver.entry"),
    "alter table archiver.media alter column size type int": (
        "archiver.media", "column size integer"),
    "alter table archiver.media alter column scanned set default true": (
        "archiver.media", "default true"),
    "alter table archiver.entry owner to postkamer_archiver": (
        "archiver.entry", "the owner postkamer_archiver"),
    "grant delete on archiver.entry to postkamer_archiver": (
        "archiver.entry", "grant of delete to postkamer_archiver"),
    "grant update (salt) on archiver.entry to postkamer_gateway": (
        "archiver.entry", "grant of update (salt) to postkamer_gateway"),
    "revoke select on archiver.checkpoint from postkamer_archiver": (
        "archiver.checkpoint", "it lacks grant of select to postkamer_archiver"),
    "create or replace function access.stamp_operation() returns trigger language plpgsql"
    " set search_path = pg_catalog as $$ begin return null; end $$": (
        "access.stamp_operation()", "body"),
    "drop table archiver.quarantine": ("archiver.quarantine", "is gone"),
    "create table archiver.other (id int)": ("archiver.other", "no migration made it"),
}  # fmt: skip


@asynccontextmanager
async def undone(connection: Connection) -> AsyncIterator[None]:
    """Undo what is done: other tests use the same tables."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


async def differences(connection: Connection) -> list[str]:
    return [finding.sentence for finding in await verify_catalogue(connection)]


async def test_catalogue_file_is_what_the_migrations_make(migrated: str) -> None:
    """After a new migration: `python -m archiver.audit.catalogue URL`."""
    async with (
        connection_pool(migrated, "test", 1) as pool,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        assert format_catalogue(await load_catalogue(connection)) == FILE.read_text()


async def test_months_of_the_record_are_all_alike(pool: Pool) -> None:
    async with pool.acquire() as connection, undone(connection):
        for table in ("entry", "searchable"):
            await connection.execute(f"select archiver.make_months_of('{table}', '2027-01-01', 12)")
        await connection.execute("select archiver.make_processing_months('2027-01-01', 12)")
        assert await differences(connection) == []
        await connection.execute("create rule r as on insert to archiver.entry_2027_05 do nothing")
        [sentence] = await differences(connection)
    assert sentence.startswith("archiver.entry_2027_05 is not as the migrations made it: it has")


@pytest.mark.parametrize("change", MANIPULATIONS, ids=lambda change: change[:50])
async def test_changed_table_is_named(pool: Pool, change: str) -> None:
    name, difference = MANIPULATIONS[change]
    async with pool.acquire() as connection, undone(connection):
        assert await differences(connection) == []
        await connection.execute(change)
        found = await differences(connection)
    assert [each for each in found if each.startswith(name) and difference in each], found


async def test_setting_that_stops_triggers_is_named(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "alter role postkamer_archiver in database reused set row_security = off"
        )
        [sentence] = await differences(connection)
        assert sentence.startswith("role postkamer_archiver: no migration made it")
        await connection.execute("alter role postkamer_archiver in database reused reset all")


async def test_verify_sees_what_the_archiver_sees(log: Log, archive: Archive, pool: Pool) -> None:
    """The owner, who is above the policies, would see everything."""
    await pool.execute(
        "alter table archiver.entry enable row level security;"
        "create policy p on archiver.entry to postkamer_archiver using (position <> 7)"
    )
    report = await archive.json("verify", code=1)
    assert [each["what"] for each in report["tableFindings"]] == ["catalogue"]
    assert ("missing", 7) in [(each["what"], each["position"]) for each in report["findings"]]
    said = (await archive("verify", code=1)).stdout
    assert "archiver.entry is not as the migrations made it: it has policy p" in said


async def test_verify_reads_on_when_a_right_of_the_archiver_is_gone(
    log: Log, archive: Archive, pool: Pool
) -> None:
    await pool.execute("revoke select on archiver.node from postkamer_archiver")
    report = await archive.json("verify", code=1)
    assert [each["sentence"] for each in report["tableFindings"]] == [
        "archiver.node is not as the migrations made it: it lacks grant of select to"
        " postkamer_archiver"
    ]
    # The log itself is whole; its signer is another one than the command's.
    assert {each["what"] for each in report["findings"]} <= {"checkpoint", "outside"}


async def test_login_that_may_not_be_the_archiver_reads_as_itself(pool: Pool) -> None:
    async with pool.acquire() as connection, undone(connection):
        await connection.execute("set local session authorization postkamer_router")
        assert not await read_as_service(connection)
        assert await connection.fetchval("select current_user") == "postkamer_router"
    async with pool.acquire() as connection, undone(connection):
        assert await read_as_service(connection)
        assert await connection.fetchval("select current_user") == "postkamer_archiver"
