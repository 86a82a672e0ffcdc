"""Open Klant's side of a benchmark: the stand-in at its pace, its input and its contents."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import msgspec

from bench.harness import Stage
from bench.peers import crm
from bench.servers import ROOT
from deploy.local.plan import SANDBOX
from deploy.local.process import Process, Program
from sandbox.openklant.error_responses import BASE
from sandbox.openklant.latency import WorkerStatistics
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
POLL_SECONDS = 0.05


class Register:
    """The stand-in, at a port of this machine."""

    def __init__(self, stage: Stage, port: int) -> None:
        self._stage, self._port = stage, port
        self._url = url(port)

    @property
    def program(self) -> Program:
        """The shipped sandbox, of which only the Open Klant is used."""
        return Program(
            name="sandbox",
            arguments=(sys.executable, "-m", "cli.main", "sandbox"),
            environment=self._stage.settings | {SANDBOX.variable: str(self._port)},
            folder=self._stage.folder,
            cwd=ROOT,
        )

    def wait_until_ready(self, process: Process) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            process.must_run()
            try:
                self.pace()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return

    def measure_bare_client(self, seconds: float) -> dict[str, float]:
        """Measure a client that does nothing else: messages/s of each kind of load."""
        command = [sys.executable, "-m", "bench.baselines.openklant", self._url, str(seconds)]
        ran = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
        return msgspec.json.decode(ran.stdout, type=dict[str, float])

    def empty(self) -> None:
        """Delete everything in the stand-in, in our tables about it, and in its figures."""
        self._ask("DELETE", "summary")
        self._ask("POST", "pace", {"factor": 1})
        tables = ("klantcontact", "internetaak", "registration", "found_command", "look")
        names = ", ".join(f"deliverer.{name}" for name in tables)
        self._stage.database.execute(f"truncate {names}")

    def pace(self) -> WorkerStatistics:
        """Return its figures since it was emptied."""
        return msgspec.json.decode(self._ask("GET", "pace"), type=WorkerStatistics)

    def contents(self, most: int = 1) -> dict[str, Any]:
        """Return the counts of all objects, and the details of the last contacts."""
        contents: dict[str, Any] = json.loads(self._ask("GET", f"summary?last={most}"))
        return contents

    def _ask(self, method: str, what: str, body: dict[str, float] | None = None) -> bytes:
        request = urllib.request.Request(
            f"{self._url}/openklant/{what}",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())


def add_openklant(text: str, port: int, register: int) -> str:
    """Return a configuration with its CRM at the receiver and an Open Klant at the stand-in."""
    return crm.move_crm(text, port) + DESTINATION.format(id=ID, url=url(register) + BASE)


def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def new_conversations(count: int) -> Iterator[Delivery]:
    """Yield the first message of a conversation each, from a citizen with a phone number.

    Each asks for work: a contact with its party and our mark, two addresses, an actor and a task,
    in five calls.
    """
    for n, event in enumerate(crm.make_events(count)):
        content = {
            "department": event.department,
            "type": "text",
            "text": "Goedemorgen, de container in de Dorpsstraat is vol. " * 5,
            "from": {"identities": [{"kind": "phone", "value": f"316{n:08}"}], "name": "Sam"},
            "task": True,
        }
        data = msgspec.json.encode(content)
        yield msgspec.structs.replace(event, data=data, message=event.id)


def describe_differences(held: dict[str, Any], messages: int) -> str:
    """Describe the objects that are missing or too many after so many messages; '' if none."""
    of_each = ("klantcontacten", "betrokkenen", "internetaken", "actorklantcontacten")
    expected = dict.fromkeys((*of_each, "onderwerpobjecten"), messages)
    expected |= {"digitaleadressen": 2 * messages, "actoren": 2}
    counts = held["counts"]
    wrong = [f"{counts[name]:,} {name}" for name in expected if counts[name] != expected[name]]
    conversations = {contact["metadata"]["gesprek"] for contact in held["contacts"].values()}
    if len(conversations) != messages:
        wrong.append(f"{len(conversations):,} conversations")
    irregular = sum(len(contact["taken"]) != 1 for contact in held["contacts"].values())
    if irregular:
        wrong.append(f"{irregular:,} contacts with no task, or several")
    return ", ".join(wrong)
