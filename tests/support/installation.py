"""A whole Postkamer for a test: private servers, four services and the sandbox as processes.

Everything is real and stands in a folder of its own on free ports; a test can kill any part of it
and start it again, and have more than one process of a service.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from cli.main import main
from deploy.local.plan import PORTS, REAL, SERVICES, STORING, Secrets, Service, environment
from deploy.local.process import Process, Program
from deploy.local.rabbitmq import Broker
from deploy.local.servers import definitions
from deploy.local.state import free_port, token
from tests.support.decrypted_record import KEY, Readable
from tests.support.installed_tables import copy_tables
from tests.support.service_forks import fork, start_servers
from tests.support.standing_brokers import give_back, take_idle
from tests.support.working_keys import insert_test_keys

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "tests" / "examples" / "almelo.toml"
NEIGHBOUR_NUMBER = "206540352242923"
NEIGHBOUR = f"""
[[tenants]]
id = "hengelo"
name = "Gemeente Hengelo"

[[numbers]]
id = "{NEIGHBOUR_NUMBER}"
tenant = "hengelo"
fallback = "balie"

[[departments]]
id = "balie"
tenant = "hengelo"
name = "Balie"
destination = "crm"
"""
"""A second municipality, whose number is in the other partition than the example's."""
TOKENS = "sandbox@almelo/**:sandbox-api-token,neighbour@hengelo/**:neighbour-api-token"
READY_SECONDS = 60.0
PASSWORDS = {name: token() for name in STORING}
"""Passwords of the services in all towns of this process, which share brokers."""


