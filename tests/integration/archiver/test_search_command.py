"""`postkamer archive search`: finds with the master key, and puts the searcher on the record."""

import json
from pathlib import Path

import pytest

from archiver.search import log_position
from services.postgres.database import Pool
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.records import NOON, id_of, message, minutes, note
from tests.support.decrypted_record import keys_of, writer_of

PHONE = "31600000011"
WHY = ("--reason", "Woo-verzoek 2026-17")
COUNT = ("search", *WHY, "--count")
SEARCH = ("search", *WHY, "zwembad")


@pytest.fixture
async def pool(pool: Pool) -> Pool:
    records = [
        message("Het zwembad is dicht", phone=PHONE),
        message("Zwembaden\x1b[31m\ngaan open", "twee", at=NOON + minutes(1), type="image"),
        note("Belde over het zwembad", "sport", at=NOON + minutes(2)),
    ]
    await (await writer_of(pool)).add(records)
    return pool


async def position(pool: Pool, n: int, tenant: str = "almelo") -> str:
    return log_position.encode_position((await (await keys_of(pool)).index_keys(tenant)).proof, n)


async def test_hits_are_shown_in_dutch_time_without_control_characters(
    pool: Pool, archive: Archive
) -> None:
    assert (await archive(*SEARCH)).stdout.splitlines() == [
        "2026-11-20 13:02  sport  note   Belde over het zwembad",
        "2026-11-20 13:01  balie  image  Zwembaden [31m gaan open",
        "2026-11-20 13:00  balie  text   Het zwembad is dicht",
        f"3 found (--as-of {await position(pool, 3)})",
    ]


async def test_each_page_continues_the_previous_one(pool: Pool, archive: Archive) -> None:
    texts, after, as_of = [], (), await position(pool, 3)
    for _ in range(3):
        page = await archive.json(*SEARCH, "--limit", "1", *after)
        texts += [one["text"] for one in (*page["messages"], *page["notes"])]
        assert (page["total"], page["totalIsExact"], page["asOf"]) == (3, True, as_of)
        after = ("--after", page["next"] or "")
    assert page["next"] is None
    assert [text[:5] for text in texts] == ["Belde", "Zwemb", "Het z"]


async def test_count_follows_every_option_and_shows_no_hit(
    pool: Pool, archive: Archive, tmp_path: Path
) -> None:
    file = tmp_path / "number"
    file.write_text(f"+{PHONE}\n")
    for options, found in (
        (("--phone", f"+{PHONE}"), 2),  # and the note of that conversation
        (("--phone-file", file), 2),
        (("--bsuid", "NL.13491208655302741918"), 0),
        (("--conversation", id_of("twee")), 1),
        (("--department", "sport", "--department", "balie"), 3),
        (("--type", "image", "--type", "note"), 2),
        (("--direction", "in"), 2),
        (("--any", "belde", "--any", "dicht"), 2),
        (("--since", "2026-11-20T13:01", "--until", "2026-11-20T13:02"), 1),
        (("--oldest",), 3),
        (("--tenant", "almelo"), 3),
        (("--as-of", await position(pool, 1)), 1),
    ):
        count = await archive.json(*COUNT, "zwembad", *options)
        assert (count["total"], count["totalIsExact"]) == (found, True), options
        assert count.keys() == {"total", "totalIsExact", "asOf"}
    error = await archive.fails(*SEARCH, "--as-of", "a" * 48)
    assert error == "--as-of: is of no answer of ours\n"


async def test_search_is_on_the_record_without_its_words(pool: Pool, archive: Archive) -> None:
    options = ("--phone", PHONE, "--department", "balie", "--since", "2026-11-01")
    await archive(*SEARCH, *options)
    [row] = await pool.fetch("select what, by, tenant, data from access.operation")
    assert tuple(row)[:3] == ("archive search", OPERATOR, "almelo")
    assert json.loads(row["data"]) == {
        "why": "Woo-verzoek 2026-17",
        "by": ["words", "person"],
        "departments": ["balie"],
        "since": "2026-10-31T23:00:00Z",
        "until": None,
        "total": 1,
        "shown": 1,
        "asOf": await position(pool, 3),
    }


ONE_PERSON = "--phone, --phone-file and --bsuid: one of them"


async def test_wrong_options_are_refused_and_nothing_is_searched(
    pool: Pool, archive: Archive, tmp_path: Path
) -> None:
    (tmp_path / "number").write_text(PHONE)
    for arguments, error in (
        (("het", *WHY), "WORDS: has no word but those that are in nearly every message"),
        (("zwembad", "--any", "de", *WHY), "--any: has no word but those that are in nearly every"),
        (("--phone", "x", *WHY), "--phone: expected a telephone number"),
        (("--bsuid", "!", *WHY), "--phone or --bsuid: must be a phone number"),
        (("--phone", PHONE, "--bsuid", "NL.1", *WHY), ONE_PERSON),
        (("--phone", PHONE, "--phone-file", tmp_path / "number", *WHY), ONE_PERSON),
        (("--after", "x", "--conversation", "y", *WHY), "--conversation: must be the id"),
        (("zwembad", "--reason", " "), "--reason: expected a reason of 1 to 200 characters"),
        (("zwembad",), "Missing option '--reason'"),
        (("zwembad", "--limit", "201", *WHY), "--limit"),
    ):
        assert error in await archive.fails("search", *arguments, code=2)
    assert await pool.fetchval("select count(*) from access.operation") == 0


async def test_search_needs_the_master_key_of_the_archive(pool: Pool, archive: Archive) -> None:
    error = await archive.fails(*SEARCH, POSTKAMER_ARCHIVE_KEY="A" * 43 + "=")
    assert "POSTKAMER_ARCHIVE_KEY: it does not open this archive" in error


async def test_search_in_one_of_several_municipalities_needs_its_name(
    pool: Pool, archive: Archive
) -> None:
    await (await writer_of(pool)).add([message("Zwembad", tenant="hengelo")])
    error = await archive.fails(*SEARCH, code=2)
    assert error == "--tenant: expected one of almelo, hengelo\n"
    found = await archive(*COUNT, "zwembad", "--tenant", "hengelo")
    assert found.stdout == f"1 found (--as-of {await position(pool, 4, 'hengelo')})\n"
    assert await archive.fails(*SEARCH, "--tenant", "borne", code=2) == error
