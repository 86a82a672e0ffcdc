"""The folder of an open copy while it is being written, with a journal beside it.

Each table is a file of JSON Lines that only grows. The journal says how long each was when a part
of the record was done; a copy that was killed goes on from there. The folder has its name once it
is whole.
"""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import msgspec

from archiver.open_copy.columns import TABLES
from archiver.open_copy.rows import Row, decode_row, encode_row
from archiver.transfer.journal import Journal
from archiver.transfer.package import JOURNAL, UNFINISHED, PackageRefused

FILES = "files"
"""Folder of the files of messages."""
LAST_STEP = "last"
"""Step after which no table grows."""
PIECE_BYTES = 1 << 20
"""Bytes in memory at once while a file is hashed: 1 MiB."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was decided when the copy began, so that it ends as one."""

    tenant: str
    log_size: int
    note: str
    """The checkpoint as it was signed."""


class Tally(msgspec.Struct, frozen=True):
    """Faults of what was read."""

    unopened: int = 0
    """Records that should open and do not."""
    damaged: int = 0
    """Files that are gone or were altered."""

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.unopened + other.unopened, self.damaged + other.damaged)


NO_FAULTS = Tally()


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the journal."""

    plan: Plan | None = None
    step: str = ""
    mark: str = ""
    """Last thing of the step that is done."""
    is_ended: bool = False
    sizes: Mapping[str, int] = {}
    """Bytes of each table of which something was written."""
    tally: Tally = Tally()


class CopyFolder:
    """A folder that is being written. `read_plan` comes first; without a plan, `begin`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._part = folder.with_name(folder.name + UNFINISHED)
        self._journal = Journal(folder.with_name(folder.name + JOURNAL), Line)
        self._files: dict[str, BinaryIO] = {}
        self._sizes: dict[str, int] = {}
        self.marks: dict[str, str] = {}
        """Step -> the last thing of it that is done."""
        self.ended: set[str] = set()
        """Steps that have come to their end."""
        self.tally = Tally()
        self._has_new_files = False

    def read_plan(self) -> Plan | None:
        """Return the plan of a copy that did not end, and read how far it came; None if there is
        none. Raises PackageRefused if the copy is there."""
        plan: Plan | None = None
        for line in self._journal.resume():
            plan = line.plan or plan
            self._note(line)
        if self.folder.exists():
            if plan and not self._part.exists():  # killed between its last two steps
                self._journal.remove()
            raise PackageRefused(f"{self.folder}: is there already")
        return plan

    def begin(self, plan: Plan) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self._part, ignore_errors=True)
        self._journal.begin(Line(plan=plan))

    @contextmanager
    def open_tables(self) -> Iterator[None]:
        """Open the tables, each as long as the journal says. What came after that was not done."""
        (self._part / FILES).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._part.chmod(0o700)
        for table in TABLES:
            self._files[table] = self.path(table).open("ab")
        _sync_folder(self._part)
        try:
            for table, file in self._files.items():
                self._cut_off(table, file)
            yield
        finally:
            for opened in self._files.values():
                opened.close()
            self._files.clear()

    def path(self, table: str) -> Path:
        """Return the path of a table while it is being written."""
        return self._part / f"{table}.jsonl"

    def other(self, name: str) -> Path:
        """Return the path of another file while it is being written."""
        return self._part / name

    def write(self, table: str, row: Row) -> None:
        self._files[table].write(encode_row(row))

    async def write_file(self, path: str, content: AsyncIterator[bytes]) -> "Written":
        """Write the file of a message; it is never whole in memory."""
        place, digest, size = self._part / path, sha256(), 0
        place.parent.mkdir(mode=0o700, exist_ok=True)
        self._has_new_files = True
        try:
            with place.open("wb") as file:
                async for piece in content:
                    file.write(piece)
                    digest.update(piece)
                    size += len(piece)
        except BaseException:
            place.unlink(missing_ok=True)
            raise
        return Written(path, size, digest.hexdigest())

    async def commit(
        self, step: str, mark: str, tally: Tally = NO_FAULTS, *, is_ended: bool = False
    ) -> None:
        """Return once everything that was written is on the disk, and the journal says so."""
        sizes = {}
        for table, file in self._files.items():
            file.flush()
            if (size := file.tell()) != self._sizes.get(table, 0):
                sizes[table] = size
        await asyncio.to_thread(self._sync, sizes)
        line = Line(step=step, mark=mark, is_ended=is_ended, sizes=sizes, tally=tally)
        self._journal.append([line])
        self._note(line)

    def remove_rows(self, table: str, is_gone: Callable[[Row], bool]) -> None:
        """Take out rows, with the files that they name."""
        new = self.other(f"{table}.new")
        with new.open("wb") as kept:
            for line in self.lines(table):
                if not is_gone(row := decode_row(line)):
                    kept.write(line)
                elif table == FILES and row["path"]:
                    self.other(row["path"]).unlink(missing_ok=True)
        new.rename(self.path(table))

    def remove_files_after(self, message: str) -> None:
        """Remove the files of messages after this one, which a killed copy wrote in vain: their
        conversation may be destroyed by now."""
        for path in (self._part / FILES).glob("*/*"):
            if path.stem > message:
                path.unlink()

    def lines(self, table: str) -> Iterator[bytes]:
        with self.path(table).open("rb") as file:
            yield from file

    def finish(self) -> None:
        """Give the folder its name, then remove the journal."""
        for each in self._part.glob("*.new"):
            each.unlink()
        for folder in (self._part / FILES).iterdir():
            if not any(folder.iterdir()):
                folder.rmdir()
        os.sync()
        self._part.rename(self.folder)
        os.sync()
        self._journal.remove()

    def _cut_off(self, table: str, file: BinaryIO) -> None:
        """Cut off what the journal does not have. In the last step a table may have become
        shorter, since what was destroyed is taken out. Raises PackageRefused if it is otherwise."""
        size, known = file.tell(), self._sizes.get(table, 0)
        if size < known and LAST_STEP not in self.marks:
            raise PackageRefused(f"{self.path(table)}: lacks what was written: remove {self._part}")
        file.truncate(min(size, known))

    def _sync(self, tables: Iterable[str]) -> None:
        """Return once what was written is on the disk. After files of messages, one call for the
        whole disk costs less than one for each."""
        if self._has_new_files:
            os.sync()
        for table in tables:
            os.fsync(self._files[table].fileno())
        self._has_new_files = False

    def _note(self, line: Line) -> None:
        if line.step:
            self.marks[line.step] = line.mark
        if line.is_ended:
            self.ended.add(line.step)
        self._sizes |= line.sizes
        self.tally += line.tally


def _sync_folder(folder: Path) -> None:
    """Return once the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Written(msgspec.Struct, frozen=True):
    """A file as it was written."""

    path: str
    bytes: int
    sha256: str


def measure(path: Path, name: str) -> Written:
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size += len(piece)
    return Written(name, size, digest.hexdigest())


def count_rows(lines: Iterator[bytes]) -> int:
    return Counter(True for _ in lines)[True]
