"""The front door: its rate beside the bare HTTP server's and beside a publish per webhook.

One process each on the same machine as the load (wrk) and the broker, in turns, so that what
disturbs the machine disturbs all three.
"""

import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bench.signed import signed_lines
from deploy.local.broker import Broker
from deploy.local.database import Database
from deploy.local.plan import PORTS, environment
from deploy.local.servers import definitions
from deploy.local.state import free_port, token
from services import config

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "deploy" / "postkamer.example.toml"
CONNECTIONS = 256
"""Kept open by the load. Each waits for its answer, so with a pace of 10 ms fewer would measure
nothing but the pace."""
KINDS = ("bare HTTP and HMAC", "a publish per webhook", "gateway")


class Result:
    """Rates per second of one kind, and its latencies in milliseconds."""

    def __init__(self) -> None:
        self.rates: list[float] = []
        self.median: list[float] = []
        self.p99: list[float] = []
        self.errors = 0


def measure(folder: Path, rounds: int, seconds: int, report: Callable[[str], None]) -> None:
    """Measure and print; `rounds` of each, `seconds` each."""
    folder.mkdir(parents=True)
    lines = folder / "webhooks.txt"
    lines.write_bytes(b"".join(signed_lines(5000)))
    choices = config.load(EXAMPLE)
    passwords = {name: token() for name in ("gateway", "router", "deliverer", "archiver")}
    broker = Broker(folder / "rabbitmq", definitions(EXAMPLE, passwords))
    database = Database(folder / "postgresql", durable=False)
    with broker, database:
        settings = _settings(folder, broker.url, database.url)
        results = {kind: Result() for kind in KINDS}
        for turn in range(rounds):
            for kind in KINDS:
                with _served(kind, settings) as port:
                    _load(port, lines, seconds, results[kind])
                _purge(broker, choices.partitions)
                rate = results[kind].rates[-1]
                report(f"round {turn + 1} of {rounds}: {kind}: {rate:,.0f} webhooks/s")
    for line in table(results):
        report(line)


def table(results: Mapping[str, Result]) -> Iterator[str]:
    """Medians over the rounds, and each rate as a share of the bare server's."""
    ceiling = statistics.median(results[KINDS[0]].rates)
    yield ""
    yield f"{'':24}{'per second':>12}{'of bare':>10}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}"
    for kind, result in results.items():
        rate = statistics.median(result.rates)
        median, p99 = statistics.median(result.median), statistics.median(result.p99)
        yield (
            f"{kind:24}{rate:12,.0f}{rate / ceiling:10.2f}{median:9.1f}{p99:9.1f}{result.errors:8}"
        )
    single = statistics.median(results[KINDS[1]].rates)
    gateway = statistics.median(results[KINDS[2]].rates)
    yield f"group commit: {gateway / single:.1f} times a publish per webhook"


def _settings(folder: Path, amqp: str, database: str) -> dict[str, str]:
    ports = {port.variable: str(free_port()) for port in PORTS}
    given = ports | {"POSTKAMER_CONFIG": str(EXAMPLE), "PATH": os.environ["PATH"]}
    key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    settings = environment(given, root=folder, archive_key=key, crm_secret=key)
    return settings | {
        "POSTKAMER_AMQP_URL": amqp,
        "POSTKAMER_DATABASE_URL": database,
        "POSTKAMER_LOG_LEVEL": "error",
        "PYTHONPATH": str(ROOT),
    }


@contextmanager
def _served(kind: str, settings: Mapping[str, str]) -> Iterator[int]:
    port = int(settings["POSTKAMER_GATEWAY_PORT"])
    command = [sys.executable, "-m", "cli.main", "gateway"]
    if kind != "gateway":
        ceiling = "single" if kind == KINDS[1] else "bare"
        command = [sys.executable, "-m", "bench.ceilings", ceiling, str(port)]
    process = subprocess.Popen(command, env=dict(settings), cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        _wait(f"http://127.0.0.1:{port}/", process)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until something answers on the port, whatever it says."""
    while process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server ended by itself")


def _load(port: int, lines: Path, seconds: int, result: Result) -> None:
    command = load_command(port, lines, seconds, "again")
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found = next(line for line in ran.stdout.splitlines() if line.startswith("RESULT"))
    requests, microseconds, errors, median, p99 = map(int, found.split()[1:])
    result.rates.append(requests / microseconds * 1e6)
    result.median.append(median / 1000)
    result.p99.append(p99 / 1000)
    result.errors += errors


def load_command(port: int, lines: Path, seconds: int, mode: str) -> list[str]:
    """wrk posting `lines`: `again` and again, or `once`."""
    return [
        *("wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "5s"),
        *("-s", str(ROOT / "bench" / "webhooks.lua"), f"http://127.0.0.1:{port}"),
        *("--", str(lines), mode),
    ]


def _purge(broker: Broker, partitions: int) -> None:
    for partition in range(partitions):
        broker.control("purge_queue", "-p", "postkamer", f"router.partition.{partition}")
