"""Commands that export, in a process of their own that kills itself at a given point.

python -m tests.support.transfer.killed_export FOLDER ARGUMENTS...
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archiver.open_copy import copier
from archiver.open_copy.folder import CopyFolder
from archiver.transfer import exporter, journal, package
from archiver.transfer.folder_writer import FolderWriter
from archiver.transfer.package import Package
from cli.main import main
from tests.support.archiver.commands import Archive
from tests.support.installation import ROOT

FOLDER = "FOLDER"
"""Argument that stands for the folder of a run."""
Points = dict[str, tuple[Any, str, int, str]]
"""Point -> the function, which of its calls is the last, and the place in it."""
POINTS: Points = {
    "amid-a-dossier": (FolderWriter, "_write", 30, "before"),
    "before-the-rename": (Package, "place", 3, "before"),
    "after-the-rename": (Package, "place", 4, "after"),
    "amid-the-plan": (journal, "_write_lines", 1, "torn"),
    "before-the-folder": (Package, "clear", 1, "before"),
    "amid-the-journal": (journal, "_write_lines", 3, "torn"),
    "before-the-slip": (Package, "finish", 1, "before"),
    "after-the-slip": (package.shutil, "rmtree", 1, "slip"),
}
COPY_POINTS: Points = {
    "amid-the-plan": (journal, "_write_lines", 1, "torn"),
    "before-the-tables": (CopyFolder, "open_tables", 1, "before"),
    "amid-a-conversation": (CopyFolder, "write", 30, "before"),
    "amid-the-journal": (journal, "_write_lines", 3, "torn"),
    "after-the-journal": (journal.Journal, "append", 2, "after"),
    "amid-the-files": (copier, "read_checked", 2, "before"),
    "beside-the-log": (journal.Journal, "append", 16, "before"),
    "before-the-parquet": (copier, "write_parquet", 4, "before"),
    "before-the-end": (CopyFolder, "finish", 1, "before"),
    "after-the-name": (journal.Journal, "remove", 1, "before"),
}
"""The same of an open copy."""


def kill(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: tuple[Any, str, int, str]) -> None:
    """Let a call of the point's function be the last thing that happens."""
    owner, name, nth, when = point
    original: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def replaced(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        is_slip = when != "slip" or _has_slip(arguments)
        calls += is_slip
        if calls < nth or not is_slip:
            return original(*arguments, **named)
        if when == "after":
            original(*arguments, **named)
        elif when == "torn":
            tear(*arguments)
        return kill()

    setattr(owner, name, replaced)


def _has_slip(arguments: tuple[Any, ...]) -> bool:
    return os.path.exists(os.path.join(str(arguments[0]).removesuffix(".part"), package.NAME))


def tear(path: Path, lines: Any, mode: str) -> None:
    """Write a line of the journal to its half."""
    content: bytes = journal.msgspec.json.encode(lines[0])
    with path.open(mode) as file:
        file.write(content[: len(content) // 2])


def export_until_killed(points: Points, point: str, folder: str, arguments: list[str]) -> int:
    """Run the command in a fork, and return its exit code."""
    pid = os.fork()
    if not pid:
        arm(points[point])
        place = os.path.join(folder, point)
        main([place if each == FOLDER else each for each in arguments])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def killed(archive: Archive, folder: Path, *typed: object) -> list[int]:
    """Run the command until it is killed, at each point; return the exit codes."""
    env = os.environ | {name: value for name, value in archive.env.items() if value}
    ran = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.transfer.killed_export", str(folder), *map(str, typed),
        env=env, cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(ran.communicate(), 60)
    return [int(line) for line in said.splitlines()]


if __name__ == "__main__":
    exporter.AT_ONCE = copier.AT_ONCE = 2
    copier.WINDOW = 10
    points = COPY_POINTS if sys.argv[2] == "tenant" else POINTS
    for each in points:
        print(export_until_killed(points, each, sys.argv[1], sys.argv[2:]))
