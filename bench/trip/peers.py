"""The chains that a user would build instead, as trips: the same load, servers and CRM."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from bench.peers import chain
from bench.servers import ROOT
from bench.trip.findings import FASTSTREAM, PLAIN
from bench.trip.town import POLL_SECONDS, READY_SECONDS, Town, answers
from deploy.local.process import Process, Program
from deploy.local.state import free_port

FOLDER = ROOT / ".local" / "faststream"
"""Place of FastStream after `deploy/setup.sh faststream`."""
MODULES = {FASTSTREAM: "bench.peers.faststream_chain", PLAIN: "bench.peers.plain_chain"}


def missing_sentence(name: str) -> str | None:
    """Return why a peer cannot be measured; None if it can."""
    if name == FASTSTREAM and not (FOLDER / "faststream").is_dir():
        return "FastStream is not installed: deploy/setup.sh faststream"
    return None


class Chain:
    """Three processes of a peer, on the servers of a town whose services have stopped."""

    def __init__(self, name: str, town: Town) -> None:
        self.name, self._town = name, town
        self.folder, self.desk, self.workload = town.folder, town.desk, town.workload
        self.ports = {role: free_port() for role in chain.ROLES}
        self.port = self.ports[chain.RECEIVER]
        self.processes = {role: Process(self._program(role)) for role in chain.ROLES}

    @property
    def roots(self) -> Mapping[str, int]:
        own = {role: process.pid for role, process in self.processes.items()}
        return own | dict(self._town.server_roots)

    def must_run(self) -> None:
        for process in self.processes.values():
            process.must_run()

    def start(self) -> None:
        """Start the processes, and wait until each answers."""
        for process in self.processes.values():
            process.start()
        deadline = time.monotonic() + READY_SECONDS
        while not all(answers(f"http://127.0.0.1:{port}/") for port in self.ports.values()):
            self.must_run()
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        for process in self.processes.values():
            process.stop()

    def _program(self, role: str) -> Program:
        url = f"http://127.0.0.1:{self.desk.port}/crm/events"
        arguments = (MODULES[self.name], role, str(self.ports[role]), url)
        program = self._town.stage.module(f"{self.name}-{role}".replace(" ", "-"), arguments)
        path = os.pathsep.join((program.environment["PYTHONPATH"], str(FOLDER)))
        return replace(program, environment=dict(program.environment) | {"PYTHONPATH": path})


@contextmanager
def run_chain(name: str, town: Town) -> Iterator[Chain]:
    """Run a peer's chain until the context is left."""
    peer = Chain(name, town)
    with ExitStack() as stack:
        stack.callback(peer.stop)
        peer.start()
        yield peer
