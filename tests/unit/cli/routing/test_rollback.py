"""A rollback to an earlier version of rules and texts: its files, and reasons for a refusal."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from cli.routing import rollback
from cli.routing.protections import LIFTED
from cli.routing.rollback import BACKUP_SUFFIX, Plan, apply_plan, plan_rollback
from cli.support.output import CommandRefused
from services.config import loader
from services.config.model import ConfigError
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_texts import rules_toml

MAIN = 'include = ["rules/*.toml"]\n' + TOML
STREET = rules_toml("straat: words = stoep", "groen")
FILES = {"postkamer.toml": MAIN, "rules/straat.toml": STREET}
VERSION = loader.version(FILES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The present configuration: it has another rule, and one more file."""
    folder = tmp_path / "town"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules/straat.toml").write_text(STREET.replace("stoep", "stoeptegel"))
    (folder / "rules/water.toml").write_text(rules_toml("water: words = gracht", "groen"))
    (folder / "notes.txt").write_text("of nobody's business")
    (folder / "postkamer.toml").write_text(MAIN)
    return folder / "postkamer.toml"


def plan(path: Path, files: dict[str, str] = FILES) -> Plan:
    present = None
    with suppress(ConfigError):
        present = loader.load(path).config
    return plan_rollback(loader.version(files), files, path, present)


def present_files(path: Path) -> dict[str, str]:
    files = (file for file in path.parent.rglob("*") if file.is_file())
    return {file.relative_to(path.parent).as_posix(): file.read_text() for file in files}


def test_rollback_restores_the_version_and_keeps_replaced_files(path: Path) -> None:
    before = present_files(path)
    planned = plan(path)
    assert planned == Plan(
        version=VERSION,
        written=["rules/straat.toml"],
        aside=["rules/water.toml"],
        same=["postkamer.toml"],
        restart=[],
    )
    assert present_files(path) == before
    apply_plan(planned, FILES, path)
    assert loader.load(path).version == VERSION
    kept = [name for name in before if name.startswith("rules/")]
    backups = {f"{name}.before-rollback": before[name] for name in kept}
    assert present_files(path) == FILES | backups | {"notes.txt": before["notes.txt"]}
    again = plan(path)
    assert (again.written, again.aside) == ([], [])


def test_missing_files_and_folders_are_restored(path: Path) -> None:
    for file in path.parent.glob("rules/*"):
        file.unlink()
    (path.parent / "rules").rmdir()
    path.write_text("nonsense = [")
    apply_plan(plan(path), FILES, path)
    assert loader.load(path).version == VERSION
    assert path.with_name("postkamer.toml" + BACKUP_SUFFIX).read_text() == "nonsense = ["


def test_written_file_has_the_mode_of_the_replaced_or_of_the_first_file(path: Path) -> None:
    rule = path.parent / "rules" / "straat.toml"
    rule.chmod(0o640)
    path.chmod(0o604)
    apply_plan(plan(path), FILES, path)
    assert rule.stat().st_mode & 0o777 == 0o640
    rule.unlink()
    apply_plan(plan(path), FILES, path)
    assert rule.stat().st_mode & 0o777 == 0o604


def test_byte_order_mark_and_line_ends_of_windows_are_no_difference(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + MAIN.replace("\n", "\r\n").encode())
    assert plan(path).same == ["postkamer.toml"]


@pytest.mark.parametrize(
    "name", ["../elsewhere.toml", "/etc/elsewhere.toml", "a/../../b.toml", "a/\0.toml"]
)
def test_name_outside_the_folder_is_refused(path: Path, name: str) -> None:
    with pytest.raises(CommandRefused, match="is not in the folder"):
        plan(path, FILES | {name: ""})


def test_link_out_of_the_folder_and_name_of_a_folder_are_refused(
    path: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "more.toml").touch()
    (path.parent / "link").symlink_to(tmp_path / "elsewhere")
    set_aside = {"postkamer.toml": MAIN.replace("rules/*.toml", "*/*.toml")}
    for files, reason in (
        ({"link/a.toml": ""}, "is not in the folder"),
        ({"rules": ""}, "is a folder here"),
        (set_aside, "is not in the folder"),
    ):
        with pytest.raises(CommandRefused, match=reason):
            plan(path, FILES | files)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("rules/straat.toml", STREET.replace("groen", "x"), r"^rules/straat.toml:4: .*'x'"),
        (
            "rules/straat.toml",
            STREET.replace("stoep", "!?"),
            r"^rules/straat.toml:3: rule straat: wo",
        ),
        ("postkamer.toml", "[", r"^postkamer.toml:0: file: is not valid TOML"),
        ("postkamer.toml", MAIN.replace("rules/*.toml", "/etc/hostname*"), "^"),
        ("postkamer.toml", MAIN.replace("rules/*.toml", "rules/*"), "stands here for the second"),
    ],
    ids=["department", "words", "TOML", "absolute path", "backup would be read"],
)
def test_version_that_a_service_would_refuse_is_refused(
    path: Path, name: str, text: str, reason: str
) -> None:
    before = present_files(path)
    with pytest.raises(CommandRefused, match=reason):
        plan(path, FILES | {name: text})
    assert present_files(path) == before


def test_changed_or_renamed_version_is_refused(path: Path) -> None:
    with pytest.raises(CommandRefused, match="its hash is another"):
        plan_rollback("0" * 12, FILES, path, None)
    with pytest.raises(CommandRefused, match=r"has no postkamer\.toml"):
        plan(path, {"other.toml": TOML})


KCC, GROEN = 'name = "Klantcontact"\n', 'name = "Openbare ruimte"\n'
CRM = 'id = "crm"\n'
HIDDEN, ASKING = "confidential = true\n", "ask_reason = true\n"
WITHOUT_GROEN = TOML.replace('"groen"\ntenant', '"water"\ntenant').replace('"groen"', '"water"')


