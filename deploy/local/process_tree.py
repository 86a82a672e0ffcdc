"""Which processes descend from which, and whether they still run: read from /proc."""

import os
import signal
import time
from pathlib import Path

POLL_SECONDS = 0.02
"""Between two looks at something that gives no sign when it changes."""

Family = dict[int, str]
"""Pids, each with its identity."""


def identity(pid: int) -> str:
    """What tells this process from any other that ever had or will have its pid; '' for none.

    The kernel counts a start time (field 22 of stat) in ticks since boot.
    """
    if not (stat := _stat(pid)):
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{pid} {stat[22 - 3]} {boot}"


def runs(pid: int) -> bool:
    """Whether it still runs; a zombie does not, its parent has only not looked yet."""
    return bool(stat := _stat(pid)) and stat[0] not in {"Z", "X"}


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process after its name (proc(5), fields 3 and up of stat)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> Family:
    """The children of a process, their children, and so on."""
    parents = {
        int(path.name): int(stat[4 - 3])
        for path in Path("/proc").glob("[0-9]*")
        if (stat := _stat(int(path.name)))
    }
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {member: identity(member) for member in found - {pid}}


def alive(family: Family) -> list[int]:
    """Those that still run."""
    return [pid for pid, known in family.items() if runs(pid) and identity(pid) == known]


def see_off(family: Family, seconds: float) -> None:
    """Wait until none of them runs; kill what still does when the time is over."""
    deadline = time.monotonic() + seconds
    while alive(family):
        if time.monotonic() > deadline:
            for pid in alive(family):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
