"""`postkamer rules` on a real PostgreSQL."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.routing.protections import LIFTED
from services.config import loader
from services.postgres.database import Pool
from tests.support.cli.command_line import postkamer
from tests.support.config_files import approved_rules
from tests.support.integration.parked_deliveries import on
from tests.support.integration.rule_versions import NOON, Town


def versions_in_force(rules: Town, **env: str) -> tuple[list[bool | None], str]:
    """Return `inForce` of each version, the newest first, and the warning."""
    done = rules("list", "--json", **env)
    assert (done.exit_code, done.stderr) == (0, "")
    in_force = [each.get("inForce") for each in json.loads(done.stdout)]
    return in_force, rules("list", "--lang", "en", **env).stderr


def test_versions_are_listed_the_newest_first(rules: Town) -> None:
    done = rules("list")
    assert (done.exit_code, done.stdout) == (
        0,
        f"{rules.second.version}  2026-11-26 12:00:00Z  -  (geldt nu)\n"
        f"{rules.first.version}  2026-11-25 12:00:00Z  De secretaris, opgegeven\n",
    )
    second, first = json.loads(rules("list", "--json").stdout)
    assert first.pop("record") != second.pop("record")
    assert first == {
        "version": rules.first.version,
        "firstAt": "2026-11-25T12:00:00Z",
        "approvals": [
            {"by": "De secretaris", "identified": "stated", "at": "2026-11-25T12:00:00Z"}
        ],
        "inForce": False,
    }
    assert second["inForce"] is True


def test_rules_of_a_stored_version_are_compared_by_a_table_of_messages(
    rules: Town, tmp_path: Path
) -> None:
    table = tmp_path / "berichten.csv"
    table.write_text("text;department\nvraag;kcc\n")
    env = {"POSTKAMER_CONFIG": str(rules.path), "POSTKAMER_DATABASE_URL": rules.url}
    asked = "route", "test", table, "--json", "--against"
    done = postkamer(*asked, rules.first.version, env=env)
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["version"] == rules.second.version
    assert found["against"]["version"] == rules.first.version
    assert found["against"]["right"] == 1
    done = postkamer(*asked, "0" * 12, env=env)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "there is no version '000000000000'" in done.stderr


def test_version_in_force_is_marked_if_it_is_known(rules: Town) -> None:
    new = rules.write("Een ander").version
    warning = f"warning: version {new}, which is there now, has decided no message yet\n"
    assert versions_in_force(rules) == ([False, False], warning)
    rules.path.write_text("nonsense")
    warning = "warning: POSTKAMER_CONFIG cannot be read: see postkamer check\n"
    assert versions_in_force(rules) == ([None, None], warning)
    assert versions_in_force(rules, POSTKAMER_CONFIG="") == ([None, None], "")


def test_files_of_a_version_are_shown(rules: Town) -> None:
    done = rules("show", rules.first.version)
    text = approved_rules("De secretaris")
    assert (done.exit_code, done.stdout) == (0, f"==> postkamer.toml <==\n{text}\n")
    shown = json.loads(rules("show", rules.first.version, "--json").stdout)
    assert shown == {"version": rules.first.version, "files": {"postkamer.toml": text}}


def test_difference_between_two_versions_is_shown(rules: Town) -> None:
    versions = rules.first.version, rules.second.version
    done = rules("diff", *versions)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[3:5] == ['-approved_by = "De secretaris"', '+approved_by = ""']
    result = json.loads(rules("diff", *versions, "--json").stdout)
    assert (result["from"], result["to"]) == versions
    [file] = result["files"]
    assert (file["name"], file["diff"]) == ("postkamer.toml", done.stdout.splitlines())
    same = rules("diff", *versions[:1], *versions[:1])
    assert (same.stdout, same.stderr[:23]) == ("", f"de versies {versions[0]}")


def test_files_that_are_to_come_are_compared_with_a_version(rules: Town, tmp_path: Path) -> None:
    """So a second person sees what they stand for, before any router has read it."""
    files = tmp_path / "new" / "postkamer.toml"
    files.parent.mkdir()
    files.write_text(approved_rules("Een ander"))
    one, new = rules.first.version, loader.load(files).version
    done = rules("diff", one, "--config", str(files), "--json", POSTKAMER_CONFIG="")
    assert (done.exit_code, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["from"], found["to"]) == (one, new)
    assert found["files"][0]["diff"][3:5] == [
        '-approved_by = "De secretaris"', '+approved_by = "Een ander"']  # fmt: skip
    assert rules("diff", one).stdout == rules("diff", one, rules.second.version).stdout
    assert rules("diff", one, POSTKAMER_CONFIG="").exit_code == 2


def approved(rules: Town, version: str) -> list[tuple[str, str]]:
    shown = {each["version"]: each for each in json.loads(rules("list", "--json").stdout)}
    return [(each["by"], each["identified"]) for each in shown[version]["approvals"]]


def test_person_stands_for_a_version_once_and_on_the_record(rules: Town) -> None:
    version = rules.second.version
    for _ in range(2):
        done = rules("approve", "--by", "S. Jansen", "--lang", "en")
        assert (done.exit_code, done.stdout) == (
            0,
            f"S. Jansen stands for version {version} (stated)\n",
        )
    shown = json.loads(rules("approve", rules.first.version, "--by", "A. Arts", "--json").stdout)
    assert shown.pop("at")
    first = {"version": rules.first.version, "by": "A. Arts", "identified": "stated"}
    assert shown == first
    assert approved(rules, version) == [("S. Jansen", "stated")]
    assert approved(rules, rules.first.version) == [
        ("De secretaris", "stated"),
        ("A. Arts", "stated"),
    ]
    assert operations(rules) == [
        ("rules approve", version, "S. Jansen"),
        ("rules approve", rules.first.version, "A. Arts"),
    ]


def test_unproven_person_does_not_do_without_a_second_one(rules: Town) -> None:
    done = rules("approve", "--alone", "", "--lang", "en")
    assert (done.exit_code, done.stderr) == (
        2,
        "--alone: expected a reason of 1 to 200 characters\n",
    )
    stated = rules("approve", "--alone", "verkeerd nummer", "--by", "S. Jansen")
    assert stated.exit_code == 1 and "--alone is for a person who is proven" in stated.stderr
    assert operations(rules) == []


def operations(rules: Town) -> list[tuple[str, str, str]]:
    async def rows(pool: Pool) -> Any:
        return await pool.fetch("select what, about, by from access.operation order by id")

    return [tuple(row) for row in on(rules.url, rows)]


def test_files_that_are_to_come_are_approved_before_they_decide_anything(
    rules: Town, tmp_path: Path
) -> None:
    files = tmp_path / "new.toml"
    files.write_text(approved_rules("").replace("Klantcontact", "Burgerzaken"))
    said = rules("approve", "--config", str(files), "--by", "A. Arts", "--json").stdout
    assert json.loads(said)["version"] == loader.load(files).version
    files.write_text(approved_rules("").replace('fallback = "kcc"', 'fallback = "none"'))
    done = rules("approve", "--config", str(files), "--by", "A. Arts")
    assert done.exit_code == 1 and "new.toml" in done.stderr
    assert len(operations(rules)) == 1


def test_rollback_restores_the_version_and_keeps_the_replaced_file(rules: Town) -> None:
    done = rules("rollback", rules.first.version, "--dry-run")
    assert (done.exit_code, done.stdout) == (0, "postkamer.toml zou geschreven worden\n")
    assert loader.load(rules.path).version == rules.second.version
    done = rules("rollback", rules.first.version, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {
        "version": rules.first.version,
        "written": ["postkamer.toml"],
        "aside": [],
        "same": [],
        "kept": [],
        "restart": [],
        "waitsFor": 0,
        "dryRun": False,
    }
    assert loader.load(rules.path).version == rules.first.version
    kept = rules.path.with_name("postkamer.toml.before-rollback")
    assert kept.read_text() == approved_rules("")
    assert rules("rollback", rules.first.version).stdout == "postkamer.toml is hetzelfde\n"
    newest, oldest = rules("list").stdout.splitlines()
    assert newest.startswith(rules.second.version) and newest.endswith("-")
    assert oldest.startswith(rules.first.version) and oldest.endswith("(geldt nu)")
    assert versions_in_force(rules) == ([False, True], "")


def test_rollback_warns_of_tables_that_need_a_restart(rules: Town) -> None:
    rules.path.write_text("partitions = 4\n" + approved_rules(""))
    warning = "warning: partitions differs: running services refuse that until they are restarted"
    done = rules("rollback", rules.first.version, "--dry-run", "--lang", "en")
    assert done.stdout.splitlines()[1] == warning


GRANT = """
[[identity_providers]]
id = "entra"
tenant = "almelo"
issuer = "https://login.example/almelo"
audience = "postkamer"
keys_url = "https://login.example/keys"
[[identity_grants]]
provider = "entra"
value = "kcc"
roles = ["kcc"]
"""


@pytest.mark.parametrize(
    ("counted", "granted", "waits_for"), [(True, "", 0), (True, GRANT, 2), (False, "", 2)]
)
def test_rollback_says_how_many_persons_it_waits_for(
    rules: Town, counted: bool, granted: str, waits_for: int
) -> None:
    """It waits where rights stay as they are now, and where the version was there before the first
    one that asks for a second person."""
    for version in [rules.first.version] * counted + [rules.second.version]:
        on(rules.url, lambda pool, version=version: pool.execute(_ASKS, version))
    rules.path.write_text(approved_rules("") + granted)
    for options in (("--dry-run",), ()):
        said = rules("rollback", rules.first.version, *options, "--lang", "en").stdout
        warning = f"persons stand for these files: {waits_for}. Each runs postkamer rules approve"
        assert (warning in said) == bool(waits_for)
    present = loader.load(rules.path).version
    assert (present == rules.first.version) == (not granted)


_ASKS = "insert into router.in_force (version, asks, because) values ($1, true, 'approved')"


@pytest.mark.parametrize("is_readable", [True, False])
def test_rollback_takes_no_protection_away_also_when_the_files_of_now_cannot_be_read(
    rules: Town, is_readable: bool
) -> None:
    name = 'name = "Klantcontact"\n'
    text = approved_rules("").replace(name, f"{name}confidential = true\n")
    rules.path.write_text(text)
    rules.store(loader.load(rules.path), NOON + timedelta(days=2))
    on(rules.url, lambda pool: pool.execute(_UNREADABLE, msgspec.msgpack.encode({"other": "["})))
    present = text if is_readable else "nonsense = ["
    rules.path.write_text(present)
    said = LIFTED.format(rules.first.version, "kcc of almelo is not confidential")
    for options in (("--dry-run",), ()):
        done = rules("rollback", rules.first.version, *options)
        assert (done.exit_code, done.stdout, done.stderr.strip()) == (1, "", said)
    assert rules.path.read_text() == present
    assert operations(rules) == []


FIRST = "0" * 12
AWAY = {"POSTKAMER_DATABASE_URL": "postgresql://127.0.0.1:1/postkamer"}


@pytest.mark.parametrize(
    ("arguments", "env", "code", "fault"),
    [
        (("show", FIRST), {}, 1, "there is no version '000000000000'"),
        (("diff", FIRST, "1" * 12), {}, 1, "there is no version '000000000000'"),
        (("rollback", FIRST), {}, 1, "there is no version '000000000000'"),
        (("approve", FIRST), {}, 1, "there is no version '000000000000'"),
        (("approve", "--by", "a\nb"), {}, 2, "--by: expected a name"),
        (("approve",), {"POSTKAMER_CONFIG": ""}, 2, "POSTKAMER_CONFIG: is missing\n"),
        (("show",), {}, 2, "Missing argument 'VERSION'"),
        (("rollback", "x", "--force"), {}, 2, "No such option"),
        (("rollback", "x"), {"POSTKAMER_CONFIG": ""}, 2, "POSTKAMER_CONFIG: is missing\n"),
        (("list",), {"POSTKAMER_DATABASE_URL": ""}, 1, "POSTKAMER_DATABASE_URL: is missing\n"),
        (("list",), AWAY, 1, "rules: "),
    ],
)
def test_fault_is_reported_with_its_exit_code(
    rules: Town, arguments: tuple[str, ...], env: dict[str, str], code: int, fault: str
) -> None:
    done = rules(*arguments, **env)
    assert (done.exit_code, done.stdout) == (code, "")
    assert fault in done.stderr


def test_changed_row_is_not_restored(rules: Town) -> None:
    sql = (
        "update router.version set files ="
        " (select files from router.version where version <> $1) where version = $1"
    )
    on(rules.url, lambda pool: pool.execute(sql, rules.first.version))
    done = rules("rollback", rules.first.version)
    assert done.exit_code == 1 and "its hash is another" in done.stderr
    assert loader.load(rules.path).version == rules.second.version


_UNREADABLE = """
insert into router.version (version, record, first_at, approved_by, files)
select 'unreadable', gen_random_uuid(), max(first_at) + interval '1 day', '', $1
from router.version
"""
"""A version that is the newest, and that this Postkamer cannot read."""
