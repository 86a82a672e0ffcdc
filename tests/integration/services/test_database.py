"""Migrations and rights, on a real PostgreSQL."""

import asyncio
import socket
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg
import pytest
from msgspec.structs import replace
from pydantic import SecretStr

from archiver import table_partitions
from archiver.log.writer import writer_in_transaction
from deploy.local.postgresql import Database
from services import clock
from services.config.secret_files import LiveSettings
from services.contract import Record
from services.keys.working_keys import sealing_pool
from services.postgres import primary as primary_server
from services.postgres.database import (
    DATABASE_ERRORS,
    SERVICE_SETTINGS,
    Pool,
    Query,
    connection_pool,
    is_transient,
    reading_connection,
    retry_while_unavailable,
    run_queries,
)
from services.postgres.migrations import Migration, MigrationError, migrate
from services.postgres.primary import Primary
from tests.integration.conftest import all_migrations
from tests.support.archiver.orders import eraser_of
from tests.support.decrypted_record import KEY, keys_of, writer_of
from tests.support.faults.flaky_link import road_to
from tests.support.observer import until

LONG = 10.0
"""Seconds that a server has for what it does at once."""


async def test_migrations_are_applied_once_when_several_start_together(empty: str) -> None:
    applied = await asyncio.gather(*(migrate(empty, all_migrations()) for _ in range(4)))
    names = [f"{m.owner}/{m.number:04}_{m.name}" for m in all_migrations()]
    assert sorted(name for some in applied for name in some) == sorted(names)
    assert await migrate(empty, all_migrations()) == []


async def test_later_migration_is_applied_after_the_first(empty: str) -> None:
    wanted = all_migrations()
    await migrate(empty, wanted)
    later = Migration("gateway", 9999, "later", "alter table gateway.command add later int")
    assert await migrate(empty, [*wanted, later]) == ["gateway/9999_later"]
    assert await migrate(empty, [*wanted, later]) == []
    connection = await asyncpg.connect(empty)
    assert await connection.fetch("select later from gateway.command") == []
    await connection.close()


async def test_migration_that_was_changed_afterwards_is_refused(empty: str) -> None:
    [*before, last] = all_migrations()
    await migrate(empty, [*before, last])
    with pytest.raises(MigrationError, match="was changed after it had been applied"):
        await migrate(empty, [*before, replace(last, sql=last.sql + "-- changed")])


async def test_migration_that_fails_leaves_nothing_behind(empty: str) -> None:
    bad = Migration("services", 9999, "bad", "create table half_done (n int); select nonsense;")
    with pytest.raises(MigrationError, match="services/9999_bad does not apply"):
        await migrate(empty, [bad])
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("select to_regclass('half_done')") is None
    await connection.close()


OF_AN_ADMINISTRATOR = """
do $$
declare
    name text;
begin
    foreach name in array array['gateway', 'router', 'deliverer', 'archiver', 'desk', 'person'] loop
        if not exists (select from pg_roles where rolname = 'postkamer_' || name) then
            execute format('create role %I nologin', 'postkamer_' || name);
        end if;
    end loop;
end
$$;
create role plain_owner login password 'word';
create database owned owner plain_owner;
"""
"""The request of docs/operators/kubernetes.md to the database's administrator."""


async def test_owner_of_the_tables_needs_no_right_to_make_roles(server: Database) -> None:
    server.execute(OF_AN_ADMINISTRATOR, "postgres")
    try:
        url = server.url_for("plain_owner", "word", "owned")
        assert len(await migrate(url, all_migrations())) == len(all_migrations())
    finally:
        server.execute("drop database owned with (force);\ndrop role plain_owner", "postgres")


