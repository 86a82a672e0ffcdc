"""Migrations and rights, on a real PostgreSQL."""

import asyncio
from datetime import UTC, date, datetime

import asyncpg
import pytest
from msgspec.structs import replace

from archiver import table_partitions
from deploy.local.postgresql import Database
from services import clock
from services.contract import Record
from services.postgres.database import connection_pool, is_transient
from services.postgres.migrations import Migration, MigrationError, migrate
from tests.integration.conftest import all_migrations
from tests.support.decrypted_record import writer_of
from tests.support.observer import until


async def test_migrations_are_applied_once_however_many_start_at_the_same_time(empty: str) -> None:
    applied = await asyncio.gather(*(migrate(empty, all_migrations()) for _ in range(4)))
    names = [f"{m.owner}/{m.number:04}_{m.name}" for m in all_migrations()]
    assert sorted(name for some in applied for name in some) == sorted(names)
    assert await migrate(empty, all_migrations()) == []


async def test_a_later_migration_is_applied_after_the_first(empty: str) -> None:
    wanted = all_migrations()
    await migrate(empty, wanted)
    later = Migration("gateway", 2, "later", "alter table gateway.command add later int")
    assert await migrate(empty, [*wanted, later]) == ["gateway/0002_later"]
    assert await migrate(empty, [*wanted, later]) == []
    connection = await asyncpg.connect(empty)
    assert await connection.fetch("select later from gateway.command") == []
    await connection.close()


async def test_a_migration_that_was_changed_afterwards_is_refused(empty: str) -> None:
    wanted = all_migrations()
    await migrate(empty, wanted)
    changed = [*wanted[:-1], replace(wanted[-1], sql=wanted[-1].sql + "-- changed")]
    with pytest.raises(MigrationError, match="was changed after it had been applied"):
        await migrate(empty, changed)


async def test_a_migration_that_fails_leaves_nothing_behind(empty: str) -> None:
    bad = Migration("services", 9999, "bad", "create table half_done (n int); select nonsense;")
    with pytest.raises(MigrationError, match="services/9999_bad does not apply"):
        await migrate(empty, [bad])
    connection = await asyncpg.connect(empty)
    assert await connection.fetchval("select to_regclass('half_done')") is None
    await connection.close()


# role, statement: what a service may not do, from the first day
FORBIDDEN = [
    ("archiver", "update archiver.entry set salt = null"),
    ("archiver", "update archiver.entry set kind = 'x'"),
    ("archiver", "delete from archiver.entry"),
    ("archiver", "truncate archiver.entry"),
    ("archiver", "drop table archiver.entry"),
    ("archiver", "update archiver.node set hash = ''"),
    ("archiver", "delete from archiver.node"),
    ("archiver", "update archiver.checkpoint set note = ''"),
    ("archiver", "delete from archiver.checkpoint"),
    ("archiver", "delete from archiver.head"),
    ("archiver", "insert into archiver.head values (false, 0, '')"),
    ("archiver", "update archiver.conversation_key set wrapped = ''"),
    ("archiver", "delete from archiver.conversation_key"),
    ("archiver", "delete from archiver.municipality_key"),
    ("archiver", "delete from archiver.quarantine"),
    ("archiver", "create table archiver.mine (n int)"),
    ("archiver", "select * from router.conversation"),
    ("gateway", "select * from router.conversation"),
    ("gateway", "select wamid_hash from router.outgoing"),
    ("gateway", "insert into router.inbox values ('', gen_random_uuid(), '')"),
    ("gateway", "select * from archiver.entry"),
    ("router", "update router.inbox set decision = ''"),
    ("router", "delete from router.inbox"),
    ("router", "select address from deliverer.ledger"),
    ("router", "delete from deliverer.ledger"),
    ("router", "select * from gateway.command"),
    ("deliverer", "select * from router.identity"),
    ("deliverer", "select * from archiver.entry"),
    ("deliverer", "delete from deliverer.delivery"),
    ("deliverer", "insert into gateway.upload values (gen_random_uuid(), now())"),
    ("deliverer", "delete from gateway.media"),
    ("gateway", "update gateway.media set tenant = ''"),
    ("gateway", "select * from deliverer.upload"),
    ("router", "select * from gateway.media"),
    ("router", "delete from router.consent"),
    ("router", "delete from router.withdrawal"),
    ("gateway", "select purpose from router.consent"),
    ("deliverer", "select source from router.consent"),
    ("deliverer", "update router.consent set ended_at = null"),
    ("archiver", "update access.operation set by = 'x'"),
    ("archiver", "delete from access.operation"),
    (
        "archiver",
        "insert into access.operation (id, by, what) values (gen_random_uuid(), 'x', 'x')",
    ),
    ("gateway", "select * from access.operation"),
]


