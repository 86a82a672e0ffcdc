"""`postkamer rules` on a real PostgreSQL."""

import json

import pytest

from services.config import loader
from tests.support.config_files import approved_rules
from tests.support.integration.parked_deliveries import on
from tests.support.integration.rule_versions import Town


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


FIRST = "0" * 12
AWAY = {"POSTKAMER_DATABASE_URL": "postgresql://127.0.0.1:1/postkamer"}


@pytest.mark.parametrize(
    ("arguments", "env", "code", "fault"),
    [
        (("show", FIRST), {}, 1, "there is no version '000000000000'"),
        (("diff", FIRST, "1" * 12), {}, 1, "there is no version '000000000000'"),
        (("rollback", FIRST), {}, 1, "there is no version '000000000000'"),
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