FORBIDDEN = {
    "archiver": [
        "update archiver.entry set salt = null",
        "update archiver.entry set kind = 'x'",
        "delete from archiver.entry",
        "truncate archiver.entry",
        "drop table archiver.entry",
        "update archiver.node set hash = ''",
        "delete from archiver.node",
        "update archiver.checkpoint set note = ''",
        "delete from archiver.checkpoint",
        "delete from archiver.head",
        "insert into archiver.head values (false, 0, '')",
        "update archiver.conversation_key set wrapped = ''",
        "delete from archiver.conversation_key",
        "delete from archiver.municipality_key",
        "delete from archiver.quarantine",
        "create table archiver.mine (n int)",
        "select * from router.conversation",
        "update access.operation set by = 'x'",
        "delete from access.operation",
        "insert into access.operation (id, by, what) values (gen_random_uuid(), 'x', 'x')",
    ],
    "gateway": [
        "select * from router.conversation",
        "select wamid_hash from router.outgoing",
        "insert into router.inbox values ('', gen_random_uuid(), '')",
        "select * from archiver.entry",
        "update gateway.media set tenant = ''",
        "select * from deliverer.upload",
        "select purpose from router.consent",
        "select * from access.operation",
    ],
    "router": [
        "update router.inbox set decision = ''",
        "select address from deliverer.ledger",
        "delete from deliverer.ledger",
        "select * from gateway.command",
        "select * from gateway.media",
    ],
    "deliverer": [
        "select * from router.identity",
        "select * from archiver.entry",
        "insert into gateway.upload values (gen_random_uuid(), now())",
        "delete from gateway.media",
        "select source from router.consent",
        "update router.consent set ended_at = null",
    ],
}


@pytest.mark.parametrize("service", FORBIDDEN)
async def test_service_has_no_rights_beyond_its_work(migrated: str, service: str) -> None:
    connection = await asyncpg.connect(migrated)
    try:
        await connection.execute(f"set role postkamer_{service}")
        for statement in FORBIDDEN[service]:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


def record(**fields: str) -> Record:
    data = b'{"text":"hallo"}'
    return Record(id=clock.new_id(), kind="message", at=clock.now(), data=data, **fields)


async def test_records_are_added_once_to_the_partition_of_their_month(pool: Pool) -> None:
    writer = await writer_of(pool)
    for _ in range(2):
        await table_partitions.create_partitions(pool, clock.now().date())
    records = [record() for _ in range(100)]
    assert [await writer.add(records) for _ in range(2)] == [100, 0]
    assert await writer.add([*records[:10], record()]) == 1
    month = f"entry_{clock.now():%Y_%m}"
    assert await pool.fetchval(f"select count(*) from archiver.{month}") == 101
    assert await pool.fetchval("select count(*) from archiver.entry_elsewhere") == 0


async def test_month_gets_no_partition_while_a_record_of_it_is_written(pool: Pool) -> None:
    far = date(clock.now().year + 5, 1, 1)
    entry = (
        "insert into archiver.entry (id, position, kind, at, tenant, conversation, department,"
        " sequence, sealed, leaf)"
        " values (archiver.first_id($1), 0, 'message', now(), '', '', '', 0, '', '')"
    )
    waits = "select count(*) from pg_locks where not granted"
    async with pool.acquire() as writer, writer.transaction():
        await writer.execute(entry, datetime(far.year, 1, 2, tzinfo=UTC))
        making = asyncio.create_task(table_partitions.create_partitions(pool, far))
        await until(lambda: pool.fetchval(waits), bool, 10)
    await making
    made = await pool.fetchval("select to_regclass($1)", f"archiver.entry_{far.year}_01")
    assert made is None
    assert await pool.fetchval("select count(*) from archiver.entry_elsewhere") == 1
    assert await pool.fetchval("select to_regclass($1)", f"archiver.entry_{far.year}_02")


