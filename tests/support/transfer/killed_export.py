"""The export command in a process of its own that kills itself at a given point.

python -m tests.support.transfer.killed_export POINT NTH ARGUMENTS...
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archiver.transfer import exporter, package
from archiver.transfer.folder_writer import FolderWriter
from archiver.transfer.package import Package
from cli.main import main

POINTS: dict[str, tuple[Any, str, int, str]] = {
    "amid-a-dossier": (FolderWriter, "_write", 30, "before"),
    "before-the-rename": (Package, "place", 3, "before"),
    "after-the-rename": (Package, "place", 4, "after"),
    "amid-the-plan": (package, "_write_lines", 1, "torn"),
    "before-the-folder": (Package, "clear", 1, "before"),
    "amid-the-journal": (package, "_write_lines", 3, "torn"),
    "before-the-slip": (Package, "finish", 1, "before"),
    "after-the-slip": (package.shutil, "rmtree", 1, "slip"),
}
"""Point -> the function, which of its calls is the last, and the place in it."""


def kill(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str) -> None:
    """Let a call of the point's function be the last thing that happens."""
    owner, name, nth, when = POINTS[point]
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
    content: bytes = package.msgspec.json.encode(lines[0])
    with path.open(mode) as file:
        file.write(content[: len(content) // 2])


def export_until_killed(point: str, folder: str, arguments: list[str]) -> int:
    """Run the command in a fork, and return its exit code."""
    pid = os.fork()
    if not pid:
        arm(point)
        main([*arguments, "--out", os.path.join(folder, point)])
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    exporter.AT_ONCE = 2
    for each in POINTS:
        print(export_until_killed(each, sys.argv[1], sys.argv[2:]))
