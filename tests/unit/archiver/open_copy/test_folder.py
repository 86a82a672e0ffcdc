"""The folder of a copy goes on from what its journal says, and leaves nothing else behind."""

from pathlib import Path
from uuid import UUID

import pytest

from archiver.open_copy.columns import TABLES
from archiver.open_copy.folder import LAST_STEP, CopyFolder, Plan, Tally
from archiver.transfer.package import PackageRefused

PLAN = Plan(tenant="almelo", log_size=5, note="x")


def begun(folder: Path) -> CopyFolder:
    copy = CopyFolder(folder)
    assert copy.read_plan() is None
    copy.begin(PLAN)
    return copy


async def test_rows_after_the_last_line_of_the_journal_are_cut_off(tmp_path: Path) -> None:
    copy = begun(tmp_path / "a")
    with copy.open_tables():
        copy.write("notes", {"id": "1"})
        await copy.commit("beside", "7", Tally(unopened=1))
        copy.write("notes", {"id": "2"})
    with (tmp_path / "a.journal").open("ab") as journal:
        journal.write(b'{"step":"besi')
    again = CopyFolder(tmp_path / "a")
    assert again.read_plan() == PLAN
    assert (again.marks, again.ended, again.tally) == ({"beside": "7"}, set(), Tally(unopened=1))
    with again.open_tables():
        again.write("notes", {"id": "3"})
        await again.commit("beside", "8", Tally(damaged=2), is_ended=True)
    assert [*again.lines("notes")] == [b'{"id":"1"}\n', b'{"id":"3"}\n']
    assert again.tally == Tally(unopened=1, damaged=2) and again.ended == {"beside"}


async def test_table_that_lost_rows_is_refused_unless_they_were_taken_out(tmp_path: Path) -> None:
    copy = begun(tmp_path / "a")
    with copy.open_tables():
        copy.write("notes", {"id": "1"})
        await copy.commit("beside", "7")
    copy.path("notes").write_bytes(b"")
    again = CopyFolder(tmp_path / "a")
    again.read_plan()
    with pytest.raises(PackageRefused, match=r"notes\.jsonl: lacks what was written"):
        again.open_tables().__enter__()
    copy.path("notes").write_bytes(b'{"id":"1"}\n')
    with again.open_tables():
        await again.commit(LAST_STEP, "")
    copy.path("notes").write_bytes(b"")
    last = CopyFolder(tmp_path / "a")
    last.read_plan()
    with last.open_tables():
        assert [*last.lines("notes")] == []


async def test_files_that_no_row_names_yet_are_removed(tmp_path: Path) -> None:
    copy, done, late = begun(tmp_path / "a"), UUID(int=1), UUID(int=2)

    async def content():  # type: ignore[no-untyped-def]
        yield b"abc"

    with copy.open_tables():
        for id in (done, late):
            written = await copy.write_file(f"files/c/{id}.bin", content())
            assert (written.bytes, written.sha256[:8]) == (3, "ba7816bf")
    copy.remove_files_after(str(done))
    assert [path.stem for path in copy.other("files").rglob("*.bin")] == [str(done)]


async def test_file_that_breaks_off_is_not_left(tmp_path: Path) -> None:
    async def content():  # type: ignore[no-untyped-def]
        yield b"abc"
        raise OSError("gone")

    copy = begun(tmp_path / "a")
    with copy.open_tables(), pytest.raises(OSError, match="gone"):
        await copy.write_file("files/c/x.bin", content())
    assert not [*copy.other("files").rglob("*.bin")]


def test_folder_has_its_name_once_it_is_whole(tmp_path: Path) -> None:
    copy = begun(tmp_path / "a")
    with copy.open_tables():
        pass
    assert not (tmp_path / "a").exists()
    copy.finish()
    assert {path.name for path in tmp_path.iterdir()} == {"a"}
    there = {path.name for path in (tmp_path / "a").iterdir()}
    assert there == {"files"} | {f"{table}.jsonl" for table in TABLES}
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    with pytest.raises(PackageRefused, match="is there already"):
        CopyFolder(tmp_path / "a").read_plan()
