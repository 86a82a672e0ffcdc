"""Archived WAL: gaps, damage, and what PostgreSQL archived last."""

import gzip
from pathlib import Path

import pytest

from cli.backup.archived_wal import ArchivedWal, judge_wal, read_pieces
from cli.backup.readings import read_wal

PIECE = 16 * 1024 * 1024
FIRST, SECOND, THIRD = (f"00000001000000000000000{n}" for n in (1, 2, 3))
CASES: dict[str, tuple[list[str], list[str], str, list[str]]] = {
    "whole": ([f"{FIRST}.gz", f"{SECOND}.gz", THIRD], [], THIRD, []),
    "over the end of a log": (["0000000100000000000000FF", "000000010000000100000000"], [], "", []),
    "another time line": ([FIRST, SECOND, "000000020000000000000002"], [], "", []),
    "histories and ends of time lines": (
        [FIRST, SECOND, "00000002.history", "000000010000000000000003.partial"], [], "", []),
    "a gap": ([f"{FIRST}.gz", f"{THIRD}.gz"], [], "",
        [f"fault archived WAL lacks what comes between {FIRST}.gz and {THIRD}.gz"]),
    "a gap before another time line": ([FIRST, "000000020000000000000003"], [], "",
        [f"fault archived WAL lacks what comes between {FIRST} and 000000020000000000000003"]),
    "nothing": ([], [], THIRD, ["fault there is no WAL in the folder"]),
    "damage": ([FIRST, SECOND], [FIRST], "", [f"fault archived WAL does not open: {FIRST}: make"]),
    "much damage": ([FIRST], ["a", "b", "c", "d", "e"], "",
        ["fault archived WAL does not open: a, b, c and 2 more:"]),
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
