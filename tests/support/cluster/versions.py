"""A town whose services are of two versions: two folders of code, one broker, one database.

It has three nodes and a stand-by, as docs/operators/cluster.md says. The sandbox is of this version
all the time: it is Meta, the CRM and the identity provider, which no update touches.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from deploy.local.plan import ARCHIVER, DESK
from deploy.local.process import Process
from deploy.local.state import free_port
from deploy.supply_chain.release import extract_commit, git
from tests.support.cluster.brokers import BrokerCluster
from tests.support.cluster.databases import DatabasePair
from tests.support.faults.flaky_link import Road
from tests.support.installation import NEIGHBOUR, PASSWORDS, ROOT, Installation
from tests.support.working_keys import insert_test_keys

WANTED = "POSTKAMER_TEST_UPGRADE_FROM"
"""Variable with the commit or tag to come from."""
FIRST = "4a0f10f3b796a0266845031e1a259917f2d8a345"
"""Commit to come from while no release is tagged: that of the last migration that took away what a
service used, a column of gateways. Later ones keep the rules (`deploy.migration_rules`)."""
OWN_PORTS = {"archiver": ARCHIVER.variable, "desk": DESK.variable}
"""Service -> its port, of those whose processes do not share one: they stand on two machines behind
a proxy."""


class Version(NamedTuple):
    name: str
    folder: Path
    """Folder of the code."""


def find_commit_before() -> str:
    """Return the commit to come from: the one that is asked for, else the last release before this
    commit, else the first one named here. CalledProcessError if this clone does not have it."""
    wanted = os.environ.get(WANTED) or _last_release() or FIRST
    return git("rev-parse", "--verify", f"{wanted}^{{commit}}")


def _last_release() -> str:
    """Return the newest tag before this commit; '' if there is none."""
    try:
        return git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "HEAD^")
    except subprocess.CalledProcessError:
        return ""


def check_out(commit: str, folder: Path) -> Version:
    """Return the version of a commit, with its code in `folder`."""
    extract_commit(commit, folder)
    return Version(commit[:8], folder)


class TwoVersions(Installation):
    """A town that starts with the services of `before`."""

    broker: BrokerCluster  # type: ignore[assignment]
    database: DatabasePair

    def __init__(
        self, folder: Path, before: Version, roads: Mapping[str, tuple[Road, int]]
    ) -> None:
        """Take the configuration of `before`. `roads` lead to the services of `OWN_PORTS`."""
        self._before, self._roads = before, roads
        example = before.folder / "tests" / "examples" / "almelo.toml"
        super().__init__(
            folder,
            lambda _: example.read_text(encoding="utf-8") + NEIGHBOUR,
            self._make_broker,
            DatabasePair,
            has_desk=True,
        )
        self._started = 1
        self.more = {f"POSTKAMER_{name.upper()}_URL": self._door(name) for name in roads}

    @property
    def archiver(self) -> str:
        return self._door("archiver")

    @property
    def desk(self) -> str:
        return self._door("desk")

    def _door(self, service: str) -> str:
        return f"http://127.0.0.1:{self._roads[service][1]}"

    def _make_broker(self, folder: Path, definitions: Mapping[str, Any]) -> BrokerCluster:
        """Make a broker with the queues of the version before, and the users of the town."""
        asked = ("topology", "definitions", "--config", str(self.config))
        code, said = run_command(self._before, asked, {})
        assert code == 0, said
        users = {name: definitions[name] for name in ("users", "permissions")}
        return BrokerCluster(folder, json.loads(said) | users)

    def start(self) -> None:
        """Start the servers, migrate as the version before, and start its services."""
        self._broker.launch()
        self._is_broker_running = True
        self.database.start()
        code, said = self.order(self._before, "migrate")
        assert code == 0, said
        roles = (
            f"alter role postkamer_{name} login password '{password}';"
            for name, password in PASSWORDS.items()
        )
        self.database.execute("".join(roles) + insert_test_keys())
        self._broker.wait()
        for service in self._all:
            program = self._program(service.name)
            folder = ROOT if service.name == "sandbox" else self._before.folder
            self.services[service.name] = Process(replace(program, cwd=folder))
            self.services[service.name].start()
        self.wait_until_ready()
        for name in OWN_PORTS:
            self.lead_to(name, name)

    def start_beside(self, service: str, version: Version) -> str:
        """Start another process of a service, wait until it is ready, and return its name."""
        self._started += 1
        name = self.add_second(service, self._started)
        program = self.services[name].program
        settings = dict(program.environment)
        if variable := OWN_PORTS.get(service):
            settings[variable] = str(free_port())
        self.services[name] = Process(replace(program, cwd=version.folder, environment=settings))
        self.services[name].start()
        self.wait_until_ready(name)
        return name

    def lead_to(self, service: str, name: str) -> None:
        """Let the proxy lead to this process of a service."""
        if variable := OWN_PORTS.get(service):
            settings = self.services[name].program.environment
            self._roads[service][0].lead_to(int(settings[variable]))

    def stop_process(self, name: str) -> int | None:
        """Stop a process as an operator would, and return its exit code."""
        self.services[name].stop()
        return self.services[name].exit_code

    def order(self, version: Version, *arguments: str) -> tuple[int, str]:
        """Exit code and output of an operator's command of a version, as the owner of all."""
        owner = {"POSTKAMER_DATABASE_URL": self.database.url}
        broker = {
            "POSTKAMER_AMQP_URL": self.broker.url,
            "POSTKAMER_BROKER_MANAGEMENT_URL": self.broker.running()[0].management_url,
        }
        return run_command(version, arguments, self._settings("operator") | owner | broker)


def run_command(
    version: Version, arguments: Sequence[str], settings: Mapping[str, str]
) -> tuple[int, str]:
    done = subprocess.run(
        (sys.executable, "-m", "cli.main", *arguments),
        env={"PATH": "/usr/bin:/bin"} | dict(settings),
        cwd=version.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


async def ask(town: TwoVersions, version: Version, *arguments: str) -> tuple[int, str]:
    """Run an operator's command beside the traffic."""
    return await asyncio.to_thread(partial(town.order, version, *arguments))
