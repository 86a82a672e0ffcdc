"""Open Klant's side of a benchmark: the stand-in at its pace, what waits for it, what it holds."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import msgspec

from bench import crm
from bench.harness import Stage
from bench.servers import ROOT
from deploy.local.plan import SANDBOX
from deploy.local.process import Process, Program
from sandbox.openklant.error_responses import BASE
from sandbox.openklant.latency import Told
from sandbox.settings import SandboxSettings
from services.contract import Delivery

ID = "openklant"
TOKEN = SandboxSettings().openklant_token
DESTINATION = """
[[destinations]]
id = "{id}"
kind = "openklant"
url = "{url}"
secret = "env:OPENKLANT_TOKEN"
"""
START_SECONDS = 30.0
LOOK_SECONDS = 0.05


class Register:
    """The stand-in at a port of this machine."""

    def __init__(self, stage: Stage, port: int) -> None:
        self._stage, self._port = stage, port
        self._url = url(port)

    @property
    def program(self) -> Program:
        """The sandbox as it is shipped, of which nothing else is used."""
        return Program(
            name="sandbox",
            arguments=(sys.executable, "-m", "cli.main", "sandbox"),
            environment=self._stage.settings | {SANDBOX.variable: str(self._port)},
            folder=self._stage.folder,
            cwd=ROOT,
        )

    def wait_until_ready(self, process: Process) -> None:
        """Until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            process.must_run()
            try:
                self.pace()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)
            else:
                return

    def measure_bare_client(self, seconds: float) -> dict[str, float]:
        """What it takes from a client that does nothing else: messages/s of each kind of load."""
        command = [sys.executable, "-m", "bench.baseline_openklant", self._url, str(seconds)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
        return msgspec.json.decode(ran.stdout, type=dict[str, float])

    def empty(self) -> None:
        """Nothing is there, nor do we know of anything; and it counts anew."""
        self._ask("DELETE", "summary")
        self._ask("POST", "pace", {"factor": 1})
        self._stage.database.execute("truncate deliverer.klantcontact, deliverer.internetaak")

    def pace(self) -> Told:
        """How it went since it was emptied."""
        return msgspec.json.decode(self._ask("GET", "pace"), type=Told)

    def contents(self, most: int = 1) -> dict[str, Any]:
        """How much there is, and of so many contacts what hangs on them."""
        found: dict[str, Any] = json.loads(self._ask("GET", f"summary?last={most}"))
        return found

    def _ask(self, method: str, what: str, body: dict[str, float] | None = None) -> bytes:
        request = urllib.request.Request(
            f"{self._url}/openklant/{what}",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())


def add_openklant(text: str, port: int, register: int) -> str:
    """The configuration with its CRM at the receiver, and an Open Klant at the stand-in."""
    return crm.move_crm(text, port) + DESTINATION.format(id=ID, url=url(register) + BASE)


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def new_conversations(count: int) -> Iterator[Delivery]:
    """The first of a conversation each, by citizens who are known by their numbers, and work: a
    contact with its party, an address, an actor and a task, in four calls."""
    for n, event in enumerate(crm.make_events(count)):
        said = {
            "department": event.department,
            "type": "text",
            "text": "Goedemorgen, de container in de Dorpsstraat is vol. " * 5,
            "from": {"identities": [{"kind": "phone", "value": f"316{n:08}"}], "name": "Sam"},
            "task": True,
        }
        data = msgspec.json.encode(said)
        yield msgspec.structs.replace(event, data=data, message=event.id)


def describe_differences(held: dict[str, Any], messages: int) -> str:
    """What there is that should not be, or not so often, after so many messages; '' if nothing."""
    wanted = {name: messages for name in ("klantcontacten", "betrokkenen", "internetaken")}
    wanted |= {"digitaleadressen": messages, "actorklantcontacten": messages, "actoren": 2}
    counts = held["counts"]
    wrong = [f"{counts[name]:,} {name}" for name in wanted if counts[name] != wanted[name]]
    conversations = {one["metadata"]["gesprek"] for one in held["contacts"].values()}
    if len(conversations) != messages:
        wrong.append(f"{len(conversations):,} conversations")
    several = sum(len(one["taken"]) != 1 for one in held["contacts"].values())
    if several:
        wrong.append(f"{several:,} contacts with no task, or several")
    return ", ".join(wrong)
