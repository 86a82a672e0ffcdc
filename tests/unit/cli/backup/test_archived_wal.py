"""Archived WAL: gaps, time lines, damage, and what PostgreSQL archived last."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.backup.archived_wal import (
    ArchivedWal,
    Fork,
    find_starts,
    judge_wal,
    read_fork,
    read_pieces,
)
from cli.backup.base_backup import BaseBackup, read_folder_backup
from cli.backup.readings import read_wal

PIECE = 16 * 1024 * 1024
FIRST, SECOND, THIRD = (f"00000001000000000000000{n}" for n in (1, 2, 3))
CASES: dict[str, tuple[list[str], list[str], str, list[str]]] = {
    "whole": ([f"{FIRST}.gz", f"{SECOND}.gz", THIRD], [], THIRD, []),
    "over the end of a log": (["0000000100000000000000FF", "000000010000000100000000"], [], "", []),
    "a time line without its history": ([FIRST, SECOND, "000000020000000000000002"], [], "",
        ["fault archived WAL lacks 00000002.history: a restore does not find 00000002"]),
    "histories and ends of time lines": (
        [FIRST, SECOND, "00000002.history", "000000010000000000000003.partial"], [], "", []),
    "a gap": ([f"{FIRST}.gz", f"{THIRD}.gz"], [], "",
        [f"fault archived WAL lacks what comes between {FIRST}.gz and {THIRD}.gz"]),
    "nothing": ([], [], THIRD, ["fault there is no WAL in the folder"]),
    "damage": ([FIRST, SECOND], [FIRST], "", [f"fault archived WAL does not open: {FIRST}: make"]),
    "much damage": ([FIRST], ["a", "b", "c", "d", "e"], "",
        ["fault archived WAL does not open: a, b, c and 2 more:"]),
    "a note of a base back-up": ([FIRST], [], f"{FIRST}.00000028.backup", []),
    "a note of a back-up, and its piece is late": ([FIRST], [], f"{SECOND}.00000028.backup",
        [f"warning the folder of --wal lacks {SECOND},"]),
    "a history": ([FIRST], [], "00000002.history", []),
    "a copy that is late": ([f"{FIRST}.gz"], [], SECOND, ["warning the folder of --wal lacks"]),
}  # fmt: skip


@pytest.mark.parametrize(("names", "damaged", "last", "found"), CASES.values(), ids=CASES.keys())
def test_archived_wal_is_judged_by_what_a_restore_needs(
    names: list[str], damaged: list[str], last: str, found: list[str]
) -> None:
    wal = ArchivedWal(pieces=read_pieces(reversed(names), PIECE), damaged=damaged)
    said = [f"{each.weight} {each.sentence}" for each in judge_wal(wal, last)]
    assert len(said) == len(found)
    for sentence, begin in zip(said, found, strict=True):
        assert sentence.startswith(begin)


LEFT_AT = 5 * PIECE + 1000
"""Place in the first time line where the second one begins."""
FORKED: dict[str, tuple[list[int], list[int], str]] = {
    "whole": ([3, 4], [5, 6], ""),
    "the last piece was archived whole after all": ([3, 4, 5], [5, 6], ""),
    "who was left went on": ([3, 4, 5, 6, 7, 8], [5, 6], ""),
    "the former one is over": ([], [7, 8], ""),
    "what the former one had until then is over": ([6, 7], [8, 9], ""),
    "a gap inside the range of the former one": ([3, 4, 5, 6, 7], [6, 7], "5 6"),
    "a gap behind it": ([3, 4], [6, 7], "4 6"),
    "a gap before it begins": ([3], [5, 6], "3 5"),
}
"""Case -> pieces of two time lines, and the two between which something is lacking."""


@pytest.mark.parametrize(("former", "later", "lacking"), FORKED.values(), ids=FORKED.keys())
def test_time_line_begins_in_the_piece_in_which_the_former_one_was_left(
    former: list[int], later: list[int], lacking: str
) -> None:
    names = [f"{line:08X}{n:016X}" for line, of in ((1, former), (2, later)) for n in of]
    fork = read_fork(f"1\t0/{LEFT_AT:X}\tno recovery target specified\n", PIECE)
    wal = ArchivedWal(pieces=read_pieces(names, PIECE), damaged=[], forks={2: fork})
    said = [each.sentence for each in judge_wal(wal, "")]
    ends = [f"{line:08X}{int(n):016X}" for line, n in enumerate(lacking.split(), start=1)]
    between = "archived WAL lacks what comes between {} and {}: a restore ends there"
    assert said == ([between.format(*ends)] if ends else [])


THIRD_OF_THREE = "1\t0/5000000\tno recovery target\n2\t0/9000000\tno recovery target\n"


def test_all_of_a_time_line_between_two_is_missed() -> None:
    names = [f"{line:08X}{n:016X}" for line, of in ((1, range(1, 9)), (3, (9, 10))) for n in of]
    wal = ArchivedWal(
        pieces=read_pieces(names, PIECE), damaged=[], forks={3: read_fork(THIRD_OF_THREE, PIECE)}
    )
    [said] = judge_wal(wal, "")
    assert said.sentence.startswith(f"archived WAL lacks what comes between {1:08X}{5:016X} and")


LACKS = "archived WAL lacks {}, with which the base back-up monday begins: a restore from it"
STARTED: dict[str, tuple[tuple[int, int], list[tuple[int, int]], str, str]] = {
    "it is there": ((1, 2), [(1, 2), (1, 3)], "", ""),
    "it and more is lost": ((1, 2), [(1, 5), (1, 6)], "", f"fault {LACKS}"),
    "it is archived after the back-up": ((1, 7), [(1, 5), (1, 6)], f"{1:08X}{6:016X}", ""),
    "all behind it is lost": ((1, 7), [(1, 5), (1, 6)], f"{1:08X}{9:016X}", f"again {LACKS}"),
    "a gap before it": ((1, 6), [(1, 2), (1, 6), (1, 7)], "", ""),
    "the next time line has it": ((1, 5), [(1, 4), (3, 5), (3, 6)], "", ""),
    "another time line had it": ((1, 7), [(1, 5), (3, 5), (3, 6), (3, 7)], "", f"again {LACKS}"),
}
"""Case -> time line and piece of a base back-up, pieces in the folder, what was archived last, and
the finding."""


@pytest.mark.parametrize("case", STARTED)
def test_base_backup_needs_the_wal_with_which_it_begins(case: str) -> None:
    (line, number), pieces, last, expected = STARTED[case]
    last = f"{line:08X}{number:016X}" if case.startswith("another") else last
    names = [f"{line:08X}{n:016X}" for line, n in pieces]
    forks = {3: read_fork("1\t0/5000000\tno recovery target\n", PIECE)}
    wal = ArchivedWal(pieces=read_pieces(names, PIECE), damaged=[], forks=forks)
    base = BaseBackup(
        name="monday", at=datetime(2026, 12, 1, tzinfo=UTC), begins=(line, number * PIECE + 40)
    )
    found = [
        each
        for each in judge_wal(wal, last, find_starts([base], "7", PIECE))
        if each.weight == "fault"
    ]
    said = [f"{'again' if each.is_retryable else 'fault'} {each.sentence}" for each in found]
    assert len(said) == bool(expected), said
    assert all(each.startswith(expected.format(f"{line:08X}{number:016X}")) for each in said)


LABEL = """START WAL LOCATION: 1/2000028 (file 000000030000000100000002)
START TIME: 2026-12-01 01:15:03 UTC
START TIMELINE: 3
"""
RANGES = b'{"WAL-Ranges": [{"Timeline": 3, "Start-LSN": "1/2000028", "End-LSN": "1/2000120"}]}'


@pytest.mark.parametrize(("label", "manifest"), [(LABEL, b"{}"), (None, RANGES)])
def test_base_backup_says_where_its_wal_begins(label: str | None, manifest: bytes) -> None:
    base = read_folder_backup("monday", label, manifest, datetime(2026, 12, 1, tzinfo=UTC))
    [start] = find_starts([base], "7", PIECE)
    assert start.piece == (3, 256 + 2, "000000030000000100000002")
    other = BaseBackup(name="x", at=base.at, begins=base.begins, cluster="8")
    assert not find_starts([other, BaseBackup(name="y", at=base.at)], "7", PIECE)


def test_history_names_all_time_lines_that_one_comes_from_and_where_it_left_the_last() -> None:
    lines = "1\t0/5000000\tbefore 2026-11-25\n\n# by hand\n3\t2/A000028\tno recovery target\n"
    assert read_fork(lines, PIECE) == Fork({1: 5, 3: 2 * 256 + 10}, 2 * 256 + 10)
    with pytest.raises(ValueError, match="names no time line"):
        read_fork("# nothing\n", PIECE)


def test_histories_are_read_with_the_pieces_and_those_that_do_not_open_are_damaged(
    tmp_path: Path,
) -> None:
    line = b"1\t0/5000000\tno recovery target specified\n"
    (tmp_path / "00000002.history").write_bytes(line)
    (tmp_path / "00000003.history.gz").write_bytes(gzip.compress(line))
    (tmp_path / "00000004.history.gz").write_bytes(gzip.compress(line)[:-9])
    (tmp_path / "00000005.history").write_bytes(b"rubbish")
    wal = read_wal(tmp_path, PIECE, look_at_all=False)
    assert wal.forks == dict.fromkeys((2, 3), Fork({1: 5}, 5))
    assert wal.damaged == ["00000004.history.gz", "00000005.history"]


def test_piece_that_is_cut_or_short_is_damaged(tmp_path: Path) -> None:
    whole, cut, short, bent = (tmp_path / f"00000001000000000000000{n}.gz" for n in range(4))
    for path, size in ((whole, 100), (cut, 100), (short, 99), (bent, 100)):
        path.write_bytes(gzip.compress(bytes(size)))
    cut.write_bytes(cut.read_bytes()[:-9])
    bent.write_bytes(b"rubbish")
    plain = tmp_path / "000000010000000000000004"
    plain.write_bytes(bytes(99))
    wal = read_wal(tmp_path, 100, look_at_all=True)
    assert wal.damaged == [each.name for each in (cut, short, bent, plain)]
    assert [piece.name for piece in wal.pieces] == sorted(path.name for path in tmp_path.iterdir())
