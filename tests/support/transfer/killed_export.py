"""The export command in a process of its own that kills itself at a given point.

python -m tests.support.transfer.killed_export POINT NTH ARGUMENTS...
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from archiver.transfer import exporter, package
from archiver.transfer.folder_writer import FolderWriter
from archiver.transfer.package import Package
from cli.main import main

POINTS: dict[str, tuple[type, str, str]] = {
    "amid-a-dossier": (FolderWriter, "_write", "before"),
    "before-the-rename": (Package, "place", "before"),
    "after-the-rename": (Package, "place", "after"),
    "amid-the-journal": (Package, "_write_lines", "torn"),
    "before-the-slip": (Package, "finish", "before"),
    "after-the-slip": (package.shutil, "rmtree", "slip"),  # type: ignore[dict-item]
}
"""Point -> the function, and the place in it."""


def kill(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, nth: int) -> None:
    """Let the nth call of the point's function be the last thing that happens."""
    owner, name, when = POINTS[point]
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


def tear(written: Package, lines: Any, mode: str) -> None:
    """Write a line of the journal to its half."""
    content: bytes = package.msgspec.json.encode(lines[0])
    with written._journal.open(mode) as file:
        file.write(content[: len(content) // 2])


if __name__ == "__main__":
    exporter.AT_ONCE = 2
    arm(sys.argv[1], int(sys.argv[2]))
    main(sys.argv[3:])
