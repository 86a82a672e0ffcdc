"""`postkamer backup check` on a real PostgreSQL, a real base back-up and a real object store."""

import asyncio
import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from archiver.log.outside_head import EPOCH, MICROSECOND
from archiver.orders.comparer import Comparer
from cli.backup.check import TOOL
from deploy.local.postgresql import Database
from services import clock
from services.files.object_store import ObjectStore, head_key, order_key, sealed_key
from services.postgres.database import connection_pool
from services.sealing.wrapping import fingerprint
from tests.support.archiver.orders import book_of
from tests.support.archiver.records import message
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, MASTER, writer_of
from tests.support.integration.back_up import copy_base
from tests.support.working_keys import insert_test_keys

NAME = "ab" * 32
FILE = """
insert into archiver.media (id, tenant, number, conversation, department, announced, sealed,
    sent_at, state, ciphertext_sha256, ended_at)
values (gen_random_uuid(), 'almelo', '1', 'c', 'kcc', '{}', '', now(), 'available', $1,
    now() - interval '2 hours')
"""
"""A file that a copy of now has had the time to get."""


KEEP_OLDEST = "insert into sealing.oldest_archive_key (fingerprint) values ('{}')"


def check(url: str, *words: object, **more: str) -> tuple[int, list[str], list[str]]:
    """Exit code, the findings, and what was not looked at."""
    env: Mapping[str, str] = {
        "POSTKAMER_DATABASE_URL": url,
        "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_WORKING_KEY": KEY,
        **more,
    }
    done = postkamer("backup", "check", "--json", *words, env=env)
    found: Any = json.loads(done.stdout)
    findings = [f"{each['weight']}: {each['sentence']}" for each in found["findings"]]
    return done.exit_code, findings, found["notLookedAt"]


OF_SERVER = [
    "fault: fsync is off: a loss of power destroys the database",
    "fault: full_page_writes is off: a loss of power tears pages, which no WAL mends",
    "fault: archive_mode is off: a restore loses all that was written since the base back-up",
]
"""The server of the tests is in no hurry to keep anything."""


@pytest.fixture
def copy(fresh: str, tmp_path: Path) -> Path:
    """The object store of a record with a file, copied."""

    async def fill() -> None:
        async with connection_pool(fresh, "test", 4) as pool:
            await pool.execute(insert_test_keys())
            await (await writer_of(pool)).add([message("hello")])
            await Comparer(pool, book_of(tmp_path)).compare()
            await pool.execute(FILE, NAME)
            store = ObjectStore(tmp_path.as_uri())
            microseconds = (clock.now() - EPOCH) // MICROSECOND
            await store.create(head_key(microseconds), b"its name says when")
            await store.create(sealed_key(NAME), b"sealed")

    asyncio.run(fill())
    return tmp_path


def test_database_without_an_archive_is_no_good_to_an_owner_who_is_no_superuser(
    server: Database, fresh: str, copy: Path
) -> None:
    login = f"d.arts.{copy.name}"
    server.execute(f"create role \"{login}\" login password 'x' in role postkamer", "postgres")
    try:
        code, findings, unseen = check(server.url_for(login, "x", fresh.rpartition("/")[2]))
    finally:
        server.execute(f'drop role "{login}"', "postgres")
    assert (code, findings) == (1, OF_SERVER)
    assert [each.partition(":")[0] for each in unseen] == [
        "base back-ups",
        "the archived WAL",
        "the copy of the object store",
        "the configuration POSTKAMER_CONFIG",
    ]


def test_copy_of_the_object_store_lacks_nothing_that_the_database_names(
    fresh: str, copy: Path
) -> None:
    assert check(fresh, "--objects", copy, "--all")[1] == OF_SERVER
    (copy / sealed_key(NAME)).unlink()
    lacking = f"fault: the copy lacks 1 file of 1 that the database names: {sealed_key(NAME)}"
    for how in ((), ("--all",)):
        assert check(fresh, "--objects", copy, *how)[1] == [*OF_SERVER, lacking]
    altered = bytes(reversed((copy / order_key(0)).read_bytes()))
    (copy / order_key(0)).write_bytes(altered)
    wrong, _ = check(fresh, "--objects", copy)[1][len(OF_SERVER) :]
    assert (copy / order_key(0)).read_bytes() == altered
    assert wrong.startswith("fault: the copy has 1 order of destruction altered or under a key")
    (copy / order_key(0)).unlink()
    other = "fault: the copy of the object store is empty, or another archive's"
    assert check(fresh, "--objects", copy.as_uri())[1] == [*OF_SERVER, other]
    away = "unseen: --objects: it cannot be read (No such file or directory)"
    assert check(fresh, "--objects", copy / "no")[1] == [*OF_SERVER, away]


def test_key_that_does_not_open_the_database_is_named_and_not_told(
    server: Database, fresh: str, copy: Path
) -> None:
    other = base64.b64encode(b"o" * 32).decode()
    keys = {f"POSTKAMER_{name}_KEY": other for name in ("ARCHIVE", "WORKING")}
    code, findings, _ = check(fresh, **keys)
    archive, working = findings[len(OF_SERVER) :]
    assert code == 1
    assert archive.startswith("fault: POSTKAMER_ARCHIVE_KEY does not open ")
    assert working.startswith("fault: POSTKAMER_WORKING_KEY does not open 5 of 5 keys")
    assert check(fresh, **{name: f"{key},{KEY}" for name, key in keys.items()})[1] == OF_SERVER
    server.execute(KEEP_OLDEST.format(fingerprint(MASTER)), fresh.rpartition("/")[2])
    *_, oldest = check(fresh, POSTKAMER_ARCHIVE_KEY=f"{KEY},{other}")[1]
    assert oldest.startswith("fault: POSTKAMER_ARCHIVE_KEY: its last key is not the oldest one")
    assert check(fresh, POSTKAMER_ARCHIVE_KEY=f"{other},{KEY}")[1] == OF_SERVER


def test_base_backup_of_this_cluster_is_whole(server: Database, fresh: str, tmp_path: Path) -> None:
    base = tmp_path / "base"
    copy_base(server, base / "monday", "--wal-method=none")
    assert check(fresh, "--folder", base)[1] == OF_SERVER
    (base / "monday" / "backup_manifest").unlink()
    cut, none = check(fresh, "--folder", base / "monday")[1][:2]
    assert "has no manifest" in cut and "no base back-up that is whole" in none
    away = check(fresh, "--folder", tmp_path / "no")[1][0]
    assert away == "unseen: --folder: No such file or directory"


def test_tool_that_cannot_be_asked_is_told(fresh: str) -> None:
    for tool, reason in (("/no/such", "No such file or directory"), ("false", "it ended with 1")):
        assert check(fresh, **{TOOL: tool})[1][0] == f"unseen: {TOOL}: {reason}"
    assert check(fresh, **{TOOL: "echo"})[1][0].startswith(f"unseen: {TOOL}: its output is not")
