"""The whole trip: webhooks in, events at the CRM, records in the archive; all on one machine.

It is loaded once with a backlog, as fast as the gateway accepts webhooks. The report shows the
throughput, and the CPU time and memory of each process.
"""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.load import wrk_command
from bench.reports.results import Line, Report
from bench.usage import cpu_seconds
from bench.workloads.webhooks import signed_lines
from tests.support.installation import Installation, installed

SECONDS = 600
"""Limit of wrk, which is ended when everything has arrived."""
CONNECTIONS = 256
"""Each waits for its response, so with a pace of 10 ms fewer would measure only the pace."""
QUIET_SECONDS = 3.0
"""Time without anything new after which everything has arrived."""
POLL_SECONDS = 0.05


def measure(folder: Path, messages: int, report: Report) -> None:
    """Send `messages` webhooks of one message each, and follow them to both ends."""
    folder.mkdir(parents=True)
    lines = folder / "webhooks.txt"
    lines.write_bytes(b"".join(signed_lines(messages)))
    with installed(folder / "town") as installation:
        before = _cpu_seconds(installation)
        command = wrk_command(
            installation.ports["POSTKAMER_GATEWAY_PORT"], lines, CONNECTIONS, SECONDS, "once"
        )
        wrk = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            began = time.monotonic()
            accepted, arrived, ended = _follow(installation, messages)
        finally:
            wrk.terminate()
            wrk.wait()
        spent = {name: used - before[name] for name, used in _cpu_seconds(installation).items()}
        report(f"the gateway accepted them in {accepted - began:.1f} s")
        for line in table(installation, arrived, ended - began, spent):
            report(line)


def _follow(installation: Installation, messages: int) -> tuple[float, int, float]:
    """Wait until nothing new arrives at the CRM.

    Returns when the gateway accepted the last webhook, how many messages the CRM has, and when
    the last of them arrived.
    """
    accepted = arrived = 0
    accepted_at = arrived_at = time.monotonic()
    while time.monotonic() - arrived_at < QUIET_SECONDS:
        if accepted < messages and (count := _accepted_count(installation)) > accepted:
            accepted, accepted_at = count, time.monotonic()
        summary = json.loads(_get(f"{installation.sandbox}/crm/summary"))
        assert not summary["orderViolations"] and not summary["changed"], summary
        if summary["distinct"] > arrived:
            arrived, arrived_at = summary["distinct"], time.monotonic()
        time.sleep(POLL_SECONDS)
    return accepted_at, arrived, arrived_at


def _accepted_count(installation: Installation) -> int:
    """Return how many webhooks the gateway has answered 200."""
    text = _get(f"{installation.operations('gateway')}/metrics").decode()
    metric = 'postkamer_webhook_requests_total{status="200"} '
    return sum(int(float(s.rpartition(" ")[2])) for s in text.splitlines() if s.startswith(metric))


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def table(
    installation: Installation, arrived: int, took: float, spent: Mapping[str, float]
) -> Iterator[Line]:
    """Yield the throughput, and the usage of each process."""
    sql = "select count(*) from archiver.entry where kind = 'message'"
    archived = int(installation.database.execute(sql))
    yield ""
    yield f"{arrived:,} at the CRM after {took:.1f} s: {arrived / took:,.0f} messages/s"
    yield f"{archived:,} in the archive"
    yield ""
    yield f"{'':12}{'us a message':>14}{'MiB':>8}"
    for name, seconds in spent.items():
        memory = f"{installation.memory(name):8.0f}" if name in installation.services else ""
        yield f"{name:12}{seconds / arrived * 1e6:14.0f}{memory}"


def _cpu_seconds(installation: Installation) -> dict[str, float]:
    """Return the CPU seconds of each process so far, children included."""
    roots = {name: process.pid for name, process in installation.services.items()}
    roots["rabbitmq"] = installation.broker.process.pid
    assert installation.database.process
    roots["postgresql"] = installation.database.process.pid
    return {name: cpu_seconds(pid) for name, pid in roots.items()}