@pytest.mark.parametrize(("service", "statement"), FORBIDDEN)
async def test_a_service_may_not_do_what_is_not_its_work(
    migrated: str, service: str, statement: str
) -> None:
    connection = await asyncpg.connect(migrated)
    try:
        await connection.execute(f"set role postkamer_{service}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


def _record(n: int, text: str = "hallo") -> Record:
    at = clock.now()
    return Record(id=clock.new_id(), kind="message", at=at, data=b'{"text":"%s"}' % text.encode())


async def test_records_are_added_once_and_land_in_the_partition_of_their_month(
    empty: str, server: Database
) -> None:
    await migrate(empty, all_migrations())
    async with connection_pool(empty, "test", 2) as pool:
        writer = await writer_of(pool)
        await table_partitions.create_partitions(pool, clock.now().date())
        await table_partitions.create_partitions(pool, clock.now().date())
        records = [_record(n) for n in range(100)]
        assert await writer.add(records) == 100
        assert await writer.add(records) == 0
        assert await writer.add([*records[:10], _record(1)]) == 1
        month = f"entry_{clock.now():%Y_%m}"
        assert await pool.fetchval(f"select count(*) from archiver.{month}") == 101
        assert await pool.fetchval("select count(*) from archiver.entry_elsewhere") == 0


async def test_a_month_is_left_where_it_is_when_a_record_of_it_is_being_written_meanwhile(
    empty: str,
) -> None:
    await migrate(empty, all_migrations())
    far = date(clock.now().year + 5, 1, 1)
    record = (
        "insert into archiver.entry (id, position, kind, at, tenant, conversation, department,"
        " sequence, sealed, leaf)"
        " values (archiver.first_id($1), 0, 'message', now(), '', '', '', 0, '', '')"
    )
    waits = "select count(*) from pg_locks where not granted"
    async with connection_pool(empty, "test", 3) as pool:
        async with pool.acquire() as writer, writer.transaction():
            await writer.execute(record, datetime(far.year, 1, 2, tzinfo=UTC))
            making = asyncio.create_task(table_partitions.create_partitions(pool, far))
            await until(lambda: pool.fetchval(waits), bool, 10)
        await making
        made = await pool.fetchval("select to_regclass($1)", f"archiver.entry_{far.year}_01")
        assert made is None
        assert await pool.fetchval("select count(*) from archiver.entry_elsewhere") == 1
        assert await pool.fetchval("select to_regclass($1)", f"archiver.entry_{far.year}_02")


async def test_a_record_that_the_database_refuses_is_the_data_s_fault(empty: str) -> None:
    await migrate(empty, all_migrations())
    async with connection_pool(empty, "test", 2) as pool:
        bad = Record(id=clock.new_id(), kind="message", at=clock.now(), data=b"{}", tenant="\x00")
        with pytest.raises(asyncpg.PostgresError) as raised:
            await (await writer_of(pool)).add([bad])
        assert not is_transient(raised.value)


async def test_a_commit_of_ours_is_durable_whatever_the_server_s_default(empty: str) -> None:
    async with connection_pool(empty, "test", 1) as pool:
        assert await pool.fetchval("show synchronous_commit") == "on"


async def test_no_statement_is_compiled_whatever_the_server_s_default(empty: str) -> None:
    async with connection_pool(empty, "test", 1) as pool:
        assert await pool.fetchval("show jit") == "off"
