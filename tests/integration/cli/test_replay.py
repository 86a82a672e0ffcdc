"""`postkamer route replay` on a real archive."""

import asyncio
import getpass
import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver import table_partitions
from router.model.hashes import keyed_hash
from router.ruleset.context import create_version
from services.config import loader
from services.postgres.database import Pool
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, writer_of
from tests.support.example_town import FOLDER
from tests.support.simulated_week import MONDAY, NUMBER, TOWN, Week

SECRET = "mijn container bij Sannes huis"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "texts")
    file = tmp_path / "town.toml"
    file.write_text(TOWN)
    return file


@pytest.fixture
async def week(pool: Pool, file: Path) -> Week:
    """Two days in the archive: messages, commands of desks, timers."""
    town = loader.load(file)
    week = Week(town)
    version = create_version(town, MONDAY, keyed_hash(b"a key of the tests"))
    await pool.execute(
        "insert into router.version (version, record, first_at, approved_by, files)"
        " values ($1, $2, $3, $4, $5)",
        *msgspec.structs.astuple(version),
    )
    # Two telephones of one person: later messages of both are in the first conversation.
    [one], [other] = week.hears(50, "ik wil een paspoort"), week.hears(51, "afval")
    week.passes(minutes=1)
    week.orders("merge", one.conversation, other=other.conversation)
    for citizen in range(1, 40):
        [first] = week.hears(citizen, f"{SECRET} {citizen}")
        week.passes(minutes=7)
        week.hears(citizen, "hallo?", "is er iemand?")
        week.repeats()
        if citizen % 3 == 0:
            week.orders("transfer", first.conversation, to_department="balie", reason="x")
        if citizen % 4 == 0:
            week.orders("text", first.conversation, text="Goedemiddag")
            week.orders("close", first.conversation, outcome="handled")
        week.passes(hours=1)
        week.hears(citizen, "en nu?")
    [late] = week.hears(51, "en nu?")
    assert late.conversation == one.conversation
    await table_partitions.create_partitions(pool, MONDAY.date())
    added = await (await writer_of(pool)).add(week.records)
    assert added == len({record.id for record in week.records})
    return week


async def replay(url: str, file: Path, *options: object, code: int = 0) -> str:
    """Run the command, and return what it prints."""
    env = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(file)}
    env["POSTKAMER_ARCHIVE_KEY"] = KEY
    done = await asyncio.to_thread(lambda: postkamer("route", "replay", *options, env=env))
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


async def compare(url: str, file: Path, *options: object, since: datetime = MONDAY) -> Any:
    return json.loads(await replay(url, file, "--since", since.isoformat(), *options, "--json"))


async def test_rules_of_the_period_make_no_difference(empty: str, file: Path, week: Week) -> None:
    found = await compare(empty, file)
    heard = sum(r.kind == "message" and b'"direction":"in"' in r.data for r in week.records)
    assert (found["messages"], found["conversations"]) == (heard, 41)
    assert found["elsewhere"] == {"messages": 0, "conversations": 0}
    assert found["otherRule"] == found["unread"] == 0
    assert found["tags"] == found["care"] == found["moves"] == []
    assert found["before"] == found["version"] == week.ground.version
    half = MONDAY + (week.now - MONDAY) / 2
    later = await compare(empty, file, since=half)
    assert 0 < later["messages"] < heard
    early = await compare(empty, file, "--until", half.isoformat())
    assert early["messages"] + later["messages"] == heard


async def test_texts_are_shown_only_as_examples_and_on_record(
    empty: str, pool: Pool, file: Path, week: Week
) -> None:
    new = file.parent / "new.toml"
    new.write_text(TOWN.replace('"container", "afval"', '"vuilnis"'))
    before = await pool.fetchval("select count(*) from archiver.entry")
    found = await compare(empty, file, "--config", new)
    assert found["before"] == week.ground.version != found["version"]
    assert found["elsewhere"]["conversations"] == 40
    assert {(m["from"], m["to"]) for m in found["moves"]} >= {("afval", "balie")}
    said = await replay(empty, file, "--since", "2026-11-23", "--config", new)
    assert f"{found['elsewhere']['messages']} berichten in 40 gesprekken zouden elders" in said
    assert "Sanne" not in said + json.dumps(found)
    shown = await replay(empty, file, "--since", "2026-11-23", "--config", new, "--examples", 2)
    assert [line for line in shown.splitlines() if " -> " in line] == [
        f'afval -> balie: "{text}"' for text in ("afval", f"{SECRET} 1")
    ]
    (seen,) = await pool.fetch("select by, what, data from access.operation")
    assert (seen["by"], seen["what"]) == (getpass.getuser(), "route replay")
    data = json.loads(seen["data"])
    assert (data["examples"], data["version"]) == (2, found["version"])
    assert "Sanne" not in seen["data"]
    assert await pool.fetchval("select count(*) from archiver.entry") == before


async def test_messages_to_other_numbers_are_left_out(empty: str, file: Path, week: Week) -> None:
    assert (await compare(empty, file, "--number", NUMBER))["messages"] > 0
    assert (await compare(empty, file, "--number", "20000001"))["messages"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Missing option '--since'"),
        (("--since", "vorige week"), 2, "expected a time such as 2026-12-01T17:00"),
        (("--since", "2026-11-25", "--until", "2026-11-24"), 2, "expected a time after --since"),
        (("--since", "2026-11-23", "--config", "no.toml"), 1, "no.toml:0: file: cannot be read"),
        (("--since", "2026-11-23", "--examples", "5000"), 2, "is not in the range"),
        (("--since", "2026-11-23"), 1, "replay: "),
    ],
)
async def test_misuse_or_a_missing_database_is_reported(
    file: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    fault = await replay("postgresql://127.0.0.1:1/none", file, *arguments, code=code)
    assert words in fault and "Traceback" not in fault


async def test_unknown_version_is_refused(empty: str, file: Path, week: Week) -> None:
    said = await replay(empty, file, "--since", "2026-11-23", "--before", "0", code=1)
    assert "there is no version '0'" in said
