"""What is aside is shown, opened and put into the record after all; by the real commands, on a real
PostgreSQL."""

import json
import stat
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from archiver.quarantine import Quarantine
from services import contract
from services.contract import ArchiveBatch
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.integration.archive_readers import typed
from tests.support.integration.log_fixture import message

GOOD, BAD = message(1), message(2, text=5)
OTHERS = [message(n) for n in (3, 4)]
WHY = ("--why", "de sleutel is terug")


@pytest.fixture
async def ids(pool: Pool) -> list[UUID]:
    """A record that could be sealed now, an envelope of two, one that never can, and nonsense."""
    put = Quarantine(pool, await keys_of(pool)).add
    bodies = [
        msgspec.msgpack.encode(GOOD),
        contract.encode(ArchiveBatch(records=OTHERS)),
        msgspec.msgpack.encode(BAD),
        b"\x00nonsense of 31600000011",
    ]
    return [await put("it cannot be sealed", body) for body in bodies]


async def listed(url: str) -> list[dict[str, Any]]:
    said = await typed(url, "aside", "list", "--json")
    assert said.exit_code == 0, said.output
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found


async def test_it_is_listed_with_its_reason_and_not_with_what_is_in_it(
    ids: list[UUID], empty: str
) -> None:
    found = await listed(empty)
    assert [one["id"] for one in found] == list(map(str, ids))
    assert {one["reason"] for one in found} == {"it cannot be sealed"}
    words = (await typed(empty, "aside", "list")).stdout
    assert words.splitlines()[-1] == "4 aside" and "3160" not in words


async def test_what_can_be_goes_into_the_record_once_and_is_aside_no_more(
    pool: Pool, ids: list[UUID], empty: str
) -> None:
    await (await writer_of(pool)).add(OTHERS[:1])  # the writer's publish was confirmed too late
    done = await typed(empty, "aside", "again", str(ids[0]), str(ids[1]), *WHY)
    assert (done.exit_code, done.stdout) == (0, "2 records are in the record now\n")
    assert sorted(row["id"] for row in await rows_of(pool)) == sorted(
        record.id for record in [GOOD, *OTHERS]
    )
    assert [one["id"] for one in await listed(empty)] == [str(id) for id in ids[2:]]
    [told] = await pool.fetch("select what, by, data::text from access.operation")
    assert (told["what"], told["by"]) == ("archive aside again", "S. Jansen")
    assert json.loads(told["data"])["records"] == 2
    gone = await typed(empty, "aside", "again", str(ids[0]), *WHY)
    assert (gone.exit_code, gone.stderr) == (1, f"there is nothing aside under {ids[0]}\n")


@pytest.mark.parametrize(
    ("nth", "why"),
    [
        (2, "its data is not what its kind says"),
        (3, "it is neither a record nor an envelope of this version: see `open`"),
    ],
)
async def test_of_several_of_which_one_cannot_be_none_is_taken(
    pool: Pool, ids: list[UUID], empty: str, nth: int, why: str
) -> None:
    done = await typed(empty, "aside", "again", str(ids[0]), str(ids[nth]), *WHY)
    assert (done.exit_code, done.stderr) == (1, f"{ids[nth]}: {why}\n")
    assert len(await listed(empty)) == 4
    assert await rows_of(pool) == []
    assert await pool.fetchval("select count(*) from access.operation") == 0


async def test_somebody_may_look_and_that_is_on_the_record(
    pool: Pool, ids: list[UUID], empty: str, tmp_path: Path
) -> None:
    out = tmp_path / "body"
    done = await typed(empty, "aside", "open", str(ids[3]), "--out", str(out), *WHY)
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == b"\x00nonsense of 31600000011"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    [told] = await pool.fetch("select what, about from access.operation")
    assert tuple(told) == ("archive aside open", str(ids[3]))
    assert len(await listed(empty)) == 4
    assert (await typed(empty, "aside", "open", str(ids[3]), "--out", str(out))).exit_code == 2


async def test_what_was_altered_is_said_and_left(pool: Pool, ids: list[UUID], empty: str) -> None:
    await pool.execute("update archiver.quarantine set sealed = sealed || '\\x00'::bytea")
    done = await typed(empty, "aside", "again", str(ids[0]), *WHY)
    assert done.exit_code == 1 and "it was altered, or its key was" in done.stderr
    assert len(await listed(empty)) == 4
