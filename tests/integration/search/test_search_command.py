"""`postkamer archive search`: finds with the master key, and who looked is on the record."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archiver.search import log_position
from cli.main import main
from services.postgres.database import Pool
from tests.support.decrypted_record import KEY, keys_of, writer_of
from tests.support.integration.search_fixture import (
    NOON,
    citizen,
    conversation,
    message,
    minutes,
    note,
)

PHONE = "31600000011"
WHY = ("--why", "Woo-verzoek 2026-17")


@pytest.fixture
async def pool(pool: Pool) -> Pool:
    records = [
        message("Het zwembad is dicht", at=NOON, **citizen(PHONE)),
        message("Zwembaden\x1b[31m\ngaan open", at=NOON + minutes(1), within="twee", type="image"),
        note("Belde over het zwembad", at=NOON + minutes(2), department="sport"),
    ]
    await (await writer_of(pool)).add(records)
    return pool


async def ran(url: str, *arguments: str, why: tuple[str, ...] = WHY, key: str = KEY) -> Result:
    env = {"POSTKAMER_DATABASE_URL": url, "POSTKAMER_ARCHIVE_KEY": key}
    env |= {"POSTKAMER_OPERATOR": "sanne"}
    command = ["archive", "search", *arguments, *why]
    return await asyncio.to_thread(CliRunner().invoke, main, command, env=env)


async def told(pool: Pool, place: int, tenant: str = "almelo") -> str:
    """That place in the log, as an answer has it."""
    return log_position.encode_position(await (await keys_of(pool)).hash_key(tenant), place)


async def operations(pool: Pool) -> list[dict[str, Any]]:
    found = await pool.fetch("select * from access.operation order by id")
    return [dict(row) | {"data": json.loads(row["data"])} for row in found]


async def test_it_shows_a_table_in_dutch_time_that_no_terminal_acts_upon(
    pool: Pool, empty: str
) -> None:
    done, then = await ran(empty, "zwembad"), await told(pool, 3)
    assert done.stdout.splitlines() == [
        "2026-11-20 13:02  sport  note   Belde over het zwembad",
        "2026-11-20 13:01  balie  image  Zwembaden [31m gaan open",
        "2026-11-20 13:00  balie  text   Het zwembad is dicht",
        f"3 found (--as-of {then})",
    ]
    assert done.exit_code == 0


async def test_pages_follow_on_each_other(pool: Pool, empty: str) -> None:
    texts, after, then = [], (), await told(pool, 3)
    for _ in range(3):
        page = json.loads((await ran(empty, "zwembad", "--limit", "1", "--json", *after)).stdout)
        texts += [one["text"] for one in (*page["messages"], *page["notes"])]
        assert (page["total"], page["totalIsExact"], page["asOf"]) == (3, True, then)
        after = ("--after", page["next"] or "")
    assert page["next"] is None
    assert [text[:5] for text in texts] == ["Belde", "Zwemb", "Het z"]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--phone", f"+{PHONE}"), 2),  # and the note of that conversation
        (("--bsuid", "NL.13491208655302741918"), 0),
        (("--conversation", conversation("twee")), 1),
        (("--department", "sport", "--department", "balie"), 3),
        (("--type", "image", "--type", "note"), 2),
        (("--direction", "in"), 2),
        (("--any", "belde", "--any", "dicht"), 2),
        (("--since", "2026-11-20T13:01", "--until", "2026-11-20T13:02"), 1),
        (("--oldest",), 3),
        (("--tenant", "almelo"), 3),
    ],
)
async def test_it_counts_what_fits_and_shows_none(
    pool: Pool, empty: str, options: tuple[str, ...], found: int
) -> None:
    done = await ran(empty, "zwembad", "--count", "--json", *options)
    told = json.loads(done.stdout)
    assert (told["total"], told["totalIsExact"]) == (found, True)
    assert told.keys() == {"total", "totalIsExact", "asOf"}


async def test_the_number_need_not_stand_in_a_history(
    pool: Pool, empty: str, tmp_path: Path
) -> None:
    file = tmp_path / "number"
    file.write_text(f"+{PHONE}\n")
    done = await ran(empty, "--phone-file", str(file), "--count", "--json")
    assert json.loads(done.stdout)["total"] == 2
    both = await ran(empty, "--phone-file", str(file), "--phone", PHONE, "--count")
    assert (both.exit_code, both.stderr) == (
        2,
        "--phone, --phone-file and --bsuid: one of them\n",
    )


async def test_it_counts_what_there_was_then(pool: Pool, empty: str) -> None:
    done = await ran(empty, "zwembad", "--count", "--json", "--as-of", await told(pool, 1))
    assert json.loads(done.stdout) == {
        "total": 1,
        "totalIsExact": True,
        "asOf": await told(pool, 1),
    }
    other = await ran(empty, "zwembad", "--as-of", "a" * 48)
    assert (other.exit_code, other.stderr) == (1, "--as-of: is of no answer of ours\n")


async def test_who_looked_and_why_is_on_the_record_and_not_for_what(pool: Pool, empty: str) -> None:
    await ran(empty, "zwembad", "--phone", PHONE, "--department", "balie", "--since", "2026-11-01")
    [row] = await operations(pool)
    assert (row["what"], row["by"], row["tenant"]) == ("archive search", "sanne", "almelo")
    assert row["data"] == {
        "why": "Woo-verzoek 2026-17",
        "by": ["words", "person"],
        "departments": ["balie"],
        "since": "2026-10-31T23:00:00Z",
        "until": None,
        "total": 1,
        "shown": 1,
        "asOf": await told(pool, 3),
    }


@pytest.mark.parametrize(
    ("arguments", "why", "told"),
    [
        (("het",), WHY, "WORDS: has no word but those that are in nearly every message"),
        (("zwembad", "--any", "de"), WHY, "--any: has no word but those that are in nearly every"),
        (("--phone", "x"), WHY, "--phone: expected a telephone number"),
        (("--bsuid", "!"), WHY, "--phone or --bsuid: must be a phone number"),
        (("--phone", PHONE, "--bsuid", "NL.1"), WHY, "--phone, --phone-file and --bsuid: one"),
        (("--after", "x", "--conversation", "y"), WHY, "--conversation: must be the id"),
        (("zwembad",), ("--why", " "), "--why: expected a reason of 1 to 200 characters"),
        (("zwembad",), (), "Missing option '--why'"),
        (("zwembad", "--limit", "201"), WHY, "--limit"),
    ],
)
async def test_what_is_misused_is_not_looked_for(
    pool: Pool, empty: str, arguments: tuple[str, ...], why: tuple[str, ...], told: str
) -> None:
    done = await ran(empty, *arguments, why=why)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert await operations(pool) == []


async def test_another_key_opens_nothing(pool: Pool, empty: str) -> None:
    done = await ran(empty, "zwembad", key="A" * 43 + "=")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "POSTKAMER_ARCHIVE_KEY: it does not open this archive" in done.stderr


async def test_where_there_are_several_municipalities_one_must_be_named(
    pool: Pool, empty: str
) -> None:
    await (await writer_of(pool)).add([message("Zwembad", tenant="hengelo")])
    done = await ran(empty, "zwembad")
    assert (done.exit_code, done.stderr) == (1, "--tenant: expected one of almelo, hengelo\n")
    found = await ran(empty, "zwembad", "--tenant", "hengelo", "--count")
    assert found.stdout == f"1 found (--as-of {await told(pool, 4, 'hengelo')})\n"
    assert (await ran(empty, "zwembad", "--tenant", "borne")).exit_code == 1
