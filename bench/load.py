"""The two loads: the maximum rate by wrk, and a fixed rate by `bench.open_loop`."""

import subprocess
import sys
from pathlib import Path

import msgspec

from bench.open_loop import Outcome
from bench.reports.results import RateSample

ROOT = Path(__file__).parent.parent
ANSWER_SECONDS = 30
"""Time-out of a response for wrk."""


def wrk_command(port: int, lines: Path, connections: int, seconds: int, mode: str) -> list[str]:
    """Return the command of wrk that posts `lines`: mode `again` (and again), or `once`."""
    return [
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", f"{ANSWER_SECONDS}s"),
        *("-s", str(ROOT / "bench" / "webhooks.lua"), f"http://127.0.0.1:{port}"),
        *("--", str(lines), mode),
    ]


def measure_max_rate(port: int, lines: Path, connections: int, seconds: int) -> RateSample:
    """Measure the maximum rate: each connection sends a request when it has its response."""
    command = wrk_command(port, lines, connections, seconds, "again")
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = next(line for line in ran.stdout.splitlines() if line.startswith("RESULT"))
    requests, microseconds, refused, broken = map(int, result.split()[1:])
    return RateSample(rate=(requests - refused) / microseconds * 1e6, other=refused + broken)


def measure_fixed_rate(
    port: int, lines: Path, connections: int, rate: float, seconds: int
) -> Outcome:
    """Send `rate` requests/s, whether earlier ones are answered or not."""
    arguments = (str(port), str(lines), str(connections), str(rate), str(seconds))
    command = [sys.executable, "-m", "bench.open_loop", *arguments]
    ran = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
    return msgspec.json.decode(ran.stdout, type=Outcome)
