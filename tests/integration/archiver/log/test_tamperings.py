"""Each tampering of the table is found, as the page for the municipality says."""

import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from archiver.operator_actions import operation_outbox
from deploy.local.postgresql import Database
from services import metrics
from services.files.object_store import timestamp_key
from services.postgres.outbox import LIMIT
from tests.support.checker import checker
from tests.support.tamperings.laboratory import (
    SIGNER,
    Laboratory,
    PreparedArchive,
    Work,
    look_at_tokens,
    opened,
    run_command,
)
from tests.support.tamperings.prepared_archive import prepare
from tests.support.tamperings.table import PAGE, TAMPERINGS, make_page
from tests.support.tamperings.tampering import Tampering

EVERYTHING = "archive verify --index --media --witness KEY"


@pytest.fixture(scope="session")
def prepared(
    server: Database, tables: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PreparedArchive]:
    """Made once: each tampering is undone."""
    server.execute(f"create database prepared template {tables} strategy file_copy", "postgres")
    url = server.url.rpartition("/")[0] + "/prepared"
    archive = prepare(url, tmp_path_factory.mktemp("prepared"))
    yield archive
    with archive.runner as runner:
        runner.run(archive.close())


@pytest.fixture
def store(prepared: PreparedArchive, tmp_path: Path) -> Path:
    """A copy of the object store, to be changed."""
    return shutil.copytree(prepared.folder, tmp_path / "store")


def act_of(tampering: Tampering) -> Work:
    async def act(laboratory: Laboratory) -> object:
        if isinstance(tampering.act, str):
            return await laboratory.execute(tampering.act)
        return await tampering.act(laboratory)

    return act


def words_of(archive: PreparedArchive, command: str) -> list[str]:
    """Return the words of a command, with the key of the witness of this archive."""
    return [str(archive.names["witness"]) if word == "KEY" else word for word in command.split()]


async def nothing(_: Laboratory) -> None:
    pass


async def look_at_operations(laboratory: Laboratory) -> None:
    async def has_no_key(_: object) -> bool:
        return False

    outbox = operation_outbox(laboratory.pool, ["almelo"], has_no_key, must_prove=True)
    await outbox.mark_published(await outbox.fetch_unpublished(LIMIT, []))


ALARMS: dict[str, tuple[str, Callable[[Laboratory], Awaitable[None]]]] = {
    "PostkamerArchiveForked": ("postkamer_archive_forks_total", nothing),
    "PostkamerTokenRefused": ("postkamer_tokens_refused", look_at_tokens),
    "PostkamerOperationUnproven": ("postkamer_operations_unproven_total", look_at_operations),
}
"""Alarm -> its metric, and what makes a service look."""


def raised(archive: PreparedArchive, store: Path, tampering: Tampering) -> bool:
    """Return if the metric of the alarm rises by what a service sees."""
    metric, look = ALARMS[tampering.found_by]

    async def run() -> tuple[float, float]:
        async with opened(archive, store) as laboratory:
            await look(laboratory)
            before = metrics.REGISTRY.get_sample_value(metric) or 0
            await act_of(tampering)(laboratory)
            await look(laboratory)
            return before, metrics.REGISTRY.get_sample_value(metric) or 0

    before, after = archive.runner.run(run())
    return after > before


@pytest.mark.parametrize("command", [EVERYTHING, "token list"])
def test_untouched_archive_is_right(prepared: PreparedArchive, store: Path, command: str) -> None:
    done = run_command(prepared, store, nothing, words_of(prepared, command))
    assert done.exit_code == 0, done.output
    unwanted = ("not as it was", "this login may not", "these indexes")
    assert not any(words in done.stdout for words in unwanted)


def test_verify_says_that_it_could_not_look_as_the_archiver_does(
    prepared: PreparedArchive, store: Path
) -> None:
    async def take_away(laboratory: Laboratory) -> None:
        await laboratory.execute("revoke usage on schema archiver from postkamer_archiver")

    done = run_command(prepared, store, take_away, ["archive", "verify"])
    assert "Not looked at: what the archiver itself sees, as this login may not" in done.stdout


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS)
def test_tampering_is_found_as_the_page_says(
    prepared: PreparedArchive, store: Path, tampering: Tampering
) -> None:
    if tampering.found_by in ALARMS:
        assert raised(prepared, store, tampering)
        return
    command = tampering.found_by or EVERYTHING
    done = run_command(prepared, store, act_of(tampering), words_of(prepared, command))
    assert isinstance(done.exception, SystemExit | None), done.exc_info
    if not tampering.found_by:
        assert done.exit_code == 0, "it is found: the page says that it is not"
        return
    assert done.exit_code == tampering.code, done.output
    place = f"{prepared.names[tampering.at]}: " if tampering.at else ""
    lines = [line for line in done.output.splitlines() if place in line]
    assert any(prepared.fill(tampering.says) in line for line in lines), done.output


def test_stranger_checks_what_the_archive_gives_out(
    prepared: PreparedArchive, store: Path, tmp_path: Path
) -> None:
    """By the checker in JavaScript, and with the co-signature of the witness."""
    check, witness = checker(tmp_path), str(prepared.names["witness"]).split()[1]
    stamp = store / timestamp_key(int(str(prepared.names["size"])))
    file, size, first = prepared.names["file"], prepared.names["size"], prepared.names["signed"]
    for command in (f"archive prove {file}", f"archive consistency {first} {size}"):
        done = run_command(prepared, store, nothing, command.split())
        assert done.exit_code == 0, done.output
        proof = json.loads(done.stdout)
        more = ("--stamp", stamp, "--authority", prepared.names["roots"])
        code, printed = check(proof, SIGNER.verifier, "--witness", witness, *more)
        assert code == 0 and "co-signed by witness.example.org/w1" in printed, printed
        assert "it was there at 20" in printed
        changed = json.loads(done.stdout.replace(f"\\n{size}\\n", "\\n7\\n"))
        assert changed != proof and check(changed, SIGNER.verifier)[0] == 1


def test_page_is_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == make_page(), (
        "run python -m tests.support.tamperings.table"
    )
