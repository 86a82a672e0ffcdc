"""The scripts that back one machine up, where things go wrong. A restore from what they make is in
tests/e2e/test_restored_machine.py."""

import gzip
import os
import subprocess
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "deploy" / "one_machine"
NAME = "000000010000000000000001"
DAY = 86_400
PROGRAMS = {
    "pg_basebackup": 'to=${1#--pgdata=}; mkdir "$to"; echo 17 >"$to/PG_VERSION"',
    "pg_verifybackup": "exit ${VERDICT:-0}",
}


def archive(piece: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    words = ("sh", FOLDER / "archive_wal.sh", piece, NAME, folder)
    return subprocess.run(words, capture_output=True, text=True, check=False)


@pytest.fixture
def piece(tmp_path: Path) -> Path:
    file = tmp_path / "piece"
    file.write_bytes(bytes(1000) + b"written")
    return file


def test_piece_of_wal_is_archived_once_and_again_after_a_crash(tmp_path: Path, piece: Path) -> None:
    (tmp_path / f"{NAME}.gz.new").write_bytes(b"half of it")
    for _ in range(2):
        assert archive(piece, tmp_path).returncode == 0
    assert gzip.decompress((tmp_path / f"{NAME}.gz").read_bytes()) == piece.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{NAME}.gz", "piece"]


def test_piece_of_wal_of_another_cluster_is_never_written_over(tmp_path: Path, piece: Path) -> None:
    assert archive(piece, tmp_path).returncode == 0
    before = (tmp_path / f"{NAME}.gz").read_bytes()
    piece.write_bytes(b"of another cluster")
    refused = archive(piece, tmp_path)
    assert (refused.returncode, "has other content" in refused.stderr) == (1, True)
    assert (tmp_path / f"{NAME}.gz").read_bytes() == before


def test_piece_of_wal_that_cannot_be_kept_is_not_archived(tmp_path: Path, piece: Path) -> None:
    assert archive(piece, tmp_path / "away").returncode


def test_damaged_or_absent_wal_stops_a_restore_and_its_end_does_not(
    tmp_path: Path, piece: Path
) -> None:
    archive(piece, tmp_path)
    copy, back = tmp_path / f"{NAME}.gz", tmp_path / "back"

    def restore(name: str, folder: Path) -> int:
        words = ("sh", FOLDER / "restore_wal.sh", name, back, folder)
        return subprocess.run(words, capture_output=True, check=False).returncode

    assert (restore(NAME, tmp_path), back.read_bytes()) == (0, piece.read_bytes())
    assert restore("000000010000000000000002", tmp_path) == 1
    copy.write_bytes(copy.read_bytes()[:-9])
    assert restore(NAME, tmp_path) == 255
    assert restore(NAME, tmp_path / "away") == 255


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, body in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    for name in ("base", "wal"):
        (tmp_path / name).mkdir()
    return tmp_path


def back_up(folder: Path, verdict: int = 0) -> int:
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    words = ("sh", FOLDER / "back_up.sh", folder)
    return subprocess.run(words, env={"PATH": path, "VERDICT": str(verdict)}).returncode


def test_backup_is_made_into_a_folder_that_is_named_from_here(folder: Path) -> None:
    words = ("sh", FOLDER / "back_up.sh", folder.name)
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    assert subprocess.run(words, env={"PATH": path}, cwd=folder.parent).returncode == 0
    assert list((folder / "base").iterdir())


def aged(path: Path, days: float) -> Path:
    at = time.time() - days * DAY
    os.utime(path, (at, at))
    return path


def test_base_backup_that_is_not_whole_counts_as_none_and_takes_nothing_away(folder: Path) -> None:
    old = folder / "base" / "2026-01-01T000000"
    old.mkdir()
    aged(old, 30)
    assert back_up(folder, verdict=1) == 1
    assert list((folder / "base").iterdir()) == [old]
    assert back_up(folder) == 0, "what the failed one left is in nobody's way"
    [new] = (folder / "base").iterdir()
    assert new != old and (new / "PG_VERSION").exists()


def test_backups_stay_seven_nights_and_wal_a_day_longer(folder: Path) -> None:
    for name, days in {"over": 7.01, "in its term": 6.99}.items():
        (folder / "base" / name).mkdir()
        aged(folder / "base" / name, days)
    for name, days in {"over.gz": 8.01, "in its term.gz": 7.99}.items():
        (folder / "wal" / name).touch()
        aged(folder / "wal" / name, days)
    assert back_up(folder) == 0
    assert "in its term" in (left := {path.name for path in (folder / "base").iterdir()})
    assert ("over" in left, len(left)) == (False, 2)
    assert [path.name for path in (folder / "wal").iterdir()] == ["in its term.gz"]
