"""One real broker and one real database for all of these tests; a missing server fails them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiormq
import msgspec
import pytest

from deploy.local.postgresql import OWNER, Database
from deploy.local.rabbitmq import Broker
from services.amqp import topology
from services.files.clamd import Scanner
from services.postgres.database import Pool, connection_pool
from services.postgres.migrations import Migration, migrations
from tests.support.clamav import Clamd, clamd
from tests.support.installed_tables import copy_tables
from tests.support.integration.clean_database import CleanDatabase
from tests.support.integration.late_answers import Late
from tests.support.integration.message_provider import Account, Office, office

ROOT = Path(__file__).parents[2]
SERVICES = ("services", "gateway", "router", "deliverer", "archiver", "desk")
PASSWORDS = {name: f"test-{name}" for name in topology.PERMISSIONS}


def all_migrations() -> list[Migration]:
    return [m for name in SERVICES for m in migrations(name, ROOT / name / "migrations")]


QUEUES = topology.queues(2, ["crm"])


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    folder = tmp_path_factory.mktemp("broker")
    with Broker(folder, topology.definitions(QUEUES, PASSWORDS)) as broker:
        yield broker


@pytest.fixture
async def broker(running: Broker) -> Broker:
    """A broker whose queues are empty, whatever an earlier test left there."""
    async with await aiormq.connect(running.url) as connection:
        channel = await connection.channel()
        for queue in QUEUES:
            await channel.queue_purge(queue.name)
    return running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A server with a database `tables`, which is what its name says."""
    folder = tmp_path_factory.mktemp("database")
    copy_tables(folder)
    with Database(folder, durable=False) as database:
        move = f"alter database {OWNER} rename to tables;\ncreate database {OWNER};"
        database.execute(move, "postgres")
        yield database


@pytest.fixture(scope="session")
def tables() -> str:
    """A database with all tables that nobody connects to: copied, it takes a part of the time that
    migrating takes."""
    return "tables"


@pytest.fixture(scope="session")
def migrated(server: Database, tables: str) -> str:
    """The owner's URL of a database with all tables, for tests that change nothing."""
    server.execute(f"create database migrated template {tables} strategy file_copy", "postgres")
    return server.url.rpartition("/")[0] + "/migrated"


@pytest.fixture(scope="session")
def reused(server: Database, tables: str) -> Iterator[CleanDatabase]:
    with closing(CleanDatabase(server, "reused", tables)) as database:
        yield database


@pytest.fixture(scope="session")
def reused_alone(server: Database, tables: str) -> Iterator[CleanDatabase]:
    with closing(CleanDatabase(server, "reused_alone", tables)) as database:
        yield database


@pytest.fixture
def clean(request: pytest.FixtureRequest) -> CleanDatabase | None:
    """The database that `empty` is: tables for a test that asks for `pool` too, otherwise None."""
    return request.getfixturevalue("reused") if "pool" in request.fixturenames else None


@pytest.fixture
def empty(server: Database, clean: CleanDatabase | None) -> str:
    """The owner's URL of a database without anything, or with what `clean` has."""
    if clean:
        return clean.renew()
    drop = "drop database if exists empty with (force)"
    server.execute(f"{drop};\ncreate database empty strategy file_copy", "postgres")
    return server.url.rpartition("/")[0] + "/empty"


@pytest.fixture
def fresh(reused_alone: CleanDatabase) -> str:
    """The owner's URL of a database of its own with all tables."""
    return reused_alone.renew()


@pytest.fixture
async def pool(empty: str) -> AsyncIterator[Pool]:
    """The owner's, of a fresh database with all tables: sees and may do everything."""
    async with connection_pool(empty, "test", 8) as pool:
        yield pool


@pytest.fixture(name="office")
async def sending_office(pool: Pool, tmp_path: Path) -> AsyncIterator[Office]:
    async with office(pool, tmp_path) as made:
        yield made


@pytest.fixture
def place(office: Office) -> tuple[Office, Account]:
    return office, office.account


@pytest.fixture
async def late(office: Office) -> Late:
    """A citizen who wrote 30 hours ago, at a number that asks them to write again."""
    office.account = msgspec.structs.replace(office.account, asks_to_reopen=True)
    return Late(office, await office.wrote(30, conversation="c"))


@pytest.fixture(scope="session")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with clamd(tmp_path_factory.mktemp("clamd")) as one:
        yield one


@pytest.fixture
async def scanned(pool: Pool, tmp_path: Path, scanner: Clamd) -> AsyncIterator[Any]:
    """A `Room`, which gets and scans files."""
    from tests.support.integration.media_provider import room

    async with room(pool, tmp_path, Scanner(scanner.url)) as made:
        yield made
