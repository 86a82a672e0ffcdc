"""The CRM's side of a benchmark: destinations at the receiver, what they get, how many came."""

import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from bench.harness import Stage
from bench.receiver import FAILING
from bench.servers import ROOT
from deploy.local.process import Process, Program
from services import clock
from services.contract import Delivery
from services.ids import uuid7
from tests.support.citizens import NUMBER

STUCK_SECONDS = 300.0
LOOK_SECONDS = 0.02
DATA = msgspec.json.encode({"conversationId": "c", "text": "x" * 500})
NEIGHBOUR = """
[[destinations]]
id = "{id}"
kind = "cloudevents"
url = "http://127.0.0.1:{port}/{id}/events"
secret = "env:CRM_SECRET"
"""


def towards(text: str, port: int) -> str:
    """The configuration with its CRM at the receiver, and those that fail."""
    there = crm_at(text, port)
    return there + "".join(NEIGHBOUR.format(id=id, port=port) for id in FAILING)


def crm_at(text: str, port: int) -> str:
    return text.replace("//127.0.0.1:8090/", f"//127.0.0.1:{port}/")


def receiver(stage: Stage, port: int) -> Program:
    return Program(
        name="receiver",
        arguments=(sys.executable, "-m", "bench.receiver", str(port)),
        environment=stage.settings,
        folder=stage.folder,
        cwd=ROOT,
    )


@contextmanager
def running(program: Program) -> Iterator[Process]:
    process = Process(program)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def events(count: int) -> Iterator[Delivery]:
    """Of a conversation each, made when they are taken."""
    for n in range(count):
        now = clock.now()
        yield Delivery(
            id=uuid7(now, n.to_bytes(10, "big")),
            type="nl.postkamer.message-received.v1",
            tenant="almelo",
            conversation=f"{NUMBER}-{n:026}",
            department="klantcontact",
            sequence=n,
            time=now,
            received_at=now,
            data=DATA,
        )


def told(port: int, path: str) -> None:
    """Say something to the receiver."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


def asked(port: int, path: str) -> dict[str, list[float]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
        found: dict[str, list[float]] = json.loads(answer.read())
        return found


def counted(port: int, what: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=10) as answer:
            return int(json.loads(answer.read()).get(what, 0))
    except OSError:
        return 0  # it does not listen yet


def until(port: int, what: str, count: int, process: Process) -> None:
    """So many of a destination's came, since the receiver began."""
    deadline = time.monotonic() + STUCK_SECONDS
    while (seen := counted(port, what)) < count:
        process.must_run()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: {seen:,} of {count:,} came")
        time.sleep(LOOK_SECONDS)
