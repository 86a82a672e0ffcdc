"""CPU time and memory of processes, from /proc."""

import os
import re
from pathlib import Path

_PRIVATE = re.compile(r"RssAnon:\s+(\d+) kB")
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and its children, ended ones included; 0 if it ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    ticks = sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_seconds(int(child)) for child in children)


def peak_memory(pid: int) -> float:
    """Return the peak memory of a process, in MiB."""
    match = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    assert match
    return int(match[1]) / 1024


def tree_memory(pid: int) -> float:
    """Return the MiB that a process and its children have for themselves alone: what they share,
    such as the buffers of PostgreSQL, is fixed at their start. 0 for a process that ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    own = _PRIVATE.search(status)
    return (int(own[1]) / 1024 if own else 0.0) + sum(tree_memory(int(c)) for c in children)


def machine_ticks() -> tuple[float, float]:
    """Return the total and the idle ticks so far of all processors of this machine."""
    first, _, _ = Path("/proc/stat").read_text().partition("\n")
    ticks = [int(each) for each in first.split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]