@pytest.mark.parametrize(
    ("present", "restored", "lifted"),
    [
        (
            'environment = "production"\n' + TOML.replace(KCC, KCC + HIDDEN),
            TOML,
            'environment becomes "test", kcc of almelo is not confidential,'
            " kcc of borne is not confidential",
        ),
        (TOML.replace(GROEN, GROEN + HIDDEN), WITHOUT_GROEN, "groen of almelo is not confidential"),
        (TOML.replace(CRM, CRM + HIDDEN), TOML, "destination crm is not confidential"),
        (
            TOML.replace(GROEN, GROEN + HIDDEN + ASKING),
            TOML.replace(GROEN, GROEN + HIDDEN),
            "groen of almelo does not ask why its content is read",
        ),
        (TOML, 'environment = "production"\n' + TOML.replace(KCC, KCC + HIDDEN), None),
    ],
)
def test_version_that_protects_less_is_refused(
    path: Path, present: str, restored: str, lifted: str | None
) -> None:
    path.write_text(present)
    files = {"postkamer.toml": restored}
    if lifted is None:
        assert plan(path, files).written == ["postkamer.toml"]
        return
    with pytest.raises(CommandRefused) as refused:
        plan(path, files)
    assert str(refused.value) == LIFTED.format(loader.version(files), lifted)


def test_tables_that_need_a_restart_are_named(path: Path) -> None:
    path.write_text("partitions = 4\n" + MAIN)
    assert plan(path).restart == ["partitions"]


def test_full_disk_leaves_all_files_unchanged(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, fsync, calls = present_files(path), os.fsync, iter(range(10))

    def fail_second(file: int) -> None:
        if next(calls) == 1:
            raise OSError(28, "No space left on device")
        fsync(file)

    planned = plan(path)
    monkeypatch.setattr(rollback.os, "fsync", fail_second)
    with pytest.raises(OSError, match="No space"):
        apply_plan(planned, FILES, path)
    assert present_files(path) == before


PROVIDER = """
[[identity_providers]]
id = "idp"
tenant = "almelo"
issuer = "https://idp.example"
audience = "postkamer"
keys_url = "https://idp.example/keys"
[[identity_grants]]
provider = "idp"
value = "medewerker"
roles = ["read"]
"""
WIDE = """
[[identity_grants]]
provider = "idp"
value = "beheer"
roles = ["operator", "privacy"]
"""
MIDDLE = MAIN.replace("[[rules]]", PROVIDER + WIDE + "[[rules]]")
"""Rights of then, between other tables."""


@pytest.mark.parametrize(
    ("present", "kept"),
    [
        (MAIN, ["identity_providers", "identity_grants"]),
        (MAIN + PROVIDER, ["identity_grants"]),
        (MIDDLE, []),
    ],
)
def test_tables_that_give_rights_stay_as_they_are_now(
    path: Path, present: str, kept: list[str]
) -> None:
    path.write_text(present)
    files = FILES | {"postkamer.toml": MIDDLE}
    now = loader.load(path).config
    planned = plan(path, files)
    is_same = present == MIDDLE
    assert planned.kept == kept
    apply_plan(planned, files, path)
    restored = loader.load(path).config
    assert restored.identity_grants == now.identity_grants
    assert restored.identity_providers == now.identity_providers
    then = path.with_name("then.toml")
    then.write_text(MIDDLE)
    assert restored.rules == loader.load(then).config.rules
    assert (loader.load(path).version == loader.version(files)) is is_same
    again = plan(path, files)
    assert (again.written, again.aside) == ([], [])


def test_rights_of_a_first_file_that_cannot_be_read_or_split_are_not_brought_back(
    path: Path,
) -> None:
    files = FILES | {"postkamer.toml": MAIN + PROVIDER}
    inline = 'identity_grants = [{provider = "idp", value = "x", roles = ["read"]}]\n'
    for present, words in (
        ("nonsense = [", "cannot be read, so its rights"),
        (inline + MAIN + PROVIDER.partition("[[identity_grants")[0], "as tables of their own"),
    ):
        path.write_text(present)
        with pytest.raises(CommandRefused, match=words):
            plan(path, files)
        assert path.read_text() == present


TEST = """
[[tests]]
tenant = "almelo"
table = "tabel.csv"
at_least = 1.0
"""
TABLE = "text;department\nde stoep is kapot;groen\n"


def test_test_of_now_stays_and_a_version_that_falls_below_it_is_refused(path: Path) -> None:
    path.write_text(MAIN + TEST)
    table = path.with_name("tabel.csv")
    table.write_text(TABLE)
    planned = plan(path)
    assert (planned.kept, planned.aside) == (["tests"], ["rules/water.toml"])
    apply_plan(planned, FILES, path)
    restored = loader.load(path).config
    assert [test.table for test in restored.tests] == ["tabel.csv"]
    assert table.read_text() == TABLE
    table.write_text(TABLE + "de gracht stinkt;groen\n")
    with pytest.raises(CommandRefused) as refused:
        plan(path)
    assert str(refused.value) == (
        f"{table}:0: test of almelo: 1 of 2 messages (50 %) go to their department,"
        " and 100 % must: wrong are 1 of 2 of groen"
    )


def test_test_of_then_comes_back_if_the_first_file_of_now_cannot_be_read(path: Path) -> None:
    path.write_text("nonsense = [")
    path.with_name("tabel.csv").write_text(TABLE)
    files = FILES | {"postkamer.toml": MAIN + TEST}
    apply_plan(plan(path, files), files, path)
    assert loader.load(path).version == loader.version(files)