async def test_months_are_made_one_by_one_because_making_one_locks_the_record(pool: Pool) -> None:
    far = date(clock.now().year + 8, 1, 1)
    waits = "select count(*) from pg_locks where not granted"
    async with pool.acquire() as other, other.transaction():
        await other.execute(f"create table archiver.entry_{far.year}_02 ()")
        making = asyncio.create_task(table_partitions.create_partitions(pool, far))
        await until(lambda: pool.fetchval(waits), bool, 10)
        made = await pool.fetchval("select to_regclass($1)", f"archiver.entry_{far.year}_01")
        await other.execute(f"drop table archiver.entry_{far.year}_02")
    await making
    assert made, "the first month is there while the second waits"


async def test_question_of_a_locked_table_is_asked_again_after_the_others(
    empty: str, pool: Pool
) -> None:
    queries = {
        "locked": Query("select count(*) from archiver.head"),
        "wrong": Query("select * from archiver.no_such_table"),
        "other": Query("select 1 as one"),
    }
    answers = {}
    async with reading_connection(empty, "test", 5) as connection, pool.acquire() as holder:
        held = holder.transaction()
        await held.start()
        await holder.execute("lock table archiver.head in access exclusive mode")
        async for name, answer in run_queries(connection, queries):
            answers[name] = answer
            if name == "other":
                await held.rollback()
    assert [*answers] == ["wrong", "other", "locked"]
    assert answers["locked"] == [{"count": 1}] and answers["other"] == [{"one": 1}]
    assert isinstance(answers["wrong"], asyncpg.UndefinedTableError)


async def test_record_that_the_database_refuses_is_no_transient_error(pool: Pool) -> None:
    with pytest.raises(asyncpg.PostgresError) as raised:
        await (await writer_of(pool)).add([record(tenant="\x00")])
    assert not is_transient(raised.value)


async def test_connection_commits_durably_and_compiles_nothing(pool: Pool) -> None:
    """Both do not depend on the default of the server."""
    assert await pool.fetchval("show synchronous_commit") == "on"
    assert await pool.fetchval("show jit") == "off"


async def test_session_of_a_service_may_not_stand_still_amid_a_transaction(fresh: str) -> None:
    settings = SimpleNamespace(database_url=SecretStr(fresh), working_key=(SecretStr(KEY),))
    live = LiveSettings(cast(Any, settings), {})
    async with sealing_pool(live, "router", 1, 2) as (own, _):
        assert await own.fetchval("show idle_in_transaction_session_timeout") == "15s"
        assert await own.fetchval("show synchronous_commit") == "on"


async def test_exchanged_password_fails_no_statement(empty: str) -> None:
    """Between the change at the server and that of the file a new connection is refused; then it is
    tried again with the new password."""
    owner = await asyncpg.connect(empty)
    await owner.execute("create role exchanged login password 'before'")
    parts = urlsplit(empty)
    passwords, ask = ["before"], "select count(*) from pg_roles where rolname = 'exchanged'"

    def url() -> str:
        place = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"exchanged:{passwords[-1]}@{place}").geturl()

    try:
        async with connection_pool(url, "exchanged", 1) as own:
            assert await own.fetchval(ask) == 1
            await owner.execute("alter role exchanged password 'afterwards'")
            assert await own.fetchval(ask) == 1, "a connection goes on"
            await owner.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'exchanged'"
            )
            statement = asyncio.create_task(
                retry_while_unavailable(partial(own.fetchval, ask), "exchanged")
            )
            with pytest.raises(asyncpg.InvalidPasswordError) as raised:
                await Primary(url).connect()
            assert is_transient(raised.value)
            assert not statement.done()
            passwords.append("afterwards")
            assert await asyncio.wait_for(statement, LONG) == 1
    finally:
        await owner.execute("drop role exchanged")
        await owner.close()


