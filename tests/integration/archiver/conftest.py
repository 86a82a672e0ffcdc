"""A signed log that tests copy, the commands of the archive, and a desk at which citizens write."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from deploy.local.postgresql import Database
from router.store.store import Store
from services.contract import Record
from services.postgres.database import Pool, connection_pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.desk import Desk
from tests.support.archiver.signed_log import Log, fill_log
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.installation import EXAMPLE
from tests.support.integration.clean_database import CleanDatabase
from tests.support.router.batch_office import Office


class SignedLog(msgspec.Struct, frozen=True):
    """A database, the folder of its checkpoints, and the records of both."""

    database: str
    folder: Path
    records: list[Record]


@pytest.fixture(scope="session")
def signed_log(
    server: Database, tables: str, tmp_path_factory: pytest.TempPathFactory
) -> SignedLog:
    """Made once: seven hundred entries take a second."""
    name, folder = "signed_log", tmp_path_factory.mktemp("signed_log")
    server.execute(f"create database {name} template {tables} strategy file_copy", "postgres")

    async def fill() -> list[Record]:
        url = server.url.rpartition("/")[0] + f"/{name}"
        async with connection_pool(url, "test", 2) as pool:
            return await fill_log(pool, await keys_of(pool), folder)

    return SignedLog(name, folder, asyncio.run(fill()))


@pytest.fixture(scope="session")
def reused_log(server: Database, signed_log: SignedLog) -> Iterator[CleanDatabase]:
    with closing(CleanDatabase(server, "reused_log", signed_log.database)) as database:
        yield database


@pytest.fixture
def clean(clean: CleanDatabase | None, request: pytest.FixtureRequest) -> CleanDatabase | None:
    is_of_log = "log" in request.fixturenames
    return request.getfixturevalue("reused_log") if is_of_log else clean


@pytest.fixture
async def log(pool: Pool, tmp_path: Path, signed_log: SignedLog) -> Log:
    shutil.copytree(signed_log.folder, tmp_path / "outside")
    return Log(pool, await keys_of(pool), tmp_path / "outside", [*signed_log.records])


@pytest.fixture
def archive(empty: str) -> Archive:
    return Archive(empty)


@pytest.fixture
def town_archive(empty: str) -> Archive:
    """Archive commands for the municipality in the shipped example."""
    return Archive(empty, POSTKAMER_CONFIG=str(EXAMPLE))


@pytest.fixture
async def desk(empty: str, pool: Pool) -> AsyncIterator[Desk]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        store = Store(own)
        office = Office(store, await store.take_epoch(0))
        yield Desk(office, await writer_of(pool), pool)
