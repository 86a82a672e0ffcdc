"""A package on disk, with a journal beside it: an export that was killed goes on where it was.

A folder is written under another name and renamed when it is whole, and the journal names it once
it is on the disk. So each dossier is there and whole, or not there. The journal is deleted when the
packing slip is there.
"""

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from archiver.transfer.folder_writer import Packed, digest_lines
from archiver.transfer.journal import Journal
from archiver.transfer.packing_slip import NAME, Reason, Totals
from archiver.transfer.selection import Choice, Selection

JOURNAL, UNFINISHED = ".journal", ".part"
"""Endings of the files and folders beside the package."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was decided when the export began, so that it ends as one."""

    selection: Selection
    choice: Choice
    log_size: int
    note: str
    """The checkpoint as it was signed."""
    target: str
    target_id: str
    title: str
    contact: str
    made_at: datetime
    transcripts: tuple[str, ...] = ()
    """Forms of the transcript that go along."""

    def agrees(self, other: "Plan") -> bool:
        """Return True for the plan of the same export: what is found, and when, may differ."""
        return self._asked == other._asked

    @property
    def _asked(self) -> tuple[object, ...]:
        named = self.target, self.target_id, self.title, self.contact
        return (self.selection, *named, self.transcripts)


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the journal."""

    plan: Plan | None = None
    done: Packed | None = None
    missing: int = 0
    """Files of it that never came or were refused."""
    left_out: tuple[str, Reason] | None = None
    """Conversation that was chosen and is not in the package, and why."""


class Summary(NamedTuple):
    digest: str
    totals: Totals
    missing: int
    """Files of messages that never came or were refused."""


class PackageRefused(Exception):
    """The package cannot be written there. The message says why."""


class Package:
    """A package that is being written. `begin` or `resume` comes first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._journal = Journal(folder.with_name(folder.name + JOURNAL), Line)
        self._part = folder.with_name(folder.name + UNFINISHED)
        self.done: set[str] = set()
        """Names of the folders that are there; what is in them is in the journal."""
        self.left_out: dict[str, Reason] = {}

    def read_plan(self) -> Plan | None:
        """Return the plan of an export that did not end, and read how far it came; None if there is
        none."""
        plan: Plan | None = None
        for line in self._journal.resume():
            plan = line.plan or plan
            self._note(line)
        return plan

    def begin(self, plan: Plan) -> None:
        """Begin a package. Raises PackageRefused if anything is there."""
        if self.folder.exists():
            raise PackageRefused(f"{self.folder}: is there already")
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._journal.begin(Line(plan=plan))
        self.clear()

    def clear(self) -> None:
        """Remove what a killed export left unfinished, and folders that the journal has not."""
        shutil.rmtree(self._part, ignore_errors=True)
        self._part.mkdir(mode=0o700)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for each in self.folder.iterdir():
            if each.is_dir() and each.name not in self.done:
                shutil.rmtree(each)

    def unfinished(self, name: str) -> Path:
        """Return the folder in which an object is written; nothing is there yet."""
        path = self._part / name
        shutil.rmtree(path, ignore_errors=True)
        return path

    def place(self, name: str) -> None:
        """Put a whole folder into the package."""
        (self._part / name).rename(self.folder / name)

    async def commit(self, lines: Sequence[Line]) -> None:
        """Return once everything that was placed is on the disk, and the journal says so. One call
        for the whole disk costs less than one for each of some thousand files."""
        await asyncio.to_thread(os.sync)
        self._journal.append(lines)
        for line in lines:
            self._note(line)

    def remove(self, name: str) -> None:
        shutil.rmtree(self.folder / name, ignore_errors=True)

    def finish(self, slip: bytes) -> None:
        """Write the packing slip, then remove the journal."""
        path = self._part / NAME
        path.write_bytes(slip)
        path.rename(self.folder / NAME)
        os.sync()
        shutil.rmtree(self._part)
        self._journal.remove()

    def summary(self) -> Summary:
        """Return what the whole package has, from the journal."""
        digests, totals, missing = list[bytes](), Totals(), 0
        for line in self._journal.read():
            if line.done and line.done.name in self.done:
                digest = bytes.fromhex(line.done.digest)
                digests.append(line.done.name.encode() + b"\0" + digest)
                totals += line.done.totals
                missing += line.missing
        digests.sort()
        parted = (each.partition(b"\0") for each in digests)
        lines = (f"{digest.hex()}  {name.decode()}" for name, _, digest in parted)
        return Summary(digest_lines(lines), totals, missing)

    def counts(self, choice: Choice) -> Mapping[Reason, int]:
        """Return how many conversations of the selection are not in the package, by reason."""
        counts = dict(choice.left_out)
        for reason in self.left_out.values():
            counts[reason] = counts.get(reason, 0) + 1
        return counts

    def _note(self, line: Line) -> None:
        if line.done:
            self.done.add(line.done.name)
        if line.left_out:
            conversation, reason = line.left_out
            self.left_out[conversation] = reason
            self.done.discard(conversation)
