"""Going back to an earlier version of rules and texts: which files, where, and what is refused."""

import os
from pathlib import Path

import pytest

from cli.routing import rollback
from cli.routing.rollback import BACKUP_SUFFIX, Plan, apply_plan, plan_rollback
from cli.routing.rule_versions import diff_files
from cli.support.database import CommandRefused
from services.config import loader
from tests.support.cli.command_line import TOML

MAIN = 'include = ["rules/*.toml"]\n' + TOML
RULE = '[[rules]]\nid = "{}"\nwords = ["{}"]\ndepartment = "groen"\n'
THEN = {"postkamer.toml": MAIN, "rules/straat.toml": RULE.format("straat", "stoep")}
VERSION = loader.version(THEN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """What is there now: another rule, and a file more."""
    folder = tmp_path / "town"
    (folder / "rules").mkdir(parents=True)
    (folder / "rules" / "straat.toml").write_text(RULE.format("straat", "stoeptegel"))
    (folder / "rules" / "water.toml").write_text(RULE.format("water", "gracht"))
    (folder / "notes.txt").write_text("of nobody's business")
    path = folder / "postkamer.toml"
    path.write_text(MAIN)
    return path


def plan(path: Path, files: dict[str, str] = THEN) -> Plan:
    return plan_rollback(loader.version(files), files, path)


def there(path: Path) -> dict[str, str]:
    folder = path.parent
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_a_plan_names_each_file_and_changes_none(path: Path) -> None:
    before = there(path)
    assert plan(path) == Plan(
        version=VERSION,
        written=["rules/straat.toml"],
        aside=["rules/water.toml"],
        same=["postkamer.toml"],
        restart=[],
    )
    assert there(path) == before


def test_afterwards_the_version_is_what_is_there_and_what_was_is_kept(path: Path) -> None:
    before = there(path)
    apply_plan(plan(path), THEN, path)
    assert loader.load(path).version == VERSION
    assert there(path) == THEN | {
        "rules/straat.toml.before-rollback": before["rules/straat.toml"],
        "rules/water.toml.before-rollback": before["rules/water.toml"],
        "notes.txt": before["notes.txt"],
    }
    again = plan(path)
    assert (again.written, again.aside) == ([], [])


def test_files_and_folders_that_are_gone_come_back(path: Path) -> None:
    for file in path.parent.glob("rules/*"):
        file.unlink()
    (path.parent / "rules").rmdir()
    path.write_text("nonsense = [")
    apply_plan(plan(path), THEN, path)
    assert loader.load(path).version == VERSION
    assert path.with_name("postkamer.toml" + BACKUP_SUFFIX).read_text() == "nonsense = ["


def test_what_is_written_may_be_read_by_who_could_read_what_was_there(path: Path) -> None:
    rule = path.parent / "rules" / "straat.toml"
    rule.chmod(0o640)
    path.chmod(0o604)
    apply_plan(plan(path), THEN, path)
    assert rule.stat().st_mode & 0o777 == 0o640
    rule.unlink()
    apply_plan(plan(path), THEN, path)
    assert rule.stat().st_mode & 0o777 == 0o604


def test_a_mark_of_windows_and_line_ends_are_no_difference(path: Path) -> None:
    text = MAIN.replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert plan(path).same == ["postkamer.toml"]


@pytest.mark.parametrize(
    "name", ["../elsewhere.toml", "/etc/elsewhere.toml", "a/../../b.toml", "a/\0.toml"]
)
def test_a_name_does_not_leave_the_folder(path: Path, name: str) -> None:
    with pytest.raises(CommandRefused, match="is not in the folder"):
        plan(path, THEN | {name: ""})


def test_nor_does_it_by_a_link_or_stand_for_a_folder(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (path.parent / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CommandRefused, match="is not in the folder"):
        plan(path, THEN | {"link/a.toml": ""})
    with pytest.raises(CommandRefused, match="is a folder here"):
        plan(path, THEN | {"rules": ""})
    with pytest.raises(CommandRefused, match="is not in the folder"):  # what would be set aside
        (tmp_path / "elsewhere" / "more.toml").touch()
        linked = MAIN.replace("rules/*.toml", "*/*.toml")
        plan(path, THEN | {"postkamer.toml": linked})


WRONG = {
    "a department that is not there": (
        {"rules/straat.toml": RULE.format("straat", "stoep").replace("groen", "x")},
        r"^rules/straat.toml:4: rules.1.department: .*'x'",
    ),
    "words that the router cannot read": (
        {"rules/straat.toml": RULE.format("straat", "!?")},
        r"^rules/straat.toml:3: rules.1.words.0: ",
    ),
    "no TOML": ({"postkamer.toml": "["}, r"^postkamer.toml:0: file: is not valid TOML"),
    "a path of its own": (
        {"postkamer.toml": MAIN.replace("rules/*.toml", "/etc/hostname*")},
        "^",
    ),
    "what is kept beside it would be read": (
        {"postkamer.toml": MAIN.replace("rules/*.toml", "rules/*")},
        "stands here for the second time",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_version_that_a_service_would_refuse_is_refused(path: Path, case: str) -> None:
    files, says = WRONG[case]
    before = there(path)
    with pytest.raises(CommandRefused, match=says):
        plan(path, THEN | files)
    assert there(path) == before


def test_what_is_not_what_its_version_says_is_refused(path: Path) -> None:
    with pytest.raises(CommandRefused, match="its hash is another"):
        plan_rollback("0" * 12, THEN, path)
    with pytest.raises(CommandRefused, match=r"has no postkamer\.toml"):
        plan(path, {"other.toml": TOML})


def test_what_services_read_at_their_start_alone_is_told(path: Path) -> None:
    path.write_text("partitions = 4\n" + MAIN)
    assert plan(path).restart == ["partitions"]


def test_a_disk_that_is_full_leaves_everything_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, fsync = there(path), os.fsync
    calls = iter(range(10))

    def full(file: int) -> None:
        if next(calls) == 1:
            raise OSError(28, "No space left on device")
        fsync(file)

    ready = plan(path)
    monkeypatch.setattr(rollback.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        apply_plan(ready, THEN, path)
    assert there(path) == before


def test_a_difference_is_told_as_a_patch_for_each_file_that_differs() -> None:
    one = {"a.toml": "x = 1\ny = 2\n", "b.toml": "z = 3\n", "same.toml": ""}
    other = {"a.toml": "x = 1\ny = 3", "c.toml": "w = 4\n", "same.toml": ""}
    found = {each.name: each.diff for each in diff_files(one, other)}
    unended = "\\ No newline at end of file"
    head = ["--- a/a.toml", "+++ b/a.toml", "@@ -1,2 +1,2 @@"]
    assert found == {
        "a.toml": [*head, " x = 1", "-y = 2", "+y = 3", unended],
        "b.toml": ["--- a/b.toml", "+++ /dev/null", "@@ -1 +0,0 @@", "-z = 3"],
        "c.toml": ["--- /dev/null", "+++ b/c.toml", "@@ -0,0 +1 @@", "+w = 4"],
    }
    assert list(diff_files(one, one)) == []
