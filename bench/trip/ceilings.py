"""The bare ceilings: the CPU time of each step of the trip, done alone and with the least work.

Their sum is the cost of a message that nobody decided about, sealed or could lose track of.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from bench.load import measure_max_rate
from bench.servers import ROOT, run_command
from bench.trip.findings import BROKER, DATABASE
from bench.trip.town import Town
from bench.usage import cpu_seconds
from bench.workloads.webhooks import signed_lines
from deploy.local.state import free_port

CONNECTIONS, BODIES, WARMING_SECONDS = 256, 5_000, 1
HTTP, PUBLISH, INSERT, POST, COPY = (
    "HTTP server, signature checked",
    "publish with confirm",
    "insert of a row",
    "HTTP client, post to the CRM",
    "COPY of the archive's rows",
)
STEPS = {PUBLISH: "publish", INSERT: "insert", POST: "post", COPY: "copy"}
SERVER_OF = {PUBLISH: BROKER, INSERT: DATABASE, COPY: DATABASE}
"""Step -> the server whose CPU time counts too; the CRM's is that of a stand-in."""


def measure_ceilings(town: Town, count: int, seconds: int) -> Mapping[str, float]:
    """Return the CPU seconds of a message at each ceiling. The town stands still meanwhile."""
    found = {HTTP: _measure_http(town.folder, town.stage.settings, seconds)}
    url = f"http://127.0.0.1:{town.desk.port}/bare"
    for words, step in STEPS.items():
        pids = [str(town.server_roots[SERVER_OF[words]])] if words in SERVER_OF else []
        command = [sys.executable, "-m", "bench.baselines.trip", step, str(count), url, *pids]
        ran = subprocess.run(
            command, env=town.stage.settings, stdout=subprocess.PIPE, cwd=ROOT, check=True
        )
        found[words] = msgspec.json.decode(ran.stdout, type=float)
    return found


def _measure_http(folder: Path, settings: Mapping[str, str], seconds: int) -> float:
    lines, port = folder / "bare.txt", free_port()
    lines.write_bytes(b"".join(signed_lines(BODIES)))
    command = [sys.executable, "-m", "bench.baselines.gateway", "bare", str(port)]
    with run_command(command, port, settings) as pid:
        measure_max_rate(port, lines, CONNECTIONS, WARMING_SECONDS)
        before = cpu_seconds(pid)
        sample = measure_max_rate(port, lines, CONNECTIONS, seconds)
        return (cpu_seconds(pid) - before) / (sample.rate * seconds)