class Installation:
    def __init__(
        self,
        folder: Path,
        change: Callable[[str], str] = lambda text: text,
        make_broker: Callable[[Path, Mapping[str, Any]], Broker] | None = None,
        make_database: Callable[[Path], Readable] | None = None,
        *,
        has_desk: bool = False,
    ) -> None:
        """Take the example's configuration and a neighbour's, as `change` makes it. A broker that
        `make_broker` makes is this town's alone."""
        self.folder = folder
        self._all = [each for each in SERVICES if has_desk or each.name != "desk"]
        folder.mkdir(parents=True, exist_ok=True)
        self.ports = {port.variable: free_port() for port in PORTS}
        self._asked = {each.name: self.ports[each.port.variable] for each in self._all}
        """Process -> the port on which it is asked whether it is ready."""
        self.config = folder / "postkamer.toml"
        text, desk = change(EXAMPLE.read_text() + NEIGHBOUR), self.ports["POSTKAMER_DESK_PORT"]
        moved = text.replace(":8090/", f":{self._sandbox}/").replace(":8070/", f":{desk}/")
        self.config.write_text(moved)
        self._definitions = definitions(self.config, {name: PASSWORDS[name] for name in REAL})
        idle = None if make_broker else take_idle(self._definitions)
        make = make_broker or Broker
        self._broker = idle or make(folder / "rabbitmq", self._definitions)
        self._is_broker_running, self._is_broker_touched = idle is not None, bool(make_broker)
        make_database = make_database or partial(Readable, durable=False)
        self.database = make_database(folder / "postgresql")
        self.services: dict[str, Process] = {}
        self.more: dict[str, str] = {}
        """Variables that a test sets before the services start."""

    @property
    def broker(self) -> Broker:
        """The broker, for a test to kill, pause or enter: no other town uses it afterwards."""
        self._is_broker_touched = True
        return self._broker

    @property
    def _sandbox(self) -> int:
        return self.ports["POSTKAMER_SANDBOX_PORT"]

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self._sandbox}"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.ports['POSTKAMER_GATEWAY_PORT']}"

    @property
    def router(self) -> str:
        return f"http://127.0.0.1:{self.ports['POSTKAMER_ROUTER_PORT']}"

    @property
    def archiver(self) -> str:
        return f"http://127.0.0.1:{self.ports['POSTKAMER_ARCHIVER_PORT']}"

    @property
    def desk(self) -> str:
        return f"http://127.0.0.1:{self.ports['POSTKAMER_DESK_PORT']}"

    @property
    def objects(self) -> Path:
        """Folder of the stored files."""
        return self.folder / ".local" / "objects"

    def operations(self, name: str) -> str:
        """The operations port of a process."""
        return f"http://127.0.0.1:{self._asked[name]}"

    def start(self) -> None:
        """Start everything. A test that ends the broker flushes it before."""
        if not self._is_broker_running:
            self._broker.launch()
            self._is_broker_running = True
        if self.database.more:  # it goes by another clock from its first second
            self.database.start()
            self._run("migrate", {"POSTKAMER_DATABASE_URL": self.database.url})
        else:
            start_servers(*(service.name for service in self._all))
            copy_tables(self.database.folder)
            self.database.start()
        roles = (
            f"alter role postkamer_{name} login password '{password}';"
            for name, password in PASSWORDS.items()
        )
        has_own_keys = "POSTKAMER_WORKING_KEY" in self.more
        self.database.execute("".join(roles) + ("" if has_own_keys else insert_test_keys()))
        self._broker.wait()
        for service in self._all:
            self.services[service.name] = Process(self._program(service.name), fork)
            self.services[service.name].start()
        self.wait_until_ready()

    def add_second(self, name: str, number: int = 2) -> str:
        """Another process of a service, not started yet, with an operations port of its own; what
        it is called here. A third one has the number 3."""
        second, port = f"{name}-{number}", _service(name).port.variable
        self._asked[second] = free_port()
        first = self._program(name)
        settings = dict(first.environment) | {port: str(self._asked[second])}
        program = replace(first, name=second, environment=settings)
        self.services[second] = Process(program, fork)
        return second

    def wait_until_ready(self, *names: str) -> None:
        for name in names or [service.name for service in self._all]:
            self._wait(name)

    def _wait(self, name: str) -> None:
        url = self.operations(name) + _service(name).path
        deadline = time.monotonic() + READY_SECONDS
        while not answers(url):
            self.services[name].must_run()
            assert time.monotonic() < deadline, f"{name} is not ready"
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """End a service as a crash would."""
        self.services[name].kill()

    def restart(self, name: str) -> None:
        """Start a service that has ended, or was added."""
        self.services[name].start()

    def stop(self) -> None:
        """End everything as an operator would."""
        for process in reversed(self.services.values()):
            process.stop()
        self._broker.stop()
        self._is_broker_running = False
        self.database.stop()

    def discard(self) -> None:
        """End everything at once, at the end of a test: nothing here is used again."""
        for process in self.services.values():
            process.kill()
        self.database.kill()
        shutil.rmtree(self.database.folder / "data", ignore_errors=True)  # it may be in memory
        has_ended = self._broker.process.exit_code is not None
        if has_ended or self._is_broker_touched or not self._is_broker_running:
            self._broker.kill()
        else:
            give_back(self._definitions, self._broker)

    def says(self, *arguments: str, stdin: str = "", **more: str) -> str:
        """Output of an operator's command, run as the owner of the database, also when it fails.
        `more` are settings."""
        owner = {"POSTKAMER_DATABASE_URL": self.database.url}
        settings = self._settings("operator") | owner | more
        done = CliRunner().invoke(main, arguments, input=stdin, env=settings)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    def runs(self, *arguments: str) -> tuple[int, str]:
        """Exit code and output of an operator's command, in a process of its own: this process has
        the working keys of one town only."""
        owner = {"POSTKAMER_DATABASE_URL": self.database.url}
        command = (sys.executable, "-m", "cli.main", *arguments)
        done = subprocess.run(
            command,
            env=self._settings("operator") | owner,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def logs(self) -> str:
        """Everything that the services have logged."""
        return "\n".join(
            path.read_text(errors="replace")
            for name in self.services
            for path in self.folder.glob(f"{name}.log*")
        )

    def memory(self, name: str) -> float:
        """MiB that a service holds now."""
        status = Path(f"/proc/{self.services[name].pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def _settings(self, name: str) -> dict[str, str]:
        ports = {variable: str(port) for variable, port in self.ports.items()}
        given = ports | {"POSTKAMER_CONFIG": str(self.config), "PATH": "/usr/bin:/bin"}
        settings = environment(given, root=self.folder, secrets=Secrets(KEY, KEY, KEY, TOKENS))
        settings |= self.more
        asked = [each for each in settings["POSTKAMER_OPS_URLS"].split(",") if self._runs(each)]
        settings["POSTKAMER_OPS_URLS"] = ",".join(asked)
        if name in REAL:
            settings["POSTKAMER_AMQP_URL"] = self._broker.url_for(name, PASSWORDS[name])
        if name in STORING:
            password = PASSWORDS[name]
            settings["POSTKAMER_DATABASE_URL"] = self.database.url_for(
                f"postkamer_{name}", password
            )
        return settings

    def _runs(self, pair: str) -> bool:
        """True for `name=address` of a service that this town has."""
        return pair.partition("=")[0] in {each.name for each in self._all}

    def _program(self, name: str) -> Program:
        command = (sys.executable, "-m", "cli.main", name)
        return Program(
            name=name,
            arguments=command,
            environment=self._settings(name),
            folder=self.folder,
            cwd=ROOT,
        )

    def _run(self, command: str, extra: dict[str, str]) -> None:
        program = Program(
            name=command,
            arguments=(sys.executable, "-m", "cli.main", command),
            environment=self._settings(command) | extra,
            folder=self.folder,
            cwd=ROOT,
        )
        process = Process(program)
        process.start()
        while process.exit_code is None:
            time.sleep(0.02)
        assert process.exit_code == 0, program.log.read_text()


def _service(name: str) -> Service:
    """Service whose process has this name."""
    return next(service for service in SERVICES if service.name == name.partition("-")[0])


@contextmanager
def frozen_database(town: Installation) -> Iterator[None]:
    """All processes of the database stand still, and go on afterwards."""
    assert town.database.process
    root = town.database.process.pid
    children = Path(f"/proc/{root}/task/{root}/children").read_text().split()
    pids = [root, *map(int, children)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def answers(url: str) -> bool:
    """True when `url` answers 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


@contextmanager
def installed(
    folder: Path, change: Callable[[str], str] = lambda text: text, **servers: Any
) -> Iterator[Installation]:
    """A running installation. `servers` are the makers of its broker and its database."""
    installation = Installation(folder, change, **servers)
    try:
        installation.start()
        yield installation
    finally:
        installation.discard()
