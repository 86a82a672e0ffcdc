"""The script by which another machine fetches back-ups: what the machine shows that may be lost
deletes none that were fetched."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "deploy" / "one_machine" / "copy_backups.sh"
PAGE = ROOT / "docs" / "operators" / "one-machine.md"
DAY = 86_400
HEADS = 600
ORDER, HEAD = "destruction/00000000000000000001", "head/{:020}"
NIGHTS = ("2026-12-01T011500", "2026-12-02T011500")
REMOTE = """#!/bin/sh
# As sshd does with the line of authorized_keys on the page, for a machine in a folder.
shift
export SSH_ORIGINAL_COMMAND="$(printf '%s' "$*" | sed "s| /var/| $MACHINE/var/|g")"
[ -n "$PIECES" ] || exec rrsync -ro -absolute "$MACHINE/var"
rrsync -ro -absolute "$MACHINE/var" | dd bs=8192 count="$PIECES" status=none
"""
needs_rsync = pytest.mark.skipif(
    not (shutil.which("rsync") and shutil.which("rrsync")),
    reason="no rsync: deploy/setup.sh copies",
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the machine whose back-ups are fetched, beside the folder in which they are kept."""
    (tmp_path / "remote").write_text(REMOTE)
    (tmp_path / "remote").chmod(0o755)
    folder = tmp_path / "machine" / "var"
    for name in ("base", "wal"):
        (folder / "backups" / "postkamer" / name).mkdir(parents=True)
    for name in ("destruction", "head", "outcome", "sealed"):
        (folder / "lib" / "postkamer" / "objects" / name).mkdir(parents=True)
    return folder


