"""Prometheus beside the services of `make run`, with the shipped rules. Asked for by a variable,
as it takes some 100 MB of memory. Nothing waits for it, and it ends with the rest."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local import plan
from deploy.local.errors import Refusal
from deploy.local.process import Process, Program

SHIPPED = Path(__file__).parents[1] / "prometheus"
BROKER_TARGET = "rabbitmq:15692"
KEEP = "2d"
"""Time for which samples are stored: enough to look back at yesterday's try."""


@contextmanager
def running(
    folder: Path, environment: Mapping[str, str], broker_port: int | None
) -> Iterator[Process]:
    """Start Prometheus, without waiting for it. Refusal if it is not installed."""
    program = shutil.which("prometheus")
    if program is None:
        raise Refusal(
            "Prometheus is not installed; run `deploy/setup.sh prometheus` or leave out"
            " POSTKAMER_PROMETHEUS."
        )
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(configuration((SHIPPED / file.name).read_text(), environment, broker_port))
    host = plan.reachable(environment["POSTKAMER_BIND"])
    arguments = (
        program,
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={KEEP}",
        f"--web.listen-address={host}:{environment[plan.PROMETHEUS.variable]}",
    )
    process = Process(
        Program(
            name="prometheus", arguments=arguments, environment={}, folder=folder.parent / "log"
        )
    )
    process.start()
    try:
        yield process
    finally:
        process.stop()


def configuration(shipped: str, environment: Mapping[str, str], broker_port: int | None) -> str:
    """Return the shipped configuration with the addresses of this run, and only the services if
    the broker is another's. Pure."""
    text = shipped.replace("[rules.yml]", json.dumps([str(SHIPPED / "rules.yml")]))
    for service in plan.SERVICES:
        if service.has_database:
            host, port = plan.address(service, environment)
            text = text.replace(f"{service.name}:{service.port.default}", f"{host}:{port}")
    if broker_port is None:
        return text.partition("\n  # Length of each queue.")[0]
    return text.replace(BROKER_TARGET, f"127.0.0.1:{broker_port}")
