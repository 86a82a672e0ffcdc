"""What people do by command: on the record with its change, or not at all; by the real commands, on
a real PostgreSQL."""

import asyncio
import getpass
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archiver.operator_actions import record_operator_actions
from cli.main import main
from cli.routing.rollback import BACKUP_SUFFIX
from cli.support.audit import LONGEST_NAME
from services import clock
from services.config import loader
from services.contract import Record
from services.http.rights import ROLES
from services.ids import created_at
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.integration.cli.test_rule_versions import TOML, Town
from tests.support.decrypted_record import rows_of, writer_of
from tests.support.installation import EXAMPLE
from tests.support.integration.parked_deliveries import filled, ids, on
from tests.support.observer import until

SECONDS = 20.0
TOKEN = ("token", "add", "desk", "--tenant", "almelo", "--role", ROLES[0])


def typed(url: str, *arguments: str, by: str | None = "sanne", **more: str) -> Result:
    env = {
        "POSTKAMER_CONFIG": str(EXAMPLE),
        "POSTKAMER_DATABASE_URL": url,
        "POSTKAMER_OPERATOR": by,
    }
    return CliRunner().invoke(main, arguments, env=env | more)


async def rows(pool: Pool) -> list[dict[str, Any]]:
    found = await pool.fetch("select * from access.operation order by id")
    return [dict(row) | {"data": json.loads(row["data"])} for row in found]


