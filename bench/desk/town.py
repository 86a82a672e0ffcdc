"""A town whose departments answer at its desk: all services as processes, and the sandbox."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from bench.harness import Stage, start_stage
from bench.servers import ROOT
from bench.trip.findings import BROKER, DATABASE
from bench.trip.town import READY_SECONDS, answers
from deploy.local.plan import DESK, SANDBOX, SERVICES
from deploy.local.process import Process, Program
from deploy.local.state import token
from tests.support.desk.town import with_desk

POLL_SECONDS = 0.05


class DeskTown:
    def __init__(self, stage: Stage, people: int) -> None:
        self.stage = stage
        password = token()
        stage.database.execute(f"alter role postkamer_desk login password '{password}'")
        url = stage.database.url_for("postkamer_desk", password)
        sandbox = ("bench.desk.sandbox", str(people))
        programs = (
            _program(stage, "sandbox", sandbox, {}),
            _program(stage, "desk", ("cli.main", "desk"), {"POSTKAMER_DATABASE_URL": url}),
            *(stage.archiver(), _with_sandbox(stage), stage.router(), stage.gateway()),
        )
        self.services = {each.name: Process(each) for each in programs}

    @property
    def desk(self) -> str:
        return f"http://127.0.0.1:{self.stage.settings[DESK.variable]}"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.stage.settings['POSTKAMER_GATEWAY_PORT']}"

    @property
    def roots(self) -> Mapping[str, int]:
        """Process ids of the services and their servers."""
        assert self.stage.database.process
        servers = {
            DATABASE: self.stage.database.process.pid,
            BROKER: self.stage.broker.process.pid,
        }
        return {name: each.pid for name, each in self.services.items()} | servers

    def start(self) -> None:
        for each in self.services.values():
            each.start()
        deadline = time.monotonic() + READY_SECONDS
        for service in SERVICES:
            port = self.stage.settings[service.port.variable]
            while not answers(f"http://127.0.0.1:{port}{service.path}"):
                self.services[service.name].must_run()
                if time.monotonic() > deadline:
                    raise RuntimeError(f"not ready: {service.name}")
                time.sleep(POLL_SECONDS)

    def must_run(self) -> None:
        for each in self.services.values():
            each.must_run()

    def stop(self) -> None:
        for each in reversed(self.services.values()):
            each.stop()


@contextmanager
def run_desk_town(folder: Path, people: int) -> Iterator[DeskTown]:
    """Run a town, with so many employees at its provider, until the context is left."""
    with start_stage(folder, with_desk) as stage, ExitStack() as stack:
        file = stage.config_file
        text = file.read_text()
        for port in (DESK, SANDBOX):
            text = text.replace(f":{port.default}/", f":{stage.settings[port.variable]}/")
        file.write_text(text)
        town = DeskTown(stage, people)
        stack.callback(town.stop)
        town.start()
        yield town


def _with_sandbox(stage: Stage) -> Program:
    """Return the deliverer, which sends to the sandbox's Graph API."""
    program, name = stage.deliverer(0), "POSTKAMER_META_GRAPH_URL"
    return replace(program, environment=dict(program.environment) | {name: stage.settings[name]})


def _program(
    stage: Stage, name: str, module: tuple[str, ...], settings: Mapping[str, str]
) -> Program:
    return Program(
        name=name,
        arguments=(sys.executable, "-m", *module),
        environment=stage.settings | dict(settings),
        folder=stage.folder,
        cwd=ROOT,
    )