def copy(part: str, machine: Path, *, pieces: str = "", now: str = "") -> tuple[int, str]:
    """Run a part of the script, and return its exit code and what cron would mail. The connection
    ends after as many `pieces`; `now` is the minute."""
    own = machine.parents[1]
    (own / "bin").mkdir(exist_ok=True)
    (own / "bin" / "date").write_text(f"#!/bin/sh\necho {now}\n")
    (own / "bin" / "date").chmod(0o755)
    done = subprocess.run(
        ("sh", SCRIPT, part, "postkamer.almelo.example", own / "kept"),
        env={"PATH": f"{own / 'bin'}:{os.environ['PATH']}"}
        | {"RSYNC_RSH": f"{own / 'remote'}", "MACHINE": f"{machine.parent}", "PIECES": pieces},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def aged(path: Path, days: float) -> Path:
    at = time.time() - days * DAY
    os.utime(path, (at, at))
    return path


def base_backup(folder: Path, days: float, *, manifest: bool = True) -> None:
    (folder / "base" / "1").mkdir(parents=True)
    (folder / "base" / "1" / "data").write_bytes(os.urandom(300_000))
    if manifest:
        (folder / "backup_manifest").write_text("all of it")
        aged(folder / "backup_manifest", days)
    aged(folder, days)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_crontab_of_the_page_does_each_part() -> None:
    [installed] = re.findall(r"install -D -m 755 copy_backups\.sh (\S+)`", PAGE.read_text())
    lines = re.findall(rf"^ +[\d*]+ [\d*]+ \* \* \* {installed} (\w+) ", PAGE.read_text(), re.M)
    parts = re.findall(r"^(\w+)\)", SCRIPT.read_text(), re.MULTILINE)
    assert lines == parts and parts


def test_base_backups_stay_until_a_newer_one_is_there_whole(machine: Path) -> None:
    kept = machine.parents[1] / "kept" / "postkamer"
    for name, days in {"over": 8.01, "in its term": 7.99}.items():
        base_backup(kept / "base" / name, days)
    base_backup(kept / "base" / "half", 0.0, manifest=False)
    (kept / "wal").mkdir()
    for name, days in {"over.gz": 9.01, "in its term.gz": 8.99}.items():
        (kept / "wal" / name).touch()
        aged(kept / "wal" / name, days)
    assert copy("prune", machine) == (0, "")
    assert names(kept / "base") == ["half", "in its term", "over"]
    assert names(kept / "wal") == ["in its term.gz", "over.gz"]
    assert "backup_manifest" in copy("look", machine)[1], "half of one is nothing new"
    base_backup(kept / "base" / "whole", 1.9)
    assert copy("prune", machine) == (0, "")
    assert names(kept / "base") == ["half", "in its term", "whole"]
    assert names(kept / "wal") == ["in its term.gz"]
    assert "backup_manifest" not in copy("look", machine)[1]


def test_former_orders_stay_half_a_year(machine: Path) -> None:
    former = machine.parents[1] / "kept" / "former"
    for name, days in {"over": 190.01, "in its term": 189.99}.items():
        (former / name / "destruction").mkdir(parents=True)
        aged(former / name, days)
    assert copy("prune", machine) == (0, "")
    assert names(former) == ["in its term"]


@needs_rsync
def test_lost_machine_deletes_no_base_backup_that_was_fetched(machine: Path) -> None:
    source, kept = machine / "backups" / "postkamer", machine.parents[1] / "kept" / "postkamer"
    for night in NIGHTS:
        base_backup(source / "base" / night, 0.5)
    (source / "wal" / "1.gz").touch()
    (source / "wal" / "2.gz.new").touch()
    assert copy("wal", machine) == copy("base", machine) == (0, "")
    assert (names(kept / "base"), names(kept / "wal")) == ([*NIGHTS], ["1.gz"])
    for night in NIGHTS:
        (source / "base" / night / "base" / "1" / "data").write_text("altered")
        aged(source / "base" / night, 20)
    base_backup(source / "base" / "2026-12-09T011500", 0.0)
    assert copy("base", machine) == copy("prune", machine) == (0, "")
    assert names(kept / "base") == [*NIGHTS, "2026-12-09T011500"]
    for night in NIGHTS:
        assert (kept / "base" / night / "base" / "1" / "data").stat().st_size == 300_000


@needs_rsync
def test_base_backup_that_is_half_fetched_counts_as_none(machine: Path) -> None:
    source, kept = machine / "backups" / "postkamer", machine.parents[1] / "kept" / "postkamer"
    base_backup(kept / "base" / NIGHTS[0], 9)
    base_backup(source / "base" / NIGHTS[1], 0.0)
    code, complaint = copy("base", machine, pieces="15")
    assert code and "rsync" in complaint
    assert (kept / "base" / NIGHTS[1]).is_dir()
    assert copy("prune", machine) == (0, "")
    assert names(kept / "base") == [*NIGHTS]
    assert copy("base", machine) == copy("prune", machine) == (0, "")
    assert names(kept / "base") == [NIGHTS[1]], "it is whole, and the other is over its days"


@needs_rsync
def test_orders_and_heads_stay_when_a_machine_alters_or_empties_them(machine: Path) -> None:
    source, kept = machine / "lib" / "postkamer" / "objects", machine.parents[1] / "kept"
    (source / ORDER).write_text("one")
    for n in range(HEADS + 1):
        (source / HEAD.format(n)).touch()
    assert copy("small", machine, now="2026-12-01T0100") == (0, "")
    assert names(kept / "objects" / "head") == [f"{n:020}" for n in range(1, HEADS + 1)]
    assert names(kept / "former") == []
    shutil.rmtree(source / "head")  # a machine that is set up anew
    (source / "head").mkdir()
    (source / HEAD.format(HEADS + 1)).touch()
    for minute, content in (("2026-12-01T0101", "two!"), ("2026-12-01T0102", "three")):
        (source / ORDER).write_text(content)
        assert copy("small", machine, now=minute) == (0, "")
    assert names(kept / "objects" / "head") == [f"{n:020}" for n in range(2, HEADS + 2)]
    assert (kept / "objects" / ORDER).read_text() == "three"
    former = [kept / "former" / minute / ORDER for minute in names(kept / "former")]
    assert [path.read_text() for path in former] == ["one", "two!"]
