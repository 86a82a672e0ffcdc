"""The two loads: as much as wrk can get answered, and a fixed rate (`bench.steady`)."""

import subprocess
import sys
from pathlib import Path

import msgspec

from bench.open_loop import Outcome
from bench.results import Sample

ROOT = Path(__file__).parent.parent
ANSWER_SECONDS = 30
"""For wrk: what is slower is no answer."""


def wrk_command(port: int, lines: Path, connections: int, seconds: int, mode: str) -> list[str]:
    """wrk posting `lines`: `again` and again, or `once`."""
    return [
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{ANSWER_SECONDS}s"),
        *("-s", str(ROOT / "bench" / "webhooks.lua"), f"http://127.0.0.1:{port}"),
        *("--", str(lines), mode),
    ]


def measure_max_rate(port: int, lines: Path, connections: int, seconds: int) -> Sample:
    """As many as there come: each connection sends its next one when it has its answer."""
    command = wrk_command(port, lines, connections, seconds, "again")
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = next(line for line in ran.stdout.splitlines() if line.startswith("RESULT"))
    requests, microseconds, refused, broken = map(int, found.split()[1:])
    return Sample(rate=(requests - refused) / microseconds * 1e6, other=refused + broken)


def measure_fixed_rate(
    port: int, lines: Path, connections: int, rate: float, seconds: int
) -> Outcome:
    """So many in each second, whether the ones before are answered or not."""
    arguments = (str(port), str(lines), str(connections), str(rate), str(seconds))
    command = [sys.executable, "-m", "bench.open_loop", *arguments]
    ran = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
    return msgspec.json.decode(ran.stdout, type=Outcome)