def done(url: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """What there is a row of: what, about what, of which municipality, and more."""
    return [(r["what"], r["about"], r["tenant"], r["data"]) for r in on(url, rows)]


@pytest.fixture
def table(empty: str) -> str:
    return filled(empty)


def test_of_a_token_it_is_kept_what_it_may_and_never_what_it_is(table: str) -> None:
    made = typed(table, *TOKEN, "--department", "burgerzaken", "--expires", "2099-01-01T00:00:00Z")
    assert typed(table, "token", "revoke", "desk").exit_code == 0
    may = {"roles": ["send"], "departments": ["burgerzaken"], "people": False, "perSecond": 50}
    may |= {"burst": 100, "expiresAt": "2099-01-01T00:00:00Z"}
    assert done(table) == [
        ("token add", "desk", "almelo", may),
        ("token revoke", "desk", "almelo", {}),
    ]
    assert made.stdout.strip() not in str(on(table, rows))


def test_whoever_holds_a_destination_still_and_lets_it_go_is_on_record(table: str) -> None:
    for arguments in (("pause", "crm", "--reason", "onderhoud"), ("resume", "crm")):
        assert typed(table, "destination", *arguments).exit_code == 0
    assert done(table) == [
        ("destination pause", "crm", "", {"reason": "onderhoud"}),
        ("destination resume", "crm", "", {}),
    ]


def test_what_is_done_with_what_is_parked_says_which_and_how_many(table: str) -> None:
    which = ("--destination", "crm", "--tenant", "almelo")
    for arguments in (
        ("replay", *which, "--per-second", "5"),
        ("replay", *which, "--cancel"),
        ("drop", *ids(1, 2), "--reason", "dubbel"),
    ):
        assert typed(table, "parked", *arguments).exit_code == 0
    given = {"destination": "crm", "tenant": "almelo"}
    assert done(table) == [
        ("parked replay", "crm", "almelo", given | {"perSecond": 5, "count": 3}),
        ("parked replay --cancel", "crm", "almelo", given | {"count": 3}),
        ("parked drop", "", "", {"events": ids(1, 2), "reason": "dubbel", "count": 2}),
    ]


def test_whoever_lets_a_file_through_is_who_answers_for_it(table: str) -> None:
    id = str(clock.new_id())

    async def kept(pool: Pool) -> None:
        await pool.execute(
            "insert into archiver.media (id, tenant, number, conversation, department, announced,"
            " sealed, sent_at, state)"
            " values ($1, 'almelo', '1', '1-a', 'kcc', '{}', '', now(), 'quarantined')",
            id,
        )

    on(table, kept)
    assert typed(table, "files", "release", id, "--by", "A. Arts").exit_code == 0
    where = {"department": "kcc", "conversation": "1-a"}
    assert done(table) == [("files release", id, "almelo", where)]
    assert [row["by"] for row in on(table, rows)] == ["A. Arts"]


@pytest.fixture
def rules(empty: str, tmp_path: Path) -> Town:
    town = Town(tmp_path / "postkamer.toml", empty)
    asyncio.run(town.keep())
    return town


def test_whoever_goes_back_to_earlier_rules_is_on_record(rules: Town) -> None:
    assert rules("rollback", rules.first.version).exit_code == 0
    files = {"written": ["postkamer.toml"], "aside": []}
    assert done(rules.url) == [("rules rollback", rules.first.version, "", files)]
    assert rules("rollback", rules.first.version).stdout == "postkamer.toml is the same\n"
    assert len(done(rules.url)) == 1


def test_a_file_that_cannot_be_written_leaves_no_row(rules: Town) -> None:
    rules.path.with_name(f"postkamer.toml{BACKUP_SUFFIX}").mkdir()
    failed = rules("rollback", rules.first.version)
    assert (failed.exit_code, failed.stderr[:7]) == (1, "rules: ")
    assert done(rules.url) == []
    assert loader.load(rules.path).version == rules.second.version


NOTHING = [
    ("token", "revoke", "nobody"),
    ("destination", "resume", "crm"),
    ("destination", "pause", "crm3", "--reason", "x"),
    ("parked", "replay", "--destination", "crm", "--dry-run"),
    ("parked", "replay", "--destination", "crm", "--cancel"),
    ("parked", "replay", "--all"),  # crm2 is not in the configuration
    ("parked", "drop", "--all", "--reason", "x", "--dry-run"),
    ("parked", "drop", "--conversation", "none", "--reason", "x"),
    ("files", "release", ids(1)[0], "--by", "A. Arts"),
    ("parked", "list"),
    ("token", "list"),
]


@pytest.mark.parametrize("arguments", NOTHING, ids=" ".join)
def test_what_fails_or_changes_nothing_leaves_no_row(
    table: str, arguments: tuple[str, ...]
) -> None:
    typed(table, *arguments)
    assert done(table) == []


def test_what_was_done_before_is_not_done_again(table: str) -> None:
    for arguments in (TOKEN, TOKEN, ("token", "revoke", "desk"), ("token", "revoke", "desk")):
        typed(table, *arguments)
    assert [what for what, *_ in done(table)] == ["token add", "token revoke"]


def test_what_cannot_go_on_record_is_not_done(rules: Town) -> None:
    """The change and its row stand or fall together."""
    on(rules.url, lambda pool: pool.execute("alter table access.operation add check (false)"))
    assert typed(rules.url, *TOKEN).exit_code == 1
    assert typed(rules.url, "token", "list").stdout == ""
    assert rules("rollback", rules.first.version).exit_code == 1
    assert loader.load(rules.path).version == rules.second.version
    assert rules.path.read_text() == TOML.format("")


def test_who_did_it_is_said_by_the_environment_or_the_machine(table: str) -> None:
    for name, by in (("a", "Jan de Wit"), ("b", "")):
        assert typed(table, "token", "add", name, *TOKEN[3:], by=by).exit_code == 0
    assert [row["by"] for row in on(table, rows)] == ["Jan de Wit", getpass.getuser()]
    for by in ("x" * (LONGEST_NAME + 1), "a\nb"):
        refused = typed(table, "token", "add", "c", *TOKEN[3:], by=by)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert (
            refused.stderr
            == f"POSTKAMER_OPERATOR: expected a name of 1 to {LONGEST_NAME} characters\n"
        )
    assert len(done(table)) == 2


async def wrote(pool: Pool, count: int = 1, what: str = "token revoke") -> None:
    ids = [clock.new_id() for _ in range(count)]
    await pool.execute(
        "insert into access.operation (id, tenant, by, what, about, data)"
        " select unnest($1::uuid[]), 'almelo', 'sanne', $2, 'desk', '{\"count\":3,\"by\":\"x\"}'",
        ids,
        what,
    )


async def records(pool: Pool) -> list[Any]:
    kept = [row for row in await rows_of(pool) if row["kind"] == "operation"]
    return sorted(kept, key=lambda row: row["id"])


async def waits(pool: Pool) -> int:
    return int(await pool.fetchval("select count(*) from access.operation"))


async def all_recorded(pool: Pool) -> list[Any]:
    await until(lambda: waits(pool), lambda count: count == 0, SECONDS)
    return await records(pool)


async def test_each_is_recorded_once_as_it_was_done(pool: Pool, empty: str) -> None:
    url = f"{empty}?role=postkamer_archiver"  # with its rights and no more
    async with (
        connection_pool(url, "test", 2) as own,
        background_task(record_operator_actions(own, (await writer_of(own)).add)),
    ):
        await all_recorded(pool)
        await wrote(pool)  # while it runs
        await all_recorded(pool)
    await wrote(pool)
    [row] = await rows(pool)
    async with background_task(record_operator_actions(pool, (await writer_of(pool)).add)):
        *_, record = await all_recorded(pool)
    assert len(await records(pool)) == 2
    same = ("id", "at", "tenant")
    assert [record[name] for name in same] == [row[name] for name in same]
    assert json.loads(record["data"]) == {
        "what": "token revoke",
        "about": "desk",
        "by": "sanne",
        "count": 3,
    }
    assert (clock.now() - created_at(record["id"])).total_seconds() < SECONDS


async def test_who_dies_between_adding_and_marking_records_it_once_all_the_same(pool: Pool) -> None:
    await wrote(pool, 3)
    is_added, never = asyncio.Event(), asyncio.Event()

    async def add(records: list[Record]) -> None:
        await (await writer_of(pool)).add(records)
        is_added.set()
        await never.wait()

    dying = asyncio.create_task(record_operator_actions(pool, add))
    async with asyncio.timeout(SECONDS):
        await is_added.wait()
    dying.cancel()
    with suppress(asyncio.CancelledError):
        await dying
    assert (await waits(pool), len(await records(pool))) == (3, 3)
    async with background_task(record_operator_actions(pool, (await writer_of(pool)).add)):
        assert len(await all_recorded(pool)) == 3


async def test_one_that_the_record_refuses_keeps_no_other_from_it_and_stays(pool: Pool) -> None:
    await wrote(pool)
    await wrote(pool, what="x")
    await wrote(pool)
    id = next(row["id"] for row in await rows(pool) if row["what"] == "x")
    await pool.execute(f"alter table archiver.entry add check (id <> '{id}')")
    async with background_task(record_operator_actions(pool, (await writer_of(pool)).add)):
        await until(lambda: waits(pool), lambda count: count == 1, SECONDS)
        await wrote(pool)  # while that one is suspended
        await until(lambda: records(pool), lambda added: len(added) == 3, SECONDS)
    assert [json.loads(row["data"])["what"] for row in await records(pool)] == ["token revoke"] * 3
    [left] = await rows(pool)
    assert left["what"] == "x"
