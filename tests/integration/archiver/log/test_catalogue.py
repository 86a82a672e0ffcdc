"""`archive verify` knows the tables of the record as the migrations make them. The table of
tamperings has what it names."""

from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path

from archiver.audit import catalogue
from archiver.audit.catalogue import format_catalogue, load_catalogue, verify_catalogue
from archiver.audit.service_role import read_as_service
from deploy.local.postgresql import Database, binaries
from services.postgres.database import Connection, Pool, connection_pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.signed_log import Log
from tests.support.archiver.undone import undone
from tests.support.observer import until

FILE = Path(catalogue.__file__).with_name("catalogue.toml")


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


async def test_restored_dump_is_as_the_migrations_made_it(migrated: str, server: Database) -> None:
    """PostgreSQL prints a column without a name otherwise when it has read its own text."""
    _, programs = binaries(server.folder / "data")
    server.execute("create database restored", "postgres")
    restored = server.url.rpartition("/")[0] + "/restored"
    dump = await run(programs / "pg_dump", "--schema-only", migrated)
    await run(programs / "psql", "-qv", "ON_ERROR_STOP=1", restored, given=dump)
    async with (
        connection_pool(restored, "test", 1) as pool,
        pool.acquire() as connection,
        connection.transaction(),
    ):
        assert await differences(connection) == []
    server.execute("drop database restored", "postgres")


async def run(*command: Path | str, given: bytes = b"") -> bytes:
    process = await create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    printed, _ = await process.communicate(given)
    assert process.returncode == 0
    return printed


async def test_months_of_the_record_are_all_alike(pool: Pool) -> None:
    async with pool.acquire() as connection, undone(connection):
        for table in ("entry", "searchable"):
            await connection.execute(f"select archiver.make_months_of('{table}', '2027-01-01', 12)")
        await connection.execute("select archiver.make_processing_months('2027-01-01', 12)")
        assert await differences(connection) == []
        await connection.execute("create rule r as on insert to archiver.entry_2027_05 do nothing")
        [sentence] = await differences(connection)
    assert sentence.startswith("archiver.entry_2027_05 is not as the migrations made it: it has")


async def test_setting_that_stops_triggers_is_named(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "alter role postkamer_archiver in database reused set row_security = off"
        )
        [sentence] = await differences(connection)
        assert sentence.startswith("role postkamer_archiver is not as the migrations made it")
        await connection.execute("alter role postkamer_archiver in database reused reset all")


async def set_on_server(pool: Pool, change: str, expected: list[str]) -> None:
    """Change the server's settings, and wait until a session has them."""

    async def look() -> list[str]:
        async with pool.acquire() as connection, connection.transaction():
            return await differences(connection)

    await pool.execute(f"alter system {change}")
    await pool.execute("select pg_reload_conf()")
    await until(look, lambda found: found == expected, 15)


async def test_setting_of_the_server_is_named(pool: Pool) -> None:
    said = "the server: no migration made it (the setting transform_null_equals=on)"
    try:
        await set_on_server(pool, "set transform_null_equals = on", [said])
    finally:
        await set_on_server(pool, "reset transform_null_equals", [])


def settings_as(values: str) -> str:
    """Return SQL that shows settings as `alter system` and a restart leave them: the command line
    of our servers is above `alter system`. `values` has names, values and files."""
    columns = """name, coalesce(value, setting) as setting, unit, category, short_desc, extra_desc,
        context, vartype, case when value is null then source else 'configuration file' end
        as source, min_val, max_val, enumvals, boot_val, reset_val,
        case when value is null then sourcefile else file end as sourcefile, sourceline,
        pending_restart"""
    return f"""set local allow_system_table_mods = on;
        create or replace view pg_catalog.pg_settings as select {columns}
        from pg_show_all_settings() left join (values {values}) v (name, value, file) using (name)
        """


async def test_setting_by_alter_system_that_loses_what_is_written_is_named(pool: Pool) -> None:
    auto, own = "'/data/postgresql.auto.conf'", "'/etc/postgresql.conf'"
    libraries = "'shared_preload_libraries'"
    for values, expected in (
        (f"('fsync', 'off', {own}), ({libraries}, 'other', {own})", []),
        (f"({libraries}, 'pg_stat_statements, auto_explain', {auto})", []),
        (f"({libraries}, 'other, auto_explain', {auto})", ["shared_preload_libraries=other"]),
        (f"('fsync', 'off', {auto})", ["fsync=off"]),
        (f"('full_page_writes', 'off', {auto})", ["full_page_writes=off"]),
    ):
        async with pool.acquire() as connection, undone(connection):
            await connection.execute(settings_as(values))
            found = await differences(connection)
        assert len(found) == len(expected), values
        assert all(each in sentence for each, sentence in zip(expected, found, strict=True))


async def test_table_in_another_tablespace_is_named(pool: Pool) -> None:
    """One in memory is empty after a restart. Only the catalogue says so here: no transaction makes
    a tablespace."""
    async with pool.acquire() as connection, undone(connection):
        await connection.execute(
            "update pg_class set reltablespace = (select oid from pg_tablespace"
            " where spcname = 'pg_global') where oid = 'archiver.checkpoint'::regclass"
        )
        [sentence] = await differences(connection)
    assert sentence.endswith("it has the tablespace pg_global")


async def test_settings_and_members_that_operators_choose_are_no_fault(pool: Pool) -> None:
    async with pool.acquire() as connection, undone(connection):
        await connection.execute(
            "alter role postkamer_gateway login password 'x' connection limit 9"
            " valid until '2099-01-01'; alter role postkamer_gateway set work_mem = '8MB';"
            "alter role all set session_preload_libraries = auto_explain;"
            "create role reader; alter role reader set search_path = archiver;"
            "alter role reader set default_transaction_read_only = on;"
            "grant select on archiver.entry to reader; grant postkamer_archiver to reader;"
            "create role doors; grant doors to postkamer_gateway;"
            "create publication copies for all tables;"
            "alter database reused set row_security = on;"
            "set local bytea_output = escape; set local quote_all_identifiers = on;"
            "set local standard_conforming_strings = off"
        )
        assert await differences(connection) == []


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
