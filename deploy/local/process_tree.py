"""Descendants of a process, their identity, and if they still run: read from /proc."""

import os
import signal
import time
from pathlib import Path

POLL_SECONDS = 0.02
"""Interval between polls of a state that sends no event when it changes."""

Family = dict[int, str]
"""Pids, each with its identity."""


def identity(pid: int) -> str:
    """Return an identity that no other process with the same pid ever has; '' if there is none.

    The kernel gives the start time (field 22 of stat) in ticks since boot.
    """
    if not (stat := _stat(pid)):
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{pid} {stat[22 - 3]} {boot}"


def runs(pid: int) -> bool:
    """True if the process still runs. A zombie does not: its parent has only not waited for it."""
    return bool(stat := _stat(pid)) and stat[0] not in {"Z", "X"}


def _stat(pid: int) -> list[str]:
    """Return the fields of stat after the process name (proc(5), fields 3 and up)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def descendants(pid: int) -> Family:
    """Return the children of a process, their children, and so on."""
    parents = {
        int(path.name): int(stat[4 - 3])
        for path in Path("/proc").glob("[0-9]*")
        if (stat := _stat(int(path.name)))
    }
    family = {pid}
    while children := {child for child, parent in parents.items() if parent in family} - family:
        family |= children
    return {member: identity(member) for member in family - {pid}}


def alive(family: Family) -> list[int]:
    """Return the pids of those that still run."""
    return [pid for pid, recorded in family.items() if runs(pid) and identity(pid) == recorded]


def see_off(family: Family, seconds: float) -> None:
    """Wait until none of them runs; kill those that still run after so many seconds."""
    deadline = time.monotonic() + seconds
    while alive(family):
        if time.monotonic() > deadline:
            for pid in alive(family):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