async def test_copy_whose_rows_stop_coming_is_ended_and_erasing_has_its_own_limits(
    pool: Pool, tmp_path: Path
) -> None:
    await pool.execute(
        "create table public.seen (value text);"
        "create function public.note() returns trigger language plpgsql as $$ begin insert into"
        " public.seen select current_setting('statement_timeout'); return null; end $$;"
        "create trigger note before delete on archiver.conversation_key"
        " execute function public.note()"
    )
    keys = await keys_of(pool)
    async with pool.acquire() as connection, connection.transaction():
        await writer_in_transaction(connection, keys).add([record()])
        assert await connection.fetchval("show statement_timeout") == "40s"
    await eraser_of(pool, keys, tmp_path).erase_conversation("almelo", "c", "test")
    assert await pool.fetchval("select value from public.seen") == "0"


async def test_service_that_stands_still_in_a_transaction_holds_no_lock_for_long(
    empty: str,
) -> None:
    lock, limit = "select pg_try_advisory_xact_lock(1)", "idle_in_transaction_session_timeout"
    async with (
        connection_pool(empty, "frozen", 1, SERVICE_SETTINGS | {limit: "1s"}) as frozen,
        connection_pool(empty, "other", 1, SERVICE_SETTINGS) as other,
        frozen.acquire() as connection,
    ):
        transaction = connection.transaction()
        await transaction.start()
        assert await connection.fetchval(lock)
        await until(partial(other.fetchval, lock), bool, 10)
        with pytest.raises(DATABASE_ERRORS) as raised:
            await connection.fetchval("select 1")
        assert is_transient(raised.value)


class Hosts:
    """Connects as the library does, but only a silent host has its share of the time: a server may
    be slower."""

    def __init__(self) -> None:
        self.silent = 0
        """Port of the silent host."""
        self.asked: list[tuple[int | None, float]] = []
        """(port, its share of the time)."""

    async def connect(self, url: str, *, timeout: float, **options: Any) -> Any:
        port = urlsplit(url).port
        self.asked.append((port, timeout))
        seconds = timeout if port == self.silent else LONG
        return await asyncpg.connect(url, timeout=seconds, **options)


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    made = Hosts()
    monkeypatch.setattr(primary_server, "asyncpg", made)
    return made


def with_silent_host(url: str, silent: socket.socket) -> str:
    """A URL whose first host accepts connections and says nothing, as a server that is frozen."""
    first = f"127.0.0.1:{silent.getsockname()[1]}"
    return url.replace("@127.0.0.1", f"@{first},127.0.0.1")


async def test_host_that_is_silent_has_its_share_of_the_time_and_is_asked_last_from_then_on(
    empty: str, hosts: Hosts
) -> None:
    loop, port = asyncio.get_running_loop(), urlsplit(empty).port
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts.silent = silent.getsockname()[1]
        primary, began = Primary(with_silent_host(empty, silent)), loop.time()
        for _ in range(2):
            connection = await primary.connect(timeout=2.0)
            await connection.close()
    assert hosts.asked == [(hosts.silent, 1.0), (port, 1.0), (port, 1.0)]
    assert loop.time() - began > 1.0, "it was asked, and silent"


async def test_connections_to_a_server_that_is_the_primary_no_more_end_at_once(
    empty: str, hosts: Hosts
) -> None:
    port = int(empty.rpartition(":")[2].partition("/")[0])
    async with road_to(port) as (road, beginning):
        primary = Primary(empty.replace("@", f"@127.0.0.1:{beginning},"))
        former = await primary.connect()
        road.cut()
        hosts.silent = beginning
        asked = asyncio.create_task(former.fetchval("select 1"))
        present = await primary.connect(timeout=1.0)
        async with asyncio.timeout(LONG):  # a minute, if nothing ended it
            with pytest.raises(asyncpg.ConnectionDoesNotExistError):
                await asked
        road.mend()
        assert await present.fetchval("select 1") == 1
        await present.close()


async def test_session_that_only_reads_is_one_of_the_primary(empty: str) -> None:
    """The library takes a session that only reads for one of a server that only reads, if it is
    asked for a server that reads and writes."""
    async with reading_connection(empty, "test", 5) as connection:
        assert await connection.fetchval("show transaction_read_only") == "on"
