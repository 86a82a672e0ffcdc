"""`postkamer route replay` on a real archive: the rules of then beside others."""

import asyncio
import getpass
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver import table_partitions
from router.handlers.units import keyed_hash
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
    """The town's rules."""
    (tmp_path / "texts").symlink_to(FOLDER)
    file = tmp_path / "town.toml"
    file.write_text(TOWN)
    return file


@pytest.fixture
async def week(pool: Pool, file: Path) -> Week:
    """Two days, on record: what came in, what desks did, what was due."""
    town = loader.load(file)
    week = Week(town)
    await _kept(pool, town)
    # Two telephones of one person: what either of them writes later is in the first conversation.
    [one], [other] = week.hears(50, "ik wil een paspoort"), week.hears(51, "afval")
    week.passes(minutes=1)
    week.orders("merge", one.conversation, merge_from=other.conversation)
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
    await _recorded(pool, week)
    return week


async def _kept(pool: Pool, town: loader.LoadedConfig) -> None:
    """The version of its rules, as the router keeps it."""
    version = create_version(town, MONDAY, keyed_hash(b"a key of the tests"))
    await pool.execute(
        "insert into router.version (version, record, first_at, approved_by, files)"
        " values ($1, $2, $3, $4, $5)",
        *msgspec.structs.astuple(version),
    )


async def _recorded(pool: Pool, week: Week) -> None:
    await table_partitions.create_partitions(pool, MONDAY.date())
    writer = await writer_of(pool)
    assert await writer.add(week.records) == len({record.id for record in week.records})


async def _asked(url: str, file: Path, *more: object, code: int = 0) -> Any:
    """What the command says, and has changed nothing by."""
    env = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_CONFIG": str(file)}
    env["POSTKAMER_ARCHIVE_KEY"] = KEY
    command = ("route", "replay", *more)
    done = await asyncio.to_thread(lambda: postkamer(*command, env=env))
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.stderr


async def _shown(url: str, file: Path, *more: object, since: datetime = MONDAY) -> Any:
    said = await _asked(url, file, "--since", since.isoformat(), *more, "--json")
    return json.loads(said)


async def test_the_rules_of_then_make_no_difference(empty: str, file: Path, week: Week) -> None:
    found = await _shown(empty, file)
    heard = sum(r.kind == "message" and b'"direction":"in"' in r.data for r in week.records)
    assert (found["messages"], found["conversations"]) == (heard, 41)
    assert found["elsewhere"] == {"messages": 0, "conversations": 0}
    assert found["otherRule"] == found["unread"] == 0
    assert found["tags"] == found["care"] == found["moves"] == []
    assert found["before"] == found["version"] == week.ground.version
    half = MONDAY + (week.now - MONDAY) / 2
    later = await _shown(empty, file, since=half)
    assert 0 < later["messages"] < heard
    early = await _shown(empty, file, "--until", half.isoformat())
    assert early["messages"] + later["messages"] == heard


async def test_other_rules_make_a_table_without_a_word_of_anybody(
    empty: str, pool: Pool, file: Path, week: Week
) -> None:
    new = file.parent / "new.toml"
    new.write_text(TOWN.replace('"container", "afval"', '"vuilnis"'))
    before = await pool.fetchval("select count(*) from archiver.entry")
    found = await _shown(empty, file, "--config", new)
    assert found["before"] == week.ground.version != found["version"]
    assert found["elsewhere"]["conversations"] == 40
    assert {(m["from"], m["to"]) for m in found["moves"]} >= {("afval", "balie")}
    said = await _asked(empty, file, "--since", "2026-11-23", "--config", new)
    assert f"{found['elsewhere']['messages']} messages in 40 conversations would go" in said
    assert "Sanne" not in said + json.dumps(found)
    shown = await _asked(empty, file, "--since", "2026-11-23", "--config", new, "--examples", 2)
    assert [line for line in shown.splitlines() if " -> " in line] == [
        f'afval -> balie: "{text}"' for text in ("afval", f"{SECRET} 1")
    ]
    (seen,) = await pool.fetch("select by, what, data from access.operation")
    assert (seen["by"], seen["what"]) == (getpass.getuser(), "route replay")
    data = json.loads(seen["data"])
    assert (data["examples"], data["version"]) == (2, found["version"])
    assert "Sanne" not in seen["data"]
    assert await pool.fetchval("select count(*) from archiver.entry") == before


async def test_of_another_number_nothing_is_looked_at(empty: str, file: Path, week: Week) -> None:
    assert (await _shown(empty, file, "--number", NUMBER))["messages"] > 0
    assert (await _shown(empty, file, "--number", "20000001"))["messages"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Missing option '--since'"),
        (("--since", "vorige week"), 2, "expected a time such as 2026-12-01T17:00"),
        (("--since", "2026-11-25", "--until", "2026-11-24"), 2, "expected a time after --since"),
        (("--since", "2026-11-23", "--config", "no.toml"), 1, "no.toml:0: file: cannot be read"),
        (("--since", "2026-11-23", "--examples", "5000"), 2, "is not in the range"),
    ],
)
async def test_misuse_is_said(
    empty: str, file: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    assert words in await _asked(empty, file, *arguments, code=code)


async def test_a_version_that_is_not_on_record_is_refused(
    empty: str, file: Path, week: Week
) -> None:
    said = await _asked(empty, file, "--since", "2026-11-23", "--before", "0", code=1)
    assert "there is no version '0'" in said


async def test_a_database_that_is_not_there_is_said(file: Path) -> None:
    url = "postgresql://127.0.0.1:1/none"
    said = await _asked(url, file, "--since", "2026-11-23", code=1)
    assert said.startswith("replay: ")
    assert "Traceback" not in said
