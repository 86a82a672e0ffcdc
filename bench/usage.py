"""What processes use, from /proc: processor time and memory."""

import os
import re
from pathlib import Path

_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


def cpu_seconds(pid: int) -> float:
    """Seconds of a process and what it has started, ended children included; 0 for one that has
    ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    ticks = sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK") + sum(cpu_seconds(int(child)) for child in children)


def peak_memory(pid: int) -> float:
    """The most MiB that a process has held."""
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


def machine_ticks() -> tuple[float, float]:
    """Ticks so far of all its processors: of those that passed, and of those with nothing to do."""
    first, _, _ = Path("/proc/stat").read_text().partition("\n")
    ticks = [int(each) for each in first.split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4]
