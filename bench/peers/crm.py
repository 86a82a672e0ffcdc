"""The CRM's side of a benchmark: destinations at the receiver, their events, what it received."""

import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bench.harness import Stage
from bench.peers.receiver import FAILING
from bench.servers import ROOT
from deploy.local.process import Process, Program
from services import clock, event_types
from services.contract import Delivery
from services.ids import uuid7
from tests.support.citizens import NUMBER

STUCK_SECONDS = 300.0
POLL_SECONDS = 0.02
DATA = msgspec.json.encode({"conversationId": "c", "text": "x" * 500})
FAILING_DESTINATION = """
[[destinations]]
id = "{id}"
kind = "cloudevents"
url = "http://127.0.0.1:{port}/{id}/events"
secret = "env:CRM_SECRET"
"""


def add_failing_destinations(text: str, port: int) -> str:
    """Return a configuration with its CRM at the receiver, and with the failing destinations."""
    failing = (FAILING_DESTINATION.format(id=id, port=port) for id in FAILING)
    return move_crm(text, port) + "".join(failing)


def move_crm(text: str, port: int) -> str:
    """Return a configuration with its CRM at another port."""
    return text.replace("//127.0.0.1:8090/", f"//127.0.0.1:{port}/")


def receiver_program(stage: Stage, port: int) -> Program:
    return Program(
        name="receiver",
        arguments=(sys.executable, "-m", "bench.peers.receiver", str(port)),
        environment=stage.settings,
        folder=stage.folder,
        cwd=ROOT,
    )


@contextmanager
def run_process(program: Program) -> Iterator[Process]:
    process = Process(program)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def make_events(count: int) -> Iterator[Delivery]:
    """Yield events of a conversation each, made at the moment they are used."""
    for n in range(count):
        now = clock.now()
        yield Delivery(
            id=uuid7(now, n.to_bytes(10, "big")),
            type=event_types.RECEIVED,
            tenant="almelo",
            conversation=f"{NUMBER}-{n:026}",
            department="klantcontact",
            sequence=n,
            time=now,
            received_at=now,
            data=DATA,
        )


def put(port: int, path: str) -> None:
    """Change the state of the receiver."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


def get(port: int, path: str) -> dict[str, list[float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as response:
        result: dict[str, list[float]] = json.loads(response.read())
        return result


def received_count(port: int, destination: str) -> int:
    """Return how many requests of a destination were accepted since the receiver started."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as response:
            return int(json.loads(response.read()).get(destination, 0))
    except OSError:
        return 0  # it does not listen yet


def wait_until_received(port: int, destination: str, count: int, process: Process) -> None:
    """Wait until so many requests of a destination were accepted; RuntimeError if it is stuck."""
    deadline = time.monotonic() + STUCK_SECONDS
    while (received := received_count(port, destination)) < count:
        process.must_run()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{destination}: {received:,} of {count:,} arrived")
        time.sleep(POLL_SECONDS)
