"""The private PostgreSQL: starts, survives, restarts, leaves nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.errors import Refusal
from deploy.local.postgresql import Database, binaries
from deploy.local.process_tree import Family, alive
from tests.support.local.process_ends import processes


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that runs after each test, in a folder that only its owner can enter, as pytest's
    are."""
    folder = tmp_path_factory.mktemp("database") / "a folder"
    with Database(folder, durable=False) as database:
        yield database
        database.stop()


def test_database_restarts_on_the_same_port_with_its_data(database: Database) -> None:
    url, members = database.url, members_of(database)
    database.execute("create table kept as select 1 as one")
    assert len(members) > 1
    assert database.stop()
    assert alive(members) == []
    assert not list(database.folder.glob("*.pid"))
    database.start()
    assert database.url == url
    assert database.execute("select one from kept") == "1"


def members_of(database: Database) -> Family:
    assert database.process
    return processes(database.process)


def test_committed_data_survives_a_crash_of_all_processes(database: Database) -> None:
    members = members_of(database)
    database.execute("create table survives as select 1 as one")
    database.kill()
    assert alive(members) == []
    database.start()
    assert database.execute("select one from survives") == "1"


def test_lock_file_that_names_another_process_is_harmless(database: Database) -> None:
    lock = database.folder / "data" / "postmaster.pid"
    left = lock.read_text()
    database.stop()
    _, rest = left.split("\n", 1)
    lock.write_text(f"{os.getpid()}\n{rest}")
    os.chown(lock, lock.parent.stat().st_uid, lock.parent.stat().st_gid)
    database.start()
    assert database.execute("select 1") == "1"


def test_failing_statement_is_refused_with_its_reason(database: Database) -> None:
    with pytest.raises(Refusal, match="nowhere"):
        database.execute("select * from nowhere")


def test_interrupted_creation_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "half").write_text("")
    with Database(tmp_path, durable=False) as database:
        assert database.execute("select 1") == "1"


def install(folder: Path, *versions: str) -> None:
    for version in versions:
        (folder / version / "bin").mkdir(parents=True)
        (folder / version / "bin" / "initdb").touch()


def test_newest_version_is_taken_for_new_data(tmp_path: Path) -> None:
    install(tmp_path, "9.6", "15", "17")
    assert binaries(tmp_path / "data", tmp_path) == (17, tmp_path / "17" / "bin")


def test_data_is_read_by_the_version_that_made_it(tmp_path: Path) -> None:
    install(tmp_path, "15", "17")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("15\n")
    assert binaries(tmp_path / "data", tmp_path)[0] == 15
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(Refusal, match="PostgreSQL 16, which is not installed"):
        binaries(tmp_path / "data", tmp_path)


def test_missing_server_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="PostgreSQL 15 or newer is not installed"):
        binaries(tmp_path / "data", tmp_path / "nothing")
