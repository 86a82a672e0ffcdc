"""The whole trip: webhooks in, events at the CRM, records in the archive; all on one machine.

Loaded once with a backlog (as fast as the door takes them), so that it shows what the trip can
carry, who uses the processor for it, and what the processes hold in memory meanwhile.
"""

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.load import wrk_command
from bench.usage import processor
from bench.webhooks import signed_lines
from tests.support.installation import Installation, installed

SECONDS = 600
"""For wrk, which does not end by itself; it is ended when everything has arrived."""
CONNECTIONS = 256
"""Each waits for its answer, so with a pace of 10 ms fewer would measure nothing but the pace."""
QUIET_SECONDS = 3.0
"""Nothing new for so long: everything has arrived."""
LOOK_SECONDS = 0.05


def measure(folder: Path, messages: int, report: Callable[[str], None]) -> None:
    """Send `messages` webhooks of one message each, and follow them to both ends."""
    folder.mkdir(parents=True)
    lines = folder / "webhooks.txt"
    lines.write_bytes(b"".join(signed_lines(messages)))
    with installed(folder / "town") as town:
        before = _processor(town)
        command = wrk_command(
            town.ports["POSTKAMER_GATEWAY_PORT"], lines, CONNECTIONS, SECONDS, "once"
        )
        wrk = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            began = time.monotonic()
            taken, arrived, took = _follow(town, messages)
        finally:
            wrk.terminate()
            wrk.wait()
        spent = {name: used - before[name] for name, used in _processor(town).items()}
        report(f"the door took them in {taken - began:.1f} s")
        for line in table(town, arrived, took - began, spent):
            report(line)


def _follow(town: Installation, messages: int) -> tuple[float, int, float]:
    """When the door had taken them all, how many the CRM has in the end, and since when."""
    taken = seen = 0
    door = at = time.monotonic()
    while time.monotonic() - at < QUIET_SECONDS:
        if taken < messages and (now := _answered(town)) > taken:
            taken, door = now, time.monotonic()
        summary = json.loads(_get(f"{town.sandbox}/crm/summary"))
        assert not summary["orderViolations"] and not summary["changed"], summary
        if summary["distinct"] > seen:
            seen, at = summary["distinct"], time.monotonic()
        time.sleep(LOOK_SECONDS)
    return door, seen, at


def _answered(town: Installation) -> int:
    """How many webhooks the gateway has answered 200."""
    text = _get(f"{town.operations('gateway')}/metrics").decode()
    wanted = 'postkamer_webhook_requests_total{status="200"} '
    return sum(int(float(s.rpartition(" ")[2])) for s in text.splitlines() if s.startswith(wanted))


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def table(
    town: Installation, arrived: int, took: float, spent: Mapping[str, float]
) -> Iterator[str]:
    """What was carried, and what each process used for it."""
    sql = "select count(*) from archiver.entry where kind = 'message'"
    archived = int(town.database.execute(sql))
    yield ""
    yield f"{arrived:,} at the CRM after {took:.1f} s: {arrived / took:,.0f} messages/s"
    yield f"{archived:,} in the archive"
    yield ""
    yield f"{'':12}{'us a message':>14}{'MiB':>8}"
    for name, seconds in spent.items():
        memory = f"{town.memory(name):8.0f}" if name in town.services else ""
        yield f"{name:12}{seconds / arrived * 1e6:14.0f}{memory}"


def _processor(town: Installation) -> dict[str, float]:
    """Seconds of processor time that each of them has used, children included."""
    roots = {name: process.pid for name, process in town.services.items()}
    roots["rabbitmq"] = town.broker.process.pid
    assert town.database.process
    roots["postgresql"] = town.database.process.pid
    return {name: processor(pid) for name, pid in roots.items()}
