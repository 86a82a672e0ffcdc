"""`postkamer rules` as its own process would run it, on a real PostgreSQL."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from router.handlers.units import keyed_hash
from router.ruleset.context import create_version
from router.store.store import Store
from services.config import loader
from services.config.loader import LoadedConfig
from services.postgres.database import connection_pool
from services.postgres.migrations import migrate
from tests.integration.conftest import all_migrations
from tests.integration.router.test_active_rules import TOML

Command = Callable[..., Result]
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
APPROVED = ("De secretaris", "")


class Town:
    """A configuration of which two versions were in force; the second is there now."""

    def __init__(self, path: Path, url: str) -> None:
        self.path, self.url = path, url
        self.first, self.second = (self.written(name) for name in APPROVED)

    def written(self, approved_by: str) -> LoadedConfig:
        self.path.write_text(TOML.format(approved_by))
        return loader.load(self.path)

    async def keep(self) -> None:
        await migrate(self.url, all_migrations())
        async with connection_pool(self.url, "test", 1) as pool:
            for n, each in enumerate((self.first, self.second)):
                at = NOON + n * timedelta(days=1)
                await Store(pool).store_version(create_version(each, at, keyed_hash(b"k")))

    def __call__(self, *arguments: str) -> Result:
        env = {"POSTKAMER_CONFIG": str(self.path), "POSTKAMER_DATABASE_URL": self.url}
        return CliRunner().invoke(main, ["rules", *arguments], env=env)


@pytest.fixture
def rules(empty: str, tmp_path: Path) -> Town:
    town = Town(tmp_path / "postkamer.toml", empty)
    asyncio.run(town.keep())
    return town


def test_versions_are_listed_the_newest_first(rules: Town) -> None:
    done = rules("list")
    assert (done.exit_code, done.stdout) == (
        0,
        f"{rules.second.version}  2026-11-26 12:00:00Z  -  (in force)\n"
        f"{rules.first.version}  2026-11-25 12:00:00Z  De secretaris\n",
    )
    second, first = json.loads(rules("list", "--json").stdout)
    assert first.pop("record") != second.pop("record")
    assert first == {
        "version": rules.first.version,
        "firstAt": "2026-11-25T12:00:00Z",
        "approvedBy": "De secretaris",
        "inForce": False,
    }
    assert second["inForce"] is True


def test_after_a_rollback_the_older_one_is_marked(rules: Town) -> None:
    assert rules("rollback", rules.first.version).exit_code == 0
    newest, oldest = rules("list").stdout.splitlines()
    assert newest.startswith(rules.second.version) and newest.endswith("-")
    assert oldest.startswith(rules.first.version) and oldest.endswith("(in force)")
    assert [each["inForce"] for each in json.loads(rules("list", "--json").stdout)] == [False, True]


def test_what_is_in_force_is_said_only_where_that_is_known(rules: Town) -> None:
    new = rules.written("Een ander").version
    done = rules("list", "--json")
    assert [each["inForce"] for each in json.loads(done.stdout)] == [False, False]
    assert done.stderr == f"warning: nothing was decided yet by {new}, which is there now\n"
    rules.path.write_text("nonsense")
    done = rules("list", "--json")
    assert not any("inForce" in each for each in json.loads(done.stdout))
    assert done.stderr == "warning: POSTKAMER_CONFIG cannot be read: see postkamer check\n"
    env = {"POSTKAMER_CONFIG": "", "POSTKAMER_DATABASE_URL": rules.url}
    done = CliRunner().invoke(main, ["rules", "list", "--json"], env=env)
    assert (done.exit_code, done.stderr) == (0, "")
    assert not any("inForce" in each for each in json.loads(done.stdout))


def test_the_files_of_a_version_are_shown(rules: Town) -> None:
    done = rules("show", rules.first.version)
    text = TOML.format("De secretaris")
    assert (done.exit_code, done.stdout) == (0, f"==> postkamer.toml <==\n{text}\n")
    shown = json.loads(rules("show", rules.first.version, "--json").stdout)
    assert shown == {"version": rules.first.version, "files": {"postkamer.toml": text}}


def test_what_differs_between_two_is_shown(rules: Town) -> None:
    done = rules("diff", rules.first.version, rules.second.version)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[3:5] == ['-approved_by = "De secretaris"', '+approved_by = ""']
    said = json.loads(rules("diff", rules.first.version, rules.second.version, "--json").stdout)
    assert (said["from"], said["to"]) == (rules.first.version, rules.second.version)
    [file] = said["files"]
    assert (file["name"], file["diff"]) == ("postkamer.toml", done.stdout.splitlines())
    assert rules("diff", rules.first.version, rules.first.version).stdout == ""


def test_the_way_back_is_told_first_and_taken_then(rules: Town) -> None:
    told = rules("rollback", rules.first.version, "--dry-run")
    assert (told.exit_code, told.stdout) == (0, "postkamer.toml would be written\n")
    assert loader.load(rules.path).version == rules.second.version
    done = rules("rollback", rules.first.version, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "version": rules.first.version,
        "written": ["postkamer.toml"],
        "aside": [],
        "same": [],
        "restart": [],
        "dryRun": False,
    }
    assert loader.load(rules.path).version == rules.first.version
    kept = rules.path.with_name("postkamer.toml.before-rollback")
    assert kept.read_text() == TOML.format("")
    assert rules("rollback", rules.first.version).stdout == "postkamer.toml is the same\n"


def test_what_services_do_not_take_without_a_restart_is_warned_of(rules: Town) -> None:
    rules.path.write_text("partitions = 4\n" + TOML.format(""))
    told = rules("rollback", rules.first.version, "--dry-run").stdout.splitlines()
    assert (
        told[1]
        == "warning: partitions differ: services that run refuse it until they are restarted"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "0" * 12), 1, "there is no version '000000000000'"),
        (("diff", "0" * 12, "1" * 12), 1, "there is no version '000000000000'"),
        (("rollback", "0" * 12), 1, "there is no version '000000000000'"),
        (("show",), 2, "Missing argument 'VERSION'"),
        (("rollback", "x", "--force"), 2, "No such option"),
    ],
)
def test_what_cannot_be_is_said_with_its_exit_code(
    rules: Town, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = rules(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert says in done.stderr


def test_without_a_configuration_or_a_database_it_is_said_which_is_missing(rules: Town) -> None:
    env = {"POSTKAMER_CONFIG": "", "POSTKAMER_DATABASE_URL": rules.url}
    done = CliRunner().invoke(main, ["rules", "rollback", rules.first.version], env=env)
    assert (done.exit_code, done.stderr) == (2, "POSTKAMER_CONFIG: is missing\n")
    done = CliRunner().invoke(main, ["rules", "list"], env={"POSTKAMER_DATABASE_URL": ""})
    assert (done.exit_code, done.stderr) == (1, "POSTKAMER_DATABASE_URL: is missing\n")
    away = "postgresql://127.0.0.1:1/postkamer"
    done = CliRunner().invoke(main, ["rules", "list"], env={"POSTKAMER_DATABASE_URL": away})
    assert (done.exit_code, done.stderr[:7]) == (1, "rules: ")


def test_a_row_that_was_changed_is_not_brought_back(rules: Town) -> None:
    async def change() -> None:
        async with connection_pool(rules.url, "test", 1) as pool:
            await pool.execute(
                "update router.version set files ="
                " (select files from router.version where version <> $1) where version = $1",
                rules.first.version,
            )

    asyncio.run(change())
    done = rules("rollback", rules.first.version)
    assert done.exit_code == 1 and "its hash is another" in done.stderr
    assert loader.load(rules.path).version == rules.second.version
