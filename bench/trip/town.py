"""The town of a trip: the four shipped services with the rights they have in production, on a
broker and a database of their own, and a CRM that costs little.
"""

import re
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from bench.harness import Stage, start_stage
from bench.peers.crm import move_crm
from bench.trip.crm import DeskClient
from bench.trip.findings import BROKER, DATABASE, DESK
from bench.trip.workload import Workload
from bench.usage import cpu_seconds, tree_memory
from deploy.local.plan import ARCHIVER, REAL, SERVICES
from deploy.local.process import Process, Program
from deploy.local.state import free_port

READY_SECONDS = 300.0
"""Time limit of a start: recovery of a broker with a backlog, on a slow disk."""
POLL_SECONDS = 0.02
ALWAYS_OPEN = '"Mo-Su 00:00-24:00; PH off"'
"""Hours in place of the example's: no text goes out because it is night, and the calendar is asked
as it is in a town. Public holidays are as they were."""


class Trip(Protocol):
    """One that brings messages from webhooks to the CRM: a town, or a peer's chain."""

    name: str
    port: int
    """Port that webhooks are sent to."""
    desk: DeskClient
    workload: Workload
    folder: Path

    @property
    def roots(self) -> Mapping[str, int]: ...
    def must_run(self) -> None: ...


def cpu_of(trip: Trip) -> dict[str, float]:
    """Return the CPU seconds of each process so far, children included."""
    return {name: cpu_seconds(pid) for name, pid in trip.roots.items()}


def memory_of(trip: Trip) -> dict[str, float]:
    """Return the MiB of each process, children included, without what they share."""
    return {name: tree_memory(pid) for name, pid in trip.roots.items()}


class Town:
    """Postkamer. Its broker, database and CRM serve peers too, once its services have stopped."""

    name = "postkamer"

    def __init__(self, stage: Stage, desk: Process, desk_port: int) -> None:
        self.stage, self.folder = stage, stage.folder
        self.desk, self._desk = DeskClient(desk_port), desk
        self.workload = Workload()
        self.port = int(stage.settings["POSTKAMER_GATEWAY_PORT"])
        programs = (
            stage.archiver(),
            stage.deliverer(desk_port),
            stage.router(),
            stage.gateway(),
        )
        self.services = {program.name: Process(_usual(program)) for program in programs}
        self.copies: dict[str, Process] = {}
        """More instances of services, each by a name of its own."""
        self._started: set[str] = set()

    @property
    def server_roots(self) -> Mapping[str, int]:
        """Return the process ids of the servers, and of the CRM."""
        assert self.stage.database.process
        return {
            DATABASE: self.stage.database.process.pid,
            BROKER: self.stage.broker.process.pid,
            DESK: self._desk.pid,
        }

    @property
    def roots(self) -> Mapping[str, int]:
        services = {name: self.services[name].pid for name in reversed(REAL)}
        copies = {name: process.pid for name, process in self.copies.items()}
        return services | copies | dict(self.server_roots)

    def must_run(self) -> None:
        """Raise Refusal if a service that was started, or the CRM, has ended."""
        started = (self.services[name] for name in self._started)
        for process in (*started, *self.copies.values(), self._desk):
            process.must_run()

    @contextmanager
    def instances(self, count: int) -> Iterator[None]:
        """Run so many instances of each service while the context is open."""
        with ExitStack() as stack:
            for name in REAL:
                for n in range(2, count + 1):
                    ports = {_port_of(name): str(free_port()), ARCHIVER.variable: str(free_port())}
                    program = self.services[name].program
                    settings = dict(program.environment) | ports
                    copy = Process(replace(program, name=f"{name} {n}", environment=settings))
                    copy.start()
                    stack.callback(self._drop, f"{name} {n}")
                    self.copies[f"{name} {n}"] = copy
                    self._wait_for(copy, _ready_url(name, settings[_port_of(name)]))
            yield

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Keep all instances of a service from working while the context is open: for less than the
        20 s after which the broker takes them for dead."""
        processes = [self.services[name]]
        processes += [each for copy, each in self.copies.items() if copy.startswith(f"{name} ")]
        for process in processes:
            process.send(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send(signal.SIGCONT)

    def _drop(self, name: str) -> None:
        self.copies.pop(name).stop()

    def _wait_for(self, process: Process, url: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not answers(url):
            process.must_run()
            if time.monotonic() > deadline:
                raise RuntimeError(f"not ready: {process.program.name}")
            time.sleep(POLL_SECONDS)

    def start(self, names: Sequence[str] = REAL) -> dict[str, float]:
        """Start services, all at once; return the seconds after which each was ready."""
        began = time.monotonic()
        for name in names:
            self.services[name].start()
        self._started.update(names)
        took: dict[str, float] = {}
        while len(took) < len(names):
            for name in names:
                self.services[name].must_run()
                if name not in took and self._is_ready(name):
                    took[name] = time.monotonic() - began
            if time.monotonic() - began > READY_SECONDS:
                raise RuntimeError(f"not ready: {', '.join(sorted(set(names) - set(took)))}")
            time.sleep(POLL_SECONDS)
        return took

    def stop(self, names: Sequence[str] = REAL) -> None:
        """Stop services as an operator would: first those that accept work."""
        self._started.difference_update(names)
        for name in reversed(names):
            self.services[name].stop()

    def _is_ready(self, name: str) -> bool:
        return answers(_ready_url(name, self.stage.settings[_port_of(name)]))


def _port_of(name: str) -> str:
    """Return the variable of a service's operations port."""
    return next(each.port.variable for each in SERVICES if each.name == name)


def _ready_url(name: str, port: str) -> str:
    path = next(each.path for each in SERVICES if each.name == name)
    return f"http://127.0.0.1:{port}{path}"


def answers(url: str) -> bool:
    """Return if a URL answers 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@contextmanager
def run_town(folder: Path) -> Iterator[Town]:
    """Run a town until the context is left."""
    port = free_port()
    with (
        start_stage(folder, lambda text: _configure(text, port)) as stage,
        ExitStack() as stack,
    ):
        _note_commits(stage)
        desk = Process(stage.module("desk", ("bench.trip.crm", str(port))))
        desk.start()
        stack.callback(desk.stop)
        town = Town(stage, desk, port)
        stack.callback(town.stop)
        town.start()
        yield town


def _configure(text: str, port: int) -> str:
    """Return a configuration with its CRM at another port, and always open."""
    return re.sub(r'(?m)^hours = "[^"]*"', f"hours = {ALWAYS_OPEN}", move_crm(text, port))


def _note_commits(stage: Stage) -> None:
    """Let PostgreSQL note the moment of each commit: the end of the way to the archive."""
    stage.database.execute("alter system set track_commit_timestamp = on")
    stage.database.stop()
    stage.database.start()


def _usual(program: Program) -> Program:
    """Return a service that logs as it does by default."""
    variables = dict(program.environment)
    variables.pop("POSTKAMER_LOG_LEVEL")
    return replace(program, environment=variables)
